//! `annals token`: issue and revoke API tokens. A secret is only ever written to a file.

use std::{fs, path::Path};

use aws_lc_rs::rand;
use events::{
    access::{PresentedToken, Scope},
    ids::TokenId,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::print;
use crate::{
    client::Client,
    config::{Service, Token, TokenOperation},
    exit::{Code, Exit},
    folder::write_private,
    service::{Connected, Missing},
};

/// Issues or revokes a token.
///
/// # Errors
/// When the service cannot be reached or refuses, or the file cannot be written.
pub async fn run(service: &Service, token: Token) -> Result<(), Exit> {
    match token.operation {
        TokenOperation::Issue { user, scopes, label, out, target } => {
            let scopes = parse_scopes(&scopes)?;
            if out.exists() {
                let line = format!("{} is there already", out.display());
                return Err(Exit::new(Code::Usage, line));
            }
            let connected = Connected::to(service, &target, Missing::Refuse).await?;
            let outcome = issue(&connected.client, user, &scopes, label, &out).await;
            connected.close().await;
            outcome
        }
        TokenOperation::Recover(recover) => super::recover::run(service, recover).await,
        TokenOperation::List { target } => {
            let connected = Connected::to(service, &target, Missing::Refuse).await?;
            let listed = list(&connected.client).await;
            connected.close().await;
            listed
        }
        TokenOperation::Accept { id, target } => {
            let connected = Connected::to(service, &target, Missing::Refuse).await?;
            let body = json!({ "token_id": id });
            let outcome = connected.client.post_json::<Value>("/commands/AcceptToken", &body).await;
            connected.close().await;
            outcome.map_err(Exit::failed)?;
            print(&format!("accepted {id}: it opens what its scopes say\n"));
            Ok(())
        }
        TokenOperation::Revoke { id, target } => {
            let connected = Connected::to(service, &target, Missing::Refuse).await?;
            let body = json!({ "token_id": id });
            let outcome = connected.client.post_json::<Value>("/commands/RevokeToken", &body).await;
            connected.close().await;
            outcome.map_err(Exit::failed)?;
            print(&format!("revoked {id}\n"));
            Ok(())
        }
    }
}

/// Prints the tokens, a line each. Labels and ids only: a secret is nowhere.
async fn list(client: &Client) -> Result<(), Exit> {
    let mut after = String::new();
    print(
        "token                                 state    user                                  scopes                  issued by                             at                           label\n",
    );
    loop {
        let path = format!("/tokens?limit=200{after}");
        let page: Value = client.get_from_queries(&path).await.map_err(Exit::failed)?;
        for token in page.get("items").and_then(Value::as_array).into_iter().flatten() {
            print(&row(token));
        }
        match page.get("next").and_then(Value::as_str) {
            Some(next) => after = format!("&cursor={next}"),
            None => return Ok(()),
        }
    }
}

fn row(token: &Value) -> String {
    let text = |pointer: &str| token.pointer(pointer).and_then(Value::as_str).unwrap_or("-");
    let scopes = token.get("scopes").and_then(Value::as_array);
    let scopes: Vec<_> = scopes.into_iter().flatten().filter_map(Value::as_str).collect();
    let issuer = match text("/issued_by/kind") {
        "user" => text("/issued_by/id"),
        kind => kind,
    };
    format!(
        "{:36}  {:7}  {:36}  {:22}  {issuer:36}  {:27}  {}\n",
        text("/id"),
        text("/state"),
        text("/user"),
        scopes.join(","),
        text("/issued_at"),
        text("/label"),
    )
}

/// The scopes of these names.
pub(super) fn parse_scopes(names: &[String]) -> Result<Vec<Scope>, Exit> {
    names
        .iter()
        .map(|name| {
            Scope::from_name(name).ok_or_else(|| {
                let line = format!("`{name}` is no scope: read, write, audit, admin");
                Exit::new(Code::Usage, line)
            })
        })
        .collect()
}

async fn issue(
    client: &Client,
    user: Option<Uuid>,
    scopes: &[Scope],
    label: Option<String>,
    out: &Path,
) -> Result<(), Exit> {
    let user = match user {
        Some(user) => user,
        None => own_user(client).await?,
    };
    let mut secret = [0; 32];
    rand::fill(&mut secret).map_err(|_| Exit::failed("the system has no randomness"))?;
    let token = TokenId(fresh_id());
    // The file first: an issued token that nobody can read would be of no use.
    write_private(out, PresentedToken::text(token, &secret).as_bytes())
        .map_err(|error| Exit::new(Code::Usage, format!("{}: {error}", out.display())))?;
    let mut body = json!({
        "token_id": token,
        "user": user,
        "scopes": scopes,
        "secret_sha256": hex::encode(PresentedToken::digest(&secret)),
    });
    if let Some(label) = label {
        body["label"] = Value::String(label);
    }
    let accepted = match client.post_json::<Value>("/commands/IssueToken", &body).await {
        Ok(accepted) => accepted,
        Err(error) => {
            // It opens nothing; leaving it would only puzzle.
            fs::remove_file(out).ok();
            return Err(Exit::failed(error));
        }
    };
    print(&format!("issued {token}: its text is in {} (mode 0600)\n", out.display()));
    if is_pending(client, &accepted, token).await {
        print(&format!(
            "it opens nothing before its user accepts it: annals token accept {} --token-file <a \
             token of theirs>\n",
            token.0.simple()
        ));
    }
    Ok(())
}

/// Whether the token waits for its user. Who may not ask is told nothing.
async fn is_pending(client: &Client, accepted: &Value, token: TokenId) -> bool {
    let position = accepted.get("position").and_then(Value::as_str).unwrap_or("0");
    let path = format!("/tokens?state=Pending&limit=200&at_least={position}");
    let page: Value = client.get_from_queries(&path).await.unwrap_or_default();
    let items = page.get("items").and_then(Value::as_array);
    let id = token.0.to_string();
    items.into_iter().flatten().any(|item| item.get("id").and_then(Value::as_str) == Some(&id))
}

#[expect(clippy::disallowed_methods, reason = "the edge where ids are drawn")]
pub(super) fn fresh_id() -> Uuid {
    Uuid::now_v7()
}

async fn own_user(client: &Client) -> Result<Uuid, Exit> {
    let me: Value =
        client.get_json("/me").await.map_err(|error| Exit::new(Code::Unreachable, error))?;
    me.get("user")
        .and_then(Value::as_str)
        .and_then(|text| Uuid::try_parse(text).ok())
        .ok_or_else(|| Exit::failed("the service does not say who the token acts for"))
}
