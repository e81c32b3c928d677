//! An event as a NATS message: the stored bytes are the body, everything else is headers.
//!
//! Those that begin with `ce-` are the attributes of `CloudEvents`, named as in the feed. Where they
//! are coarser than the log (`ce-time` is the time of recording where no other is known, and both
//! end in the year 9999), a header of our own says it exactly.

use std::{borrow::Cow, str::FromStr, sync::Arc};

use async_nats::HeaderMap;
use bytes::Bytes;
use events::{
    envelope::{
        Actor, ActorKind, Cause, Channel, EventType, Instant, JSON, Leaf, NewEvent, Position,
        Recorded, Version,
    },
    evidence::{leaf, sha256},
    ids::{CommandId, EventId, LogId, StreamName},
};
use uuid::Uuid;

use crate::bus::Message;

/// Every subject of every log.
pub(super) const SUBJECTS: &str = "annals.ev.>";

const POSITION: &str = "Annals-Position";
const PREVIOUS: &str = "Annals-Previous";
const LOG: &str = "Annals-Log";
const RECORDED: &str = "Annals-Recorded-Micros";
const EFFECTIVE: &str = "Annals-Effective-Micros";

/// Why a message is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strange {
    /// It is no event, or of a kind that this build does not know.
    Form,
    /// It is of another log.
    Log,
    /// Its leaf is not that of an event of this log with these bytes.
    Forged,
}

impl Strange {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Log => "log",
            Self::Forged => "forged",
        }
    }
}

/// The partition of a record, 0 to 63: the last six bits of its id, which every kind of id that
/// is in use draws or derives.
#[must_use]
pub const fn partition(record: Uuid) -> u8 {
    record.as_bytes()[15] & 63
}

/// The subject of an event: `annals.ev.{partition}.{category}.{event}`. It names no record.
#[must_use]
pub fn subject(event: &Recorded) -> String {
    let name = &*event.event.event_type.name;
    let name = name.split_once('.').map_or(name, |(_category, name)| name);
    format!("annals.ev.{:02}.{}.{name}", partition(event.stream.id), event.stream.category)
}

/// The headers of a message.
pub(super) fn headers(log: LogId, message: &Message) -> HeaderMap {
    let Recorded { position, stream, version, recorded_at, event, leaf } = &*message.event;
    let NewEvent { event_id, event_type, effective_at, cause, .. } = event;
    let mut headers = HeaderMap::new();
    let mut put = |name: &'static str, value: String| headers.insert(name, value);
    put(POSITION, position.to_string());
    put(PREVIOUS, message.previous.to_string());
    put(LOG, log.to_string());
    put(RECORDED, recorded_at.micros().to_string());
    if let Some(effective_at) = effective_at {
        put(EFFECTIVE, effective_at.micros().to_string());
    }
    put("ce-specversion", "1.0".to_owned());
    put("ce-id", event_id.0.to_string());
    put("ce-source", format!("/logs/{log}/{}", stream.category));
    put("ce-type", event_type.name.to_string());
    put("ce-subject", stream.to_string());
    put("ce-time", message.event.effective_at().to_string());
    put("ce-datacontenttype", JSON.to_owned());
    put("ce-dataschema", format!("/schemas/{}/{}", event_type.name, event_type.version));
    put("ce-sequence", format!("{:020}", position.0));
    put("ce-position", position.to_string());
    put("ce-recordedtime", recorded_at.to_string());
    put("ce-streamversion", version.to_string());
    put("ce-schemaversion", event_type.version.to_string());
    put("ce-logid", log.to_string());
    put("ce-actorkind", cause.actor.kind.name().to_owned());
    put("ce-actorid", cause.actor.id.to_string());
    if let Some(user) = cause.on_behalf_of {
        put("ce-onbehalfof", user.to_string());
    }
    put("ce-channel", cause.channel.name().to_owned());
    put("ce-commandid", cause.command_id.0.to_string());
    put("ce-causationid", cause.causation_id.to_string());
    put("ce-correlationid", cause.correlation_id.to_string());
    put("ce-leafhash", hex::encode(leaf.0));
    headers
}

/// The event that came as a message, exactly as it was handed over.
///
/// # Errors
/// When it is none, or not of this log.
pub(super) fn read(log: LogId, headers: &HeaderMap, payload: Bytes) -> Result<Message, Strange> {
    let headers = Headers(headers);
    if LogId(headers.parsed(LOG)?) != log {
        return Err(Strange::Log);
    }
    let previous = Position(headers.parsed(PREVIOUS)?);
    let event = Recorded {
        position: Position(headers.parsed(POSITION)?),
        stream: headers.parsed::<StreamName>("ce-subject")?,
        version: Version(headers.parsed("ce-streamversion")?),
        recorded_at: Instant::from_micros(headers.parsed(RECORDED)?),
        leaf: headers.leaf()?,
        event: headers.event(payload)?,
    };
    let Recorded { position, stream, version, recorded_at, event: ref new, .. } = event;
    if previous >= position {
        return Err(Strange::Form);
    }
    if leaf(log, stream, version, recorded_at, new) != event.leaf {
        return Err(Strange::Forged);
    }
    Ok(Message { previous, event: Arc::new(event) })
}

struct Headers<'a>(&'a HeaderMap);

impl Headers<'_> {
    fn text(&self, name: &'static str) -> Result<&str, Strange> {
        self.0.get(name).map(|value| value.as_str()).ok_or(Strange::Form)
    }

    fn parsed<T: FromStr>(&self, name: &'static str) -> Result<T, Strange> {
        self.text(name)?.parse().map_err(|_| Strange::Form)
    }

    fn optional<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, Strange> {
        self.0.get(name).map(|_| self.parsed(name)).transpose()
    }

    fn leaf(&self) -> Result<Leaf, Strange> {
        let mut leaf = [0; 32];
        let decoded = hex::decode_to_slice(self.text("ce-leafhash")?, &mut leaf);
        decoded.map(|()| Leaf(leaf)).map_err(|_| Strange::Form)
    }

    fn event(&self, payload: Bytes) -> Result<NewEvent, Strange> {
        let name = Cow::Owned(self.text("ce-type")?.to_owned());
        let actor =
            Actor { kind: actor_kind(self.text("ce-actorkind")?)?, id: self.parsed("ce-actorid")? };
        Ok(NewEvent {
            event_id: EventId(self.parsed("ce-id")?),
            event_type: EventType { name, version: self.parsed("ce-schemaversion")? },
            effective_at: self.optional(EFFECTIVE)?.map(Instant::from_micros),
            cause: Cause {
                actor,
                on_behalf_of: self.optional("ce-onbehalfof")?,
                channel: channel(self.text("ce-channel")?)?,
                command_id: CommandId(self.parsed("ce-commandid")?),
                causation_id: self.parsed("ce-causationid")?,
                correlation_id: self.parsed("ce-correlationid")?,
            },
            payload_sha256: sha256(&payload),
            payload,
        })
    }
}

fn actor_kind(name: &str) -> Result<ActorKind, Strange> {
    let all = [ActorKind::User, ActorKind::Process, ActorKind::System];
    all.into_iter().find(|kind| kind.name() == name).ok_or(Strange::Form)
}

fn channel(name: &str) -> Result<Channel, Strange> {
    let all = [Channel::Api, Channel::Import, Channel::Process, Channel::System];
    all.into_iter().find(|channel| channel.name() == name).ok_or(Strange::Form)
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
