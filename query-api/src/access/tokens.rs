//! `GET /tokens`: which tokens there are, whose they are and who issued them. Never a secret.

use axum::extract::State;
use events::{
    Actor, Instant,
    access::Scope,
    ids::{TokenId, UserId},
    values::Line,
};
use projection_service::{
    access::{TOKENS, TokenRecord, TokenState},
    record::Erased,
    table::Value,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::{
    http::{
        App,
        answer::Answered,
        moment::{Ask, Senses},
        problem::Problem,
    },
    list::{List, Test, filter, sort},
    records::answer_page,
};

const STATES: &[&str] = &["Pending", "Active", "Revoked"];

const OF_USER: crate::list::Filter = filter("user", "user_id", Test::Id);

/// `GET /tokens`.
pub(crate) static TOKEN_LIST: List = List {
    path: "/tokens",
    table: &TOKENS,
    filters: &[OF_USER, filter("state", "state", Test::OneOf(STATES))],
    sorts: &[sort("id", "id")],
};

/// A token as it is listed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ListedToken {
    id: TokenId,
    /// Who acts with it.
    user: UserId,
    /// What it is for.
    label: Option<Line<100>>,
    /// What it opens.
    scopes: Vec<Scope>,
    /// Whether it opens anything: `Pending` not before its user has accepted it.
    state: TokenState,
    /// Who issued it.
    issued_by: Actor,
    /// With which token; none where the product itself did.
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_with: Option<TokenId>,
    /// When.
    issued_at: Instant,
    /// When it was accepted or revoked, or else issued.
    changed_at: Instant,
    /// The fields whose values were erased.
    #[serde(skip_serializing_if = "Erased::is_empty")]
    erased: Erased,
}

impl From<TokenRecord> for ListedToken {
    fn from(token: TokenRecord) -> Self {
        Self {
            id: token.id,
            user: token.user,
            label: token.label,
            scopes: token.scopes,
            state: token.state,
            issued_by: token.created_by,
            issued_with: token.issued_with,
            issued_at: token.created_at,
            changed_at: token.changed_at,
            erased: token.erased,
        }
    }
}

/// All tokens for who may administer, for others those of their own user.
pub(crate) async fn tokens(State(app): State<App>, ask: Ask) -> Answered {
    let (moment, params) = app.open(&ask, Senses::Recorded).await?;
    let mut wish = TOKEN_LIST.wish(params)?;
    if !moment.caller.may(Scope::Admin) {
        wish.filters.push((OF_USER, Value::Id(moment.caller.user.0)));
    }
    answer_page(moment, &TOKEN_LIST, &wish, listed).await
}

fn listed(document: &str) -> Result<Box<RawValue>, Problem> {
    let token: TokenRecord = serde_json::from_str(document)?;
    Ok(to_raw_value(&ListedToken::from(token))?)
}
