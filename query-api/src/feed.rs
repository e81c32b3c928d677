//! The log as a feed: `CloudEvents` 1.0, one JSON document a line, what is personal sealed.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use events::{
    Position, Recorded,
    ids::{Category, LogId, StreamName},
};
use events_log::store::EventFeed;
use futures_util::stream;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    as_of,
    http::{
        App,
        answer::{self, Answered},
        frame::Frame,
        moment::{Ask, Senses},
        params::Params,
        problem::Problem,
    },
};

/// How many events are read from the log at once.
const BATCH: usize = 1_000;
/// The most events of one answer.
pub(crate) const MAX_EVENTS: usize = 1_000_000;
/// How long `wait=true` waits for the first event.
const PATIENCE: Duration = Duration::from_secs(25);

/// One event as `CloudEvents` writes it; extension names are lower-case alphanumerics.
#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: uuid::Uuid,
    source: String,
    #[serde(rename = "type")]
    kind: &'a str,
    subject: String,
    /// Business time.
    time: events::Instant,
    datacontenttype: &'static str,
    dataschema: String,
    /// The position, padded, so that it compares as a text.
    sequence: String,
    position: String,
    recordedtime: events::Instant,
    streamversion: u64,
    schemaversion: u16,
    logid: LogId,
    actorkind: &'static str,
    actorid: uuid::Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    onbehalfof: Option<uuid::Uuid>,
    channel: &'static str,
    commandid: uuid::Uuid,
    causationid: uuid::Uuid,
    correlationid: uuid::Uuid,
    leafhash: String,
    /// The stored payload, byte for byte.
    data: &'a RawValue,
}

fn line(recorded: &Recorded, log: LogId, out: &mut Vec<u8>) -> Result<(), Problem> {
    let event = &recorded.event;
    let cause = event.cause;
    let cloud_event = CloudEvent {
        specversion: "1.0",
        id: event.event_id.0,
        source: format!("/logs/{log}/{}", recorded.stream.category),
        kind: &event.event_type.name,
        subject: recorded.stream.to_string(),
        time: recorded.effective_at(),
        datacontenttype: events::envelope::JSON,
        dataschema: format!("/schemas/{}/{}", event.event_type.name, event.event_type.version),
        sequence: format!("{:020}", recorded.position.0),
        position: recorded.position.to_string(),
        recordedtime: recorded.recorded_at,
        streamversion: recorded.version.0,
        schemaversion: event.event_type.version,
        logid: log,
        actorkind: cause.actor.kind.name(),
        actorid: cause.actor.id,
        onbehalfof: cause.on_behalf_of,
        channel: cause.channel.name(),
        commandid: cause.command_id.0,
        causationid: cause.causation_id,
        correlationid: cause.correlation_id,
        leafhash: hex::encode(recorded.leaf.0),
        data: serde_json::from_slice(&event.payload)?,
    };
    serde_json::to_writer(&mut *out, &cloud_event)?;
    out.push(b'\n');
    Ok(())
}

/// What of the log is wanted.
struct Wanted {
    after: Position,
    /// How many events may still be given out.
    left: usize,
    category: Option<Category>,
    stream: Option<StreamName>,
}

impl Wanted {
    fn take(params: &mut Params) -> Result<Self, Problem> {
        let after = params.parsed("after", |text| {
            as_of::position(text)
                .ok_or_else(|| Problem::bad("after.invalid", "`after` is a position"))
        })?;
        let limit = params.parsed("limit", |text| {
            let number = text.parse().ok().filter(|limit| (1..=MAX_EVENTS).contains(limit));
            number.ok_or_else(|| Problem::parameter("limit", "is a number from 1 to 1000000"))
        })?;
        Ok(Self {
            after: after.unwrap_or(Position::START),
            left: limit.unwrap_or(BATCH),
            category: params.parsed("category", |text| {
                let category = Category::from_name(text);
                category.ok_or_else(|| Problem::parameter("category", "is no kind of stream"))
            })?,
            stream: params.parsed("stream", |text| {
                let stream = text.parse();
                stream.map_err(|_| Problem::parameter("stream", "is no `category-uuid`"))
            })?,
        })
    }

    fn matches(&self, recorded: &Recorded) -> bool {
        self.category.is_none_or(|category| recorded.stream.category == category)
            && self.stream.is_none_or(|stream| recorded.stream == stream)
    }
}

/// `GET /events`: from any position, in order, without holes.
///
/// The header `Annals-Position` names the position the answer goes up to at most. Nothing of the read
/// models is held while it waits, or while the answer is written: the log is read by position.
pub(crate) async fn feed(State(app): State<App>, ask: Ask) -> Answered {
    let (mut frame, mut params) = opened(&app, &ask).await?;
    let wanted = Wanted::take(&mut params)?;
    let wait = params.flag("wait")?;
    params.finish()?;
    let mut until = frame.position;
    if frame.is_present {
        until = match frame.head {
            Some(head) => head,
            None => app.feed.feed_head().await?.position,
        };
        if wanted.after > until {
            let detail = "the log of this installation has no such position";
            return Err(Problem::bad("after.unknown", detail));
        }
        if wanted.after == until && wait == Some(true) {
            let _follower =
                app.followers.try_acquire().map_err(|_| Problem::too_many_followers())?;
            // Nothing in time is an empty answer.
            let wait = tokio::time::timeout(PATIENCE, app.feed.wait(wanted.after));
            let waited = ask.turn.while_waiting(wait).await;
            if waited.is_ok() {
                until = app.feed.feed_head().await?.position;
                // What came may be the end of the very token that waited for it.
                app.allow_again(&ask).await?;
            }
        }
    }
    frame.position = until;
    frame.head = frame.head.max(Some(until));
    let (feed, log) = (app.feed.clone(), frame.log);
    let lines = stream::unfold(Some(wanted), move |state| {
        let feed = feed.clone();
        async move { batch(&*feed, log, state?, until).await }
    });
    let mut response = Response::new(Body::from_stream(lines));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    answer::stamp(headers, &frame);
    Ok(response.into_response())
}

/// Asks who wants to know, and when. In a task of its own: a caller who hangs up then leaves no
/// transaction in the middle of a statement; one who hangs up later leaves nothing at all.
async fn opened(app: &App, ask: &Ask) -> Result<(Frame, Params), Problem> {
    let (app, ask) = (app.clone(), ask.clone());
    let opening = tokio::spawn(async move {
        let (moment, params) = app.open(&ask, Senses::Recorded).await?;
        Ok((moment.release(), params))
    });
    opening.await.unwrap_or_else(|cause| Err(Problem::damaged(cause)))
}

type Lines = Result<Bytes, FeedBroke>;

/// The feed broke off: the connection is closed without the end of the body, so that nobody takes
/// what came for the whole.
#[derive(Debug, thiserror::Error)]
#[error("the event feed broke off")]
struct FeedBroke;

/// The lines of the next events that are wanted, and what is wanted after them.
async fn batch(
    feed: &dyn EventFeed,
    log: LogId,
    mut wanted: Wanted,
    until: Position,
) -> Option<(Lines, Option<Wanted>)> {
    if wanted.left == 0 || wanted.after >= until {
        return None;
    }
    let broke = |_| Some((Err(FeedBroke), None));
    let read: Vec<Arc<Recorded>> = match feed.read(wanted.after, BATCH).await {
        Ok(read) => read,
        Err(cause) => return broke(Problem::from(cause)),
    };
    let last = read.last()?.position;
    let mut lines = Vec::new();
    let mut given = 0;
    for recorded in read.iter().filter(|event| event.position <= until && wanted.matches(event)) {
        if given == wanted.left {
            break;
        }
        if let Err(problem) = line(recorded, log, &mut lines) {
            return broke(problem);
        }
        given += 1;
    }
    wanted.left -= given;
    wanted.after = last;
    Some((Ok(lines.into()), Some(wanted)))
}
