//! `POST /commands/{Name}`.

use std::borrow::Cow;

use axum::{
    Json,
    body::Body,
    extract::{Path, Request as HttpRequest, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use events::{Channel, access::Scope, ids::CommandId, values::nearest};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    App, DEADLINE, MAX_BODY, body,
    headers::{CommandHeaders, bearer, channel, given_id},
    problem::Problem,
    strict_json,
};
use crate::{
    attempts::Refused,
    caller::Caller,
    command::Entry,
    handle::{Accepted, Request},
    refusal::Refusal,
    to_its_end::ToItsEnd,
};

/// The command took effect.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AcceptedBody {
    /// The record it was about.
    pub(crate) record: events::ids::RecordRef,
    /// The record's version after it: the `ETag`.
    pub(crate) version: u64,
    /// Hand this to a query as `at_least`, and it answers from after the command.
    pub(crate) position: String,
}

impl From<Accepted> for AcceptedBody {
    fn from(accepted: Accepted) -> Self {
        Self {
            record: accepted.record,
            version: accepted.version.0,
            position: accepted.position.to_string(),
        }
    }
}

impl App {
    /// Checks the caller's token.
    pub(crate) async fn caller(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let presented = bearer(headers)?;
        self.handler.authenticate(&presented).await?.ok_or_else(Problem::unauthenticated)
    }

    /// Lets only callers on whose token opens `scope`. That somebody else tried is kept under `route`,
    /// the method and the pattern: `GET /attempts`.
    ///
    /// # Errors
    /// 401 without a valid token, 403 without the scope.
    pub async fn allow(
        &self,
        headers: &HeaderMap,
        scope: Scope,
        route: &'static str,
    ) -> Result<(), Problem> {
        let caller = self.caller(headers).await?;
        if caller.may(scope) {
            return Ok(());
        }
        Err(self.refuse(&caller, route, None, Refusal::AccessDenied.into()).await)
    }

    /// The command of that name.
    pub(crate) fn entry(&self, name: &str) -> Result<&Entry, Problem> {
        self.entries.get(name).ok_or_else(|| {
            let near = nearest(name, self.entries.keys().copied());
            let hint = near.map_or_else(String::new, |near| format!(" (did you mean {near}?)"));
            let detail = format!("there is no such command{hint}: `annals commands` lists all");
            Problem::new(StatusCode::NOT_FOUND, "command.unknown", detail)
        })
    }

    pub(crate) fn request(
        &self,
        entry: &Entry,
        body: &RawValue,
        headers: CommandHeaders,
        caller: &Caller,
        channel: Channel,
    ) -> Result<Request, Problem> {
        let command_id = headers.command_id.unwrap_or_else(|| CommandId((self.draw_id)()));
        Ok(Request {
            command_id,
            name: entry.name,
            command: (entry.parse)(body)?,
            expected: headers.expected,
            effective_at: headers.effective_at,
            reason: headers.reason,
            actor: caller.actor(),
            authority: Some(caller.authority()),
            on_behalf_of: None,
            channel,
            causation_id: command_id.0,
            correlation_id: command_id.0,
            freshened: None,
        })
    }

    /// Something that was refused before the write loop saw it. `name` is the command's, or the route.
    pub(crate) fn refused(
        &self,
        caller: &Caller,
        name: impl Into<Cow<'static, str>>,
        command_id: Option<CommandId>,
        problem: &Problem,
    ) -> Refused {
        Refused {
            actor: caller.actor(),
            token: Some(caller.token),
            command_id: command_id.unwrap_or_else(|| CommandId((self.draw_id)())),
            name: name.into(),
            stream: None,
            code: problem.code,
        }
    }

    /// Keeps that something was refused before the write loop saw it; answers with what the caller
    /// hears.
    pub(crate) async fn refuse(
        &self,
        caller: &Caller,
        name: impl Into<Cow<'static, str>>,
        command_id: Option<CommandId>,
        problem: Problem,
    ) -> Problem {
        let refused = self.refused(caller, name, command_id, &problem);
        match self.handler.attempts.keep(vec![refused]).await {
            Ok(()) => self.heard(caller, problem),
            Err(error) => error.into(),
        }
    }

    /// What a caller hears of a refusal that was kept: one who is refused all the time hears that.
    fn heard(&self, caller: &Caller, problem: Problem) -> Problem {
        let is_refusal = StatusCode::from_u16(problem.status).is_ok_and(|it| it.is_client_error());
        if is_refusal && self.handler.attempts.is_beyond(caller.token) {
            Problem::refused_too_often()
        } else {
            problem
        }
    }

    /// Runs a request to its end, even when the caller goes away, and answers within the deadline.
    pub(crate) async fn run(&self, request: Request) -> Result<Accepted, Problem> {
        let handler = self.handler.clone();
        // A caller that hangs up must not leave a command half done.
        let running = ToItsEnd::new(async move { handler.handle(request).await });
        match tokio::time::timeout(DEADLINE, running).await {
            Ok(answer) => Ok(answer?),
            Err(_elapsed) => Err(Problem::behind()),
        }
    }
}

/// Refuses callers whose token does not open the command.
pub(crate) fn may_send(caller: &Caller, entry: &Entry) -> Result<(), Problem> {
    if entry.access.allows(&caller.scopes) { Ok(()) } else { Err(Refusal::AccessDenied.into()) }
}

/// A caller who may send commands at all; which ones, is asked command by command.
pub(crate) fn may_write(caller: &Caller) -> Result<(), Problem> {
    if caller.may(Scope::Write) || caller.may(Scope::Admin) {
        Ok(())
    } else {
        Err(Refusal::AccessDenied.into())
    }
}

/// The order of refusals: the token, its scope, the name, the body, the command itself. The body is
/// not read before the caller is known to be allowed to send it.
pub(super) async fn command(
    State(app): State<App>,
    Path(name): Path<String>,
    request: HttpRequest,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let headers = parts.headers;
    let caller = app.caller(&headers).await?;
    let entry = match app.entry(&name) {
        Ok(entry) => entry,
        Err(unknown) => {
            let problem = may_write(&caller).err().unwrap_or(unknown);
            return Err(app.refuse(&caller, name, given_id(&headers), problem).await);
        }
    };
    let request = match read(&app, entry, &caller, &headers, body).await {
        Ok(request) => request,
        Err(problem) => {
            return Err(app.refuse(&caller, entry.name, given_id(&headers), problem).await);
        }
    };
    let accepted = app.run(request).await.map_err(|problem| app.heard(&caller, problem))?;
    Ok(answer(accepted))
}

async fn read(
    app: &App,
    entry: &Entry,
    caller: &Caller,
    headers: &HeaderMap,
    body: Body,
) -> Result<Request, Problem> {
    may_send(caller, entry)?;
    let body = body::whole(headers, body, MAX_BODY).await?;
    strict_json::check(&body)?;
    let raw: &RawValue = serde_json::from_slice(&body).map_err(|error| {
        strict_json::JsonError::Syntax { line: error.line(), column: error.column() }
    })?;
    let parsed = CommandHeaders::parse(headers)?;
    let request = app.request(entry, raw, parsed, caller, channel(headers)?)?;
    Ok(Request { freshened: Some(caller.freshened), ..request })
}

/// The same status and body for every repeat; only a header tells that it is one.
fn answer(accepted: Accepted) -> Response {
    let replayed = accepted.replayed;
    let etag = format!("\"{}\"", accepted.version);
    let position = accepted.position.to_string();
    let mut response = Json(AcceptedBody::from(accepted)).into_response();
    let headers = response.headers_mut();
    let pairs = [(header::ETAG, etag), (HeaderName::from_static("annals-position"), position)];
    for (name, value) in pairs {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    if replayed {
        headers.insert(
            HeaderName::from_static("idempotency-replayed"),
            HeaderValue::from_static("true"),
        );
    }
    response
}
