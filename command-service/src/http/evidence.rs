//! `GET /attempts`: the commands that were refused; that they were tried is evidence. And
//! `GET /processes`: how far the process managers are. And `GET /me`: who is asking.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
};
use events::{Actor, Instant, access::Scope};
use events_log::store::EventLog;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{App, problem::Problem};

/// The most attempts on a page.
const PAGE_MAX: usize = 200;

/// Which attempts are asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttemptsQuery {
    #[serde(default)]
    after: u64,
    #[serde(default = "page_max")]
    limit: usize,
}

const fn page_max() -> usize {
    PAGE_MAX
}

/// One refused command, or another request that the token does not open.
#[derive(Serialize, JsonSchema)]
pub struct AttemptBody {
    /// Its place in the attempt log; hand the last one back as `after`.
    number: u64,
    /// When it was refused.
    at: Instant,
    /// Who tried.
    actor: Actor,
    /// The command's id.
    command_id: Uuid,
    /// The command's name; for what is no command the method and the pattern of its route.
    command: String,
    /// The stream it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<String>,
    /// The rule that refused it.
    code: String,
    /// The token it came with, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<Uuid>,
    /// How many this stands for: more than one where a token was refused too often for a row each.
    count: u64,
}

/// A page of refused commands, oldest first.
#[derive(Serialize, JsonSchema)]
pub struct Attempts {
    items: Vec<AttemptBody>,
}

pub(super) async fn attempts(
    State(app): State<App>,
    headers: HeaderMap,
    query: Result<Query<AttemptsQuery>, QueryRejection>,
) -> Result<Json<Attempts>, Problem> {
    app.allow(&headers, Scope::Audit, "GET /attempts").await?;
    page_of_attempts(&*app.handler.store, query).await
}

/// A page of the attempt log, for who was allowed to see it.
///
/// # Errors
/// When the question makes no sense, or the store cannot be read.
pub async fn page_of_attempts(
    store: &dyn EventLog,
    query: Result<Query<AttemptsQuery>, QueryRejection>,
) -> Result<Json<Attempts>, Problem> {
    let Query(AttemptsQuery { after, limit }) = query.map_err(|_| invalid())?;
    // No number is greater than what a store can hold.
    if limit == 0 || limit > PAGE_MAX || i64::try_from(after).is_err() {
        return Err(invalid());
    }
    let page = store.attempts(after, limit).await?;
    let items = page.into_iter().map(|recorded| AttemptBody {
        number: recorded.number,
        at: recorded.attempt.at,
        actor: recorded.attempt.actor,
        command_id: recorded.attempt.command_id.0,
        command: recorded.attempt.command.to_string(),
        stream: recorded.attempt.stream.map(|stream| stream.to_string()),
        code: recorded.attempt.code.to_string(),
        token: recorded.attempt.token.map(|token| token.0),
        count: recorded.attempt.count,
    });
    Ok(Json(Attempts { items: items.collect() }))
}

/// How far the process managers are.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Processes {
    /// The position up to which every reaction has run.
    checkpoint: String,
    /// The last position of the log.
    head: String,
}

pub(super) async fn processes(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Json<Processes>, Problem> {
    app.allow(&headers, Scope::Audit, "GET /processes").await?;
    let checkpoint = app.handler.store.checkpoint(crate::reactions::CHECKPOINT).await?;
    let head = app.handler.store.head().await?;
    Ok(Json(Processes { checkpoint: checkpoint.to_string(), head: head.position.to_string() }))
}

/// Who a token acts for, and what it opens.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Me {
    /// The user.
    user: Uuid,
    /// The token.
    token: Uuid,
    /// What it opens.
    scopes: Vec<Scope>,
}

pub(super) async fn me(State(app): State<App>, headers: HeaderMap) -> Result<Json<Me>, Problem> {
    let caller = app.caller(&headers).await?;
    Ok(Json(Me { user: caller.user.0, token: caller.token.0, scopes: caller.scopes.to_vec() }))
}

fn invalid() -> Problem {
    let detail = "the parameters are `after` (a number) and `limit` (1 to 200)";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "query.invalid", detail)
}
