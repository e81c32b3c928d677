//! Admission: how much is worked on at a time, and what is refused at once when more comes in.
//!
//! Commands and questions each have a gate of their own, so that neither starves the other. A gate lets
//! so many requests be in work as the service can use; the others wait before it, and how long they
//! have to wait says whether it is overloaded (`controller`). Then the newest are refused before
//! anything is done for them: no token is judged and no byte of a body is read. `tower` has limits for
//! concurrency and rate, but none that measures a wait or shares between callers.
//!
//! What operators ask (`/livez`, `/readyz`, `/metrics`, ..) passes no gate, and nor do their own acts
//! (`/admin/..`). Whoever only waits (a long poll, a slow body) gives its place to others meanwhile.

mod controller;
mod line;
mod gate;
mod body;
mod strangers;

use std::{
    hash::{BuildHasher, RandomState},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use axum::{
    Extension,
    body::{Body, HttpBody},
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use command_service::{
    http::{InWork, Weighed},
    to_its_end::ToItsEnd,
};
use http_body_util::BodyExt;
use query_api::{Place, Turn};
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

use self::{
    body::HeldBody,
    controller::Aim,
    gate::{Gate, Held, Shed},
    line::{UNPROVEN, Whose},
    strangers::Strangers,
};
use crate::{
    embedded::READ_CONNECTIONS,
    serve::{Source, Unlogged},
};

/// How many commands are in work at a time. More of them fill no group commit better.
const COMMANDS: usize = 512;
/// How many questions are in work at a time: those that the database answers, and as many that are
/// being read or written meanwhile.
const QUESTIONS: usize = 2 * READ_CONNECTIONS as usize;
/// What is aimed at, for both. Waits add up with the work itself to what a caller sees, which gives up
/// after seconds; the bursts that drain within an interval are served.
const AIM: Aim = Aim {
    target: Duration::from_millis(50),
    interval: Duration::from_millis(100),
    least_room: 16,
    most_room: 4_096,
};
/// A body counts for one more with each of these, in bytes, until what is in it has been counted.
const BODY_SHARE: u64 = 4 * 1024;
/// How many bytes of bodies may be in memory that gave their place away: four of the longest lists.
const LATE_BYTES: usize = 4 * command_service::http::MAX_LIST_BODY;
/// For how many a body counts that does not say its length.
const UNKNOWN_BODY: usize = 64;
/// What is read of a refused request to save its connection, in bytes, and how long that may take.
const SHORT_BODY: u64 = 4 * 1024;
const MOMENT: Duration = Duration::from_millis(10);
/// How many tokens have a line of their own at a time.
const PROVEN: usize = 4_096;

/// The gates of a service.
#[derive(Clone)]
pub struct Admission(Arc<Gates>);

struct Gates {
    commands: Arc<Gate>,
    questions: Arc<Gate>,
    /// Tokens that opened something lately, as their hashes under a key of this process.
    proven: Cache<Whose, ()>,
    hasher: RandomState,
    strangers: Strangers,
    /// The room that all late bodies share, in bytes.
    late: Arc<Semaphore>,
}

/// The kinds of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Command,
    Question,
}

impl Admission {
    /// Gates that nobody has passed yet.
    #[must_use]
    pub fn new() -> Self {
        Self::of(COMMANDS, QUESTIONS, AIM)
    }

    fn of(commands: usize, questions: usize, aim: Aim) -> Self {
        Self(Arc::new(Gates {
            commands: Gate::new("command", commands, aim),
            questions: Gate::new("question", questions, aim),
            proven: Cache::new(PROVEN),
            hasher: RandomState::new(),
            strangers: Strangers::new(),
            late: Arc::new(Semaphore::new(LATE_BYTES)),
        }))
    }
}

impl Default for Admission {
    fn default() -> Self {
        Self::new()
    }
}

impl Gates {
    const fn gate(&self, kind: Kind) -> &Arc<Gate> {
        match kind {
            Kind::Command => &self.commands,
            Kind::Question => &self.questions,
        }
    }

    /// Which token a request comes with. Its text is hashed as it stands, under a key that nobody
    /// knows: it is not judged here.
    fn presented(&self, headers: &HeaderMap) -> Option<Whose> {
        let value = headers.get(header::AUTHORIZATION)?.as_bytes();
        let token = value.rsplit(|byte| *byte == b' ').next()?;
        Some(self.hasher.hash_one(token).max(UNPROVEN + 1))
    }

    /// Whose line a request stands in.
    fn whose(&self, presented: Option<Whose>) -> Whose {
        presented.filter(|whose| self.proven.get(whose).is_some()).unwrap_or(UNPROVEN)
    }

    /// A token that opened something was valid.
    fn prove(&self, presented: Option<Whose>, response: &Response) {
        if let Some(whose) = presented.filter(|_| response.status().is_success())
            && self.proven.get(&whose).is_none()
        {
            self.proven.insert(whose, ());
        }
    }

    /// A request whose handler can count it anew or give its place back while it waits.
    fn prepared(&self, request: Request, kind: Kind, held: &Arc<Held>, weight: usize) -> Request {
        let (mut parts, body) = request.into_parts();
        match kind {
            Kind::Command => parts.extensions.insert(InWork::with(held.clone())).map(drop),
            Kind::Question => parts.extensions.insert(Turn::at(held.clone())).map(drop),
        };
        let body = if body.is_end_stream() {
            body
        } else {
            Body::new(HeldBody::new(body, held.clone(), weight, self.late.clone()))
        };
        Request::from_parts(parts, body)
    }
}

/// Lets a request in when it is its turn, or refuses it at once; and turns those away who fail to say
/// who they are too often.
pub async fn admit(State(admission): State<Admission>, request: Request, next: Next) -> Response {
    let gates = &*admission.0;
    let source = request.extensions().get::<Source>().map(|source| source.0);
    let response = match route(&request).and_then(kind) {
        Some(kind) => in_turn(gates, kind, request, next).await,
        None if goes_to_its_end(&request) => to_the_end(request, next, None).await,
        None => next.run(request).await,
    };
    gates.strangers.answer(source, response)
}

async fn in_turn(gates: &Gates, kind: Kind, request: Request, next: Next) -> Response {
    let presented = gates.presented(request.headers());
    let weight = if kind == Kind::Command { weight(request.body()) } else { 1 };
    let whose = gates.whose(presented);
    // A body is not read before its sender is known: until then it takes nothing that others need.
    let at_first = if whose == UNPROVEN { 1 } else { weight };
    let place = match gates.gate(kind).enter(whose, at_first).await {
        Ok(place) => place,
        Err(shed) => {
            discard(request.into_body()).await;
            return refused(shed);
        }
    };
    let held = Held::new(place);
    let request = gates.prepared(request, kind, &held, weight);
    let response = if goes_to_its_end(&request) {
        to_the_end(request, next, Some(held.clone())).await
    } else {
        // The question itself keeps its place (`Turn`) until it is answered, or waits for nothing.
        next.run(request).await
    };
    // Whoever reads the answer slowly does it without a place.
    held.leave();
    gates.prove(presented, &response);
    response
}

/// Works a request to its end, whether or not the caller waits for it. It keeps its place until then.
async fn to_the_end(request: Request, next: Next, held: Option<Arc<Held>>) -> Response {
    ToItsEnd::new(async move {
        let response = next.run(request).await;
        if let Some(held) = held {
            held.leave();
        }
        response
    })
    .await
}

/// The first part of a route.
fn section(route: &str) -> Option<&str> {
    route.split('/').nth(1)
}

fn route(request: &Request) -> Option<&str> {
    request.extensions().get::<MatchedPath>().map(MatchedPath::as_str)
}

/// Whether a request is judged to its end though its caller has gone: what may only be done by some
/// leaves a trace of whoever was refused it.
fn goes_to_its_end(request: &Request) -> bool {
    let section = route(request).and_then(section);
    matches!(section, Some("commands" | "admin" | "attempts" | "processes"))
}

/// Whether requests of a route wait at a gate.
pub(crate) fn is_gated(route: &str) -> bool {
    kind(route).is_some()
}

/// What requests of a route ask for; none where they pass no gate.
fn kind(route: &str) -> Option<Kind> {
    match section(route)? {
        "commands" => Some(Kind::Command),
        "" | "livez" | "readyz" | "metrics" | "version" | "openapi.json" | "schemas" | "admin" => {
            None
        }
        _ => Some(Kind::Question),
    }
}

/// For how many a request counts until its body is known.
fn weight(body: &Body) -> usize {
    let hint = body.size_hint();
    let of = |bytes: u64| usize::try_from(bytes / BODY_SHARE).unwrap_or(usize::MAX);
    1 + hint.upper().map_or(UNKNOWN_BODY, of).min(MOST_OF_A_BODY)
}

/// For how many a body counts at most: that of the largest list.
#[expect(clippy::cast_possible_truncation, reason = "a few thousand")]
const MOST_OF_A_BODY: usize = command_service::http::MAX_LIST_BODY / BODY_SHARE as usize;

impl Weighed for Held {
    fn weigh(&self, commands: usize) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.enter(commands.max(1)))
    }
}

impl Place for Held {
    fn leave(&self) {
        self.leave();
    }

    fn enter(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.enter(1))
    }
}

/// Lets a short body pass that comes with its headers, so that the connection can be used again: to
/// open a new one costs both sides more than this does.
async fn discard(body: Body) {
    if body.size_hint().exact().is_some_and(|bytes| bytes <= SHORT_BODY) {
        // Whatever did not come by then ends the connection.
        tokio::time::timeout(MOMENT, body.collect()).await.ok();
    }
}

/// The refusal. It is made of fixed bytes: making it must cost next to nothing.
fn refused(shed: Shed) -> Response {
    const OVERLOADED: &str = "{\"status\":503,\"code\":\"overloaded\",\"title\":\"Service Unavailable\",\
        \"detail\":\"more is asked for than the service can do now; nothing was done\"}";
    const BEYOND_SHARE: &str = "{\"status\":429,\"code\":\"share.exceeded\",\"title\":\"Too Many Requests\",\
        \"detail\":\"the service is overloaded and this token asks for more than its share; nothing was \
        done\"}";
    let (status, body) = match shed {
        Shed::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, OVERLOADED),
        Shed::BeyondShare => (StatusCode::TOO_MANY_REQUESTS, BEYOND_SHARE),
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json")),
        (header::RETRY_AFTER, HeaderValue::from_static("1")),
    ];
    (status, headers, Extension(Unlogged), body).into_response()
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
