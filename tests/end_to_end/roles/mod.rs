//! The role matrix: every route and command, asked with every kind of token.

mod table;

use std::collections::{BTreeMap, BTreeSet};

use hyper::Method;
use serde_json::{Value, json};
use tests::{Annals, Answer, Http, account, until};
use uuid::Uuid;

use self::table::{QUERIES, ROWS};

/// The kinds of tokens, in the order of the table.
const KINDS: [&str; 11] = [
    "none",
    "malformed",
    "unknown",
    "revoked",
    "pending",
    "disabled",
    "read",
    "write",
    "audit",
    "admin",
    "all",
];
/// So many requests without a valid token come from one source: more would be slowed down.
const OF_ONE_SOURCE: usize = 15;

/// One token of each kind, as it is presented.
async fn tokens(annals: &Annals) -> Vec<Option<String>> {
    let new = async |name: &str, scopes: &[&str]| {
        let user = annals.user(name).await;
        let (id, token) = annals.token_for(user, scopes).await;
        (user, id, token)
    };
    let (_, revoked_id, revoked) = new("revoked", &["read", "write", "audit", "admin"]).await;
    annals.accept("RevokeToken", json!({ "token_id": revoked_id })).await;
    let (waiting, _, _) = new("pending", &["read"]).await;
    let (_, pending) = annals.token_for(waiting, &["read", "write", "audit", "admin"]).await;
    let (gone, _, disabled) = new("disabled", &["read", "write", "audit", "admin"]).await;
    annals.accept("DisableUser", json!({ "user_id": gone })).await;
    let unknown = format!("annals_{}_{}", Uuid::from_u128(9).simple(), "0".repeat(64));
    let mut all = vec![
        None,
        Some("annals_nonsense".to_owned()),
        Some(unknown),
        Some(revoked),
        Some(pending),
        Some(disabled),
    ];
    for scope in ["read", "write", "audit", "admin"] {
        all.push(Some(new(scope, &[scope]).await.2));
    }
    all.push(Some(annals.token()));
    all
}

/// A path as it is asked: an id of a record where there is one of that kind.
fn asked(path: &str, ids: &BTreeMap<&str, Uuid>) -> String {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let id =
        ids.get(first).copied().unwrap_or(Uuid::from_u128(0xA11_0000_4000_8000_0000_0000_0001));
    let path = path.replace("{id}", &id.to_string());
    let path = path.replace("{type}/{version}", "account.created/1");
    match QUERIES.iter().find(|(of, _)| *of == path) {
        Some((_, query)) => format!("{path}?{query}"),
        None => path,
    }
}

async fn ask(http: &Http, method: &Method, path: &str) -> Answer {
    let body = if *method == Method::POST { b"{}".to_vec() } else { Vec::new() };
    http.send(method.clone(), path, &[("content-type", "application/json")], body).await
}

/// What is wrong with an answer, if anything is.
fn complaint(answer: &Answer, expected: char) -> Option<String> {
    let (status, code) = match expected {
        '1' => (401, Some("auth.required")),
        '3' => (403, Some("access.denied")),
        '2' => (200, None),
        '4' => (404, None),
        '5' => (422, None),
        other => return Some(format!("the table holds `{other}`")),
    };
    let body: Value = serde_json::from_slice(&answer.bytes).unwrap_or_default();
    let is_right = answer.status.as_u16() == status && code.is_none_or(|code| body["code"] == code);
    (!is_right).then(|| format!("{} {}", answer.status, answer.text()))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_and_command_opens_to_the_tokens_that_the_table_names_and_to_no_other() {
    let annals = Annals::start().await;
    let contoso = annals.account("Contoso").await.id;
    let person = annals.contact("Bia", "Lima", account(contoso)).await.id;
    let deal = annals.deal(account(contoso), "10.00", "10", "2027-12-31").await.id;
    let ids =
        BTreeMap::from([("accounts", contoso), ("contacts", person), ("opportunities", deal)]);
    let tokens = tokens(&annals).await;
    annals.now("/accounts").await;
    until("it is ready", async || annals.get("/readyz").await.status == 200).await;

    let mut wrong = Vec::new();
    let mut unauthenticated = 0;
    for (route, answers) in ROWS {
        let (method, path) = route.split_once(' ').expect("a method and a path");
        let method: Method = method.parse().expect("a method");
        let path = asked(path, &ids);
        let answers: Vec<_> = answers.chars().filter(|c| *c != ' ').collect();
        assert_eq!(answers.len(), KINDS.len(), "{route}");
        for ((kind, token), expected) in KINDS.iter().zip(&tokens).zip(answers) {
            unauthenticated += usize::from(expected == '1');
            let source = unauthenticated / OF_ONE_SOURCE;
            let http = annals.with_token(token.as_deref()).from_source(source);
            if let Some(complaint) = complaint(&ask(&http, &method, &path).await, expected) {
                wrong.push(format!("{route} with the token `{kind}`: {complaint}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn no_route_of_the_document_is_without_a_row() {
    let annals = Annals::start().await;
    let document = annals.get("/openapi.json").await.ok();
    let rows: BTreeSet<_> = ROWS.iter().map(|(route, _)| (*route).to_owned()).collect();
    assert_eq!(rows.len(), ROWS.len(), "a route stands twice");
    let mut missing = Vec::new();
    let paths = document["paths"].as_object().expect("paths");
    for (path, operations) in paths {
        for method in operations.as_object().expect("operations").keys() {
            let route = format!("{} {path}", method.to_uppercase());
            if !rows.contains(&route) {
                missing.push(route);
            }
        }
    }
    assert!(paths.len() > 90, "a small document: {}", paths.len());
    assert_eq!(missing, Vec::<String>::new(), "add them to roles/table.rs");
}
