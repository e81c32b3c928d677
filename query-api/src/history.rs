//! The history of a record: every event of its stream, decoded, with what is personal opened.

use std::{borrow::Cow, sync::Arc};

use axum::extract::{Path, State};
use events::{
    Actor, Channel, Instant, Payload, Position, Recorded, Version,
    ids::{Category, CommandId, EventId, StreamName},
    personal::{Personal, PersonalFields, PersonalVisitor},
};
use projection_service::table::Value as Key;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    http::{
        App,
        answer::{self, Answered, Page},
        moment::{Ask, Senses},
        problem::Problem,
    },
    records::{known_id, opened},
};

/// One event of a record.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Happened {
    /// Its place in the record's stream, from 1.
    version: Version,
    /// Its place in the log.
    position: String,
    event_id: EventId,
    /// The wire name: `opportunity.stage_changed`.
    #[serde(rename = "type")]
    kind: String,
    /// The version of its schema.
    schema_version: u16,
    recorded_at: Instant,
    effective_at: Instant,
    actor: Actor,
    /// For whom, when a process manager acted for a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    on_behalf_of: Option<Uuid>,
    channel: Channel,
    command_id: CommandId,
    causation_id: Uuid,
    correlation_id: Uuid,
    /// What happened; a personal value that was erased reads `{"erased": true}`, one whose key is
    /// missing or damaged `{"unreadable": true}`.
    data: Value,
    /// Why, in the words of who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Value>,
    /// The other streams the decision went by, and how long they were.
    #[serde(skip_serializing_if = "Value::is_null")]
    seen: Value,
}

/// `GET /{records}/{id}/history`.
pub(crate) async fn history(
    State(app): State<App>,
    Path(id): Path<String>,
    ask: Ask,
    category: Category,
) -> Answered {
    let (moment, mut params) = app.open(&ask, Senses::Recorded).await?;
    // The rest is read from the log.
    let mut frame = moment.release();
    let limit = params.limit()?;
    params.finish()?;
    let stream = StreamName { category, id: known_id(&id)? };
    let after = frame
        .begins_after(|key| matches!(key, [Key::Int(_)]))?
        .and_then(|key| key.first().and_then(Key::int));
    let after = Version(after.and_then(|version| u64::try_from(version).ok()).unwrap_or(0));
    let read = app.streams.read_stream(stream, after, limit + 1).await?;
    let mut events: Vec<_> =
        read.into_iter().filter(|event| event.position <= frame.position).collect();
    if events.is_empty() && after == Version::NONE {
        return Err(Problem::not_found());
    }
    let has_more = events.len() > limit;
    events.truncate(limit);
    let mut payloads = opened(&app, &events).await?;
    let shown = events.iter().zip(&mut payloads).map(|(event, payload)| show(event, payload));
    let items = shown.collect::<Result<Vec<_>, _>>()?;
    let last = items.last().filter(|_| has_more);
    let next =
        last.map(|last| frame.cursor(vec![Position(last.version.0).sql().into()])).transpose()?;
    let page = Page { items, next, position: frame.position.to_string() };
    answer::json(&frame, &page)
}

fn show(recorded: &Arc<Recorded>, payload: &mut Payload) -> Result<Happened, Problem> {
    let event = &recorded.event;
    let mut stored: Map<String, Value> = serde_json::from_slice(&event.payload)?;
    let mut take = |field: &str| stored.remove(field).unwrap_or_default();
    let (mut data, mut reason, seen) = (take("data"), take("reason"), take("seen"));
    // The reason is no part of the data, but shares its paths.
    let said = payload.reason.take();
    payload.visit_personal(&TOP, &mut Open { of: &mut data })?;
    payload.reason = said;
    if let Some(said) = &payload.reason {
        reason = plain(said)?;
    }
    let cause = event.cause;
    Ok(Happened {
        version: recorded.version,
        position: recorded.position.to_string(),
        event_id: event.event_id,
        kind: event.event_type.name.clone().into_owned(),
        schema_version: event.event_type.version,
        recorded_at: recorded.recorded_at,
        effective_at: recorded.effective_at(),
        actor: cause.actor,
        on_behalf_of: cause.on_behalf_of,
        channel: cause.channel,
        command_id: cause.command_id,
        causation_id: cause.causation_id,
        correlation_id: cause.correlation_id,
        data,
        reason: Some(reason).filter(|reason| !reason.is_null()),
        seen,
    })
}

const TOP: Cow<'static, str> = Cow::Borrowed("");

fn plain<T: Serialize>(value: &Personal<T>) -> Result<Value, Problem> {
    match value {
        Personal::Clear(value) => Ok(serde_json::to_value(value)?),
        Personal::Erased => Ok(json!({ "erased": true })),
        Personal::Sealed(_) | Personal::Unreadable(_) => Ok(json!({ "unreadable": true })),
    }
}

/// Puts what was opened in the place of what is stored.
struct Open<'a> {
    of: &'a mut Value,
}

impl PersonalVisitor for Open<'_> {
    type Error = Problem;

    fn visit<T: Serialize + DeserializeOwned>(
        &mut self,
        path: &Cow<'static, str>,
        value: &mut Personal<T>,
    ) -> Result<(), Problem> {
        let pointer = format!("/{}", path.replace('.', "/"));
        let place = self.of.pointer_mut(&pointer);
        let place =
            place.ok_or_else(|| Problem::damaged("a personal value is not in its place"))?;
        *place = plain(value)?;
        Ok(())
    }
}
