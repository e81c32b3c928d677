//! `POST /commands`: a list, answered item by item.
//!
//! Items on one stream run in order, others together. After a refused item the rest of its stream
//! answers `command.not_tried`.

use std::collections::HashMap;

use axum::{
    Json,
    body::Body,
    extract::{Request as HttpRequest, State},
    http::{HeaderMap, StatusCode},
};
use events::{
    Channel, Version,
    ids::{CommandId, RecordRef, StreamName},
    values::Prose,
};
use futures_util::{StreamExt, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{
    App, MAX_LIST, MAX_LIST_BODY, body,
    headers::{CommandHeaders, channel, instant},
    in_work::InWork,
    one::{may_send, may_write},
    problem::Problem,
    strict_json,
};
use crate::{
    attempts::Refused,
    body::{ParseError, explain, is_object, judge_id},
    caller::Caller,
    command::Entry,
    handle::{Accepted, Expected, Request},
    refusal::Refusal,
};

/// What attempts call a list that was refused as a whole.
const ROUTE: &str = "POST /commands";
/// How many streams of one list are worked on at a time.
const TOGETHER: usize = 512;

/// One command of a list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Item")]
pub(crate) struct Item<D> {
    /// The command's id: makes it happen once.
    #[serde(default)]
    id: Option<CommandId>,
    /// Its name.
    #[serde(rename = "type")]
    name: String,
    /// The command.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    data: D,
    /// The version the caller has seen.
    #[serde(default)]
    expected_version: Option<Version>,
    /// Business time, RFC 3339.
    #[serde(default)]
    effective_at: Option<String>,
    /// Why.
    #[serde(default)]
    reason: Option<Prose>,
}

/// What became of one command of a list.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "status", rename_all = "lowercase")]
pub(crate) enum ItemAnswer {
    /// It took effect.
    Accepted {
        /// The command's id.
        id: Uuid,
        /// The record it was about.
        record: RecordRef,
        /// The record's version after it.
        version: u64,
        /// Hand this to a query as `at_least`.
        position: String,
        /// Whether it had been accepted before.
        replayed: bool,
    },
    /// It did not.
    Refused {
        /// The command's id, where it had one.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Uuid>,
        /// Why.
        problem: Box<Problem>,
    },
}

pub(super) async fn commands(
    State(app): State<App>,
    request: HttpRequest,
) -> Result<Json<Vec<ItemAnswer>>, Problem> {
    let (parts, body) = request.into_parts();
    let caller = app.caller(&parts.headers).await?;
    let (items, channel) = match read(&caller, &parts.headers, body).await {
        Ok(read) => read,
        Err(problem) => return Err(app.refuse(&caller, ROUTE, None, problem).await),
    };
    if let Some(in_work) = parts.extensions.get::<InWork>() {
        in_work.weigh(items.len()).await;
    }
    Ok(Json(run_all(&app, items, &caller, channel).await?))
}

async fn read(
    caller: &Caller,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Vec<Listed>, Channel), Problem> {
    may_write(caller)?;
    let body = body::whole(headers, body, MAX_LIST_BODY).await?;
    strict_json::check(&body)?;
    let items = items(&body)?;
    if items.len() > MAX_LIST {
        let detail = format!("a list has at most {MAX_LIST} commands");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "list.too_long", detail));
    }
    Ok((items, channel(headers)?))
}

/// An item as it came: its command is parsed on its own.
type Listed = Item<Box<RawValue>>;

/// The items of a list. Each is an object: fields without names would be taken by their order.
fn items(body: &[u8]) -> Result<Vec<Listed>, Problem> {
    let invalid = |pointer: String, detail: &str| {
        let detail = format!("{detail}: a list holds objects with `type`, `data` and more");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "list.invalid", detail).at(pointer)
    };
    let items: Vec<&RawValue> = serde_json::from_slice(body)
        .map_err(|_| invalid(String::new(), "the body must be a list"))?;
    let parse = |(index, item): (usize, &RawValue)| {
        if !is_object(item) {
            return Err(invalid(format!("/{index}"), "must be a JSON object"));
        }
        let parsed = serde_json::from_str::<Listed>(item.get());
        let parsed = parsed.map_err(|error| {
            let ParseError { pointer, detail } = explain::<Item<IgnoredAny>>(item, &error);
            invalid(format!("/{index}{pointer}"), &detail)
        })?;
        if !is_object(&parsed.data) {
            return Err(invalid(format!("/{index}/data"), "must be a JSON object"));
        }
        if let Some(Err(why)) = parsed.id.map(|id| judge_id(id.0)) {
            return Err(invalid(format!("/{index}/id"), why));
        }
        Ok(parsed)
    };
    items.into_iter().enumerate().map(parse).collect()
}

async fn run_all(
    app: &App,
    items: Vec<Listed>,
    caller: &Caller,
    channel: Channel,
) -> Result<Vec<ItemAnswer>, Problem> {
    let count = items.len();
    let mut answers: Vec<Option<ItemAnswer>> = (0..count).map(|_| None).collect();
    let mut by_stream: HashMap<StreamName, Vec<(usize, Request)>> = HashMap::new();
    let mut order = Vec::new();
    let mut refused = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let id = item.id.map(|id| id.0);
        let entry = app.entry(&item.name);
        let parsed = match &entry {
            Ok(entry) => parse(app, entry, item, caller, channel).inspect_err(|problem| {
                refused.push(app.refused(caller, entry.name, id.map(CommandId), problem));
            }),
            Err(problem) => {
                refused.push(app.refused(caller, item.name, id.map(CommandId), problem));
                Err(problem.clone())
            }
        };
        match parsed {
            Ok(request) => {
                let stream = request.command.stream(request.command_id);
                let requests = by_stream.entry(stream).or_default();
                if requests.is_empty() {
                    order.push(stream);
                }
                requests.push((index, request));
            }
            Err(problem) => {
                answers[index] = Some(ItemAnswer::Refused { id, problem: Box::new(problem) });
            }
        }
    }
    if !refused.is_empty() {
        app.handler.attempts.keep(refused).await?;
    }
    let groups = order.into_iter().filter_map(|stream| Some((stream, by_stream.remove(&stream)?)));
    let mut running = stream::iter(groups)
        .map(|(stream, requests)| run_stream(app, stream, requests))
        .buffer_unordered(TOGETHER);
    while let Some(done) = running.next().await {
        for (index, answer) in done {
            answers[index] = Some(answer);
        }
    }
    Ok(answers.into_iter().flatten().collect())
}

fn parse(
    app: &App,
    entry: &Entry,
    item: Listed,
    caller: &Caller,
    channel: Channel,
) -> Result<Request, Problem> {
    may_send(caller, entry)?;
    let headers = CommandHeaders {
        command_id: item.id,
        expected: item.expected_version.map(Expected::version),
        effective_at: item.effective_at.as_deref().map(instant).transpose()?,
        reason: item.reason,
    };
    app.request(entry, &item.data, headers, caller, channel)
}

/// The commands on one stream, one after the other.
async fn run_stream(
    app: &App,
    stream: StreamName,
    requests: Vec<(usize, Request)>,
) -> Vec<(usize, ItemAnswer)> {
    let mut answers = Vec::with_capacity(requests.len());
    let mut requests = requests.into_iter();
    for (index, request) in requests.by_ref() {
        let id = request.command_id.0;
        match run_beside(app, request).await {
            Ok(accepted) => answers.push((index, accepted_item(id, accepted))),
            Err(problem) => {
                answers.push((index, refused_item(id, problem)));
                break;
            }
        }
    }
    let rest: Vec<_> = requests.collect();
    if !rest.is_empty() {
        answers.extend(not_tried(app, stream, rest).await);
    }
    answers
}

/// Runs a command in a task of its own: those of a list are worked on at the same time.
async fn run_beside(app: &App, request: Request) -> Result<Accepted, Problem> {
    let app = app.clone();
    tokio::spawn(async move { app.run(request).await }).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a command was given up by a mistake of ours");
        Err(Refusal::Internal.into())
    })
}

/// What stands behind a refused command on the same record: kept as refused like that one.
async fn not_tried(
    app: &App,
    stream: StreamName,
    requests: Vec<(usize, Request)>,
) -> Vec<(usize, ItemAnswer)> {
    let detail = "a command before it on the same record was refused";
    let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "command.not_tried", detail);
    let refused = requests.iter().map(|(_, request)| Refused {
        actor: request.actor,
        token: request.token(),
        command_id: request.command_id,
        name: request.name.into(),
        stream: Some(stream),
        code: problem.code,
    });
    let kept = app.handler.attempts.keep(refused.collect()).await;
    let problem = kept.map_or_else(Problem::from, |()| problem);
    let answer = |(index, request): (usize, Request)| {
        (index, refused_item(request.command_id.0, problem.clone()))
    };
    requests.into_iter().map(answer).collect()
}

fn accepted_item(id: Uuid, accepted: Accepted) -> ItemAnswer {
    ItemAnswer::Accepted {
        id,
        record: accepted.record,
        version: accepted.version.0,
        position: accepted.position.to_string(),
        replayed: accepted.replayed,
    }
}

fn refused_item(id: Uuid, problem: Problem) -> ItemAnswer {
    ItemAnswer::Refused { id: Some(id), problem: Box::new(problem) }
}
