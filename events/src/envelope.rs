//! The envelope: what is recorded about every event, whatever it says.

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{CommandId, EventId, StreamName};

/// A place in the log. Dense on the SQL stores (1, 2, 3, ..); 0 is before the first event.
/// Opaque to clients: they hand back what they were given.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    /// Before the first event.
    pub const START: Self = Self(0);

    /// As SQL knows it. Positions never come near the limit of an `i64`.
    #[must_use]
    pub fn sql(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }

    /// From SQL; a negative number counts as the start.
    #[must_use]
    pub fn from_sql(value: i64) -> Self {
        Self(u64::try_from(value).unwrap_or(0))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of events in a stream: its first event is 1, a stream without events is 0.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct Version(pub u64);

impl Version {
    /// No stream.
    pub const NONE: Self = Self(0);

    /// The version after `count` more events.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0 + count)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An instant in whole microseconds, UTC: the resolution of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

impl Instant {
    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// As a timestamp; beyond jiff's range (year 9999) it is the end of the range.
    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_microsecond(self.0).unwrap_or(Timestamp::MAX)
    }
}

impl From<Timestamp> for Instant {
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp.as_microsecond())
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timestamp().fmt(f)
    }
}

impl Serialize for Instant {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let timestamp: Timestamp =
            text.parse().map_err(|_| serde::de::Error::custom("is no instant of RFC 3339"))?;
        Ok(timestamp.into())
    }
}

impl JsonSchema for Instant {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Instant".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// What kind of actor did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    /// A person, known by a user record.
    User,
    /// A process manager.
    Process,
    /// The product itself, at first start.
    System,
}

impl ActorKind {
    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Process => "process",
            Self::System => "system",
        }
    }
}

/// Who did something. An id, never a name: the header cannot be erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Actor {
    /// The kind.
    pub kind: ActorKind,
    /// The user, or the derived id of the process manager.
    pub id: Uuid,
}

/// The way a command came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// A request of the write API.
    Api,
    /// A row of an imported list.
    Import,
    /// A process manager.
    Process,
    /// The product itself, at first start.
    System,
}

impl Channel {
    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Import => "import",
            Self::Process => "process",
            Self::System => "system",
        }
    }
}

/// The published name and version of an event's schema: `("opportunity.stage_changed", 1)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventType {
    /// The wire name. Never the name of a Rust type.
    pub name: Cow<'static, str>,
    /// The version of its schema, from 1.
    pub version: u16,
}

impl EventType {
    /// A published type.
    #[must_use]
    pub const fn new(name: &'static str, version: u16) -> Self {
        Self { name: Cow::Borrowed(name), version }
    }
}

/// The only content type of payloads there is.
pub const JSON: &str = "application/json";

/// Who asked for an event, why it came about, and by which way: the same for all events of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Who did it.
    pub actor: Actor,
    /// For whom, when a process manager acts for a user.
    pub on_behalf_of: Option<Uuid>,
    /// By which way.
    pub channel: Channel,
    /// The command.
    pub command_id: CommandId,
    /// The event or command that caused the command; the command itself when a caller sent it.
    pub causation_id: Uuid,
    /// What the whole chain of causes shares.
    pub correlation_id: Uuid,
}

/// SHA-256 over `0x00`, the canonical header and the payload's hash: the leaf of the Merkle tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Leaf(pub [u8; 32]);

impl fmt::Debug for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leaf({})", hex::encode(self.0))
    }
}

/// An event that is ready to be appended: everything but what the sequencer assigns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// uuid5(command id, ordinal): a retry makes the same id.
    pub event_id: EventId,
    /// Its schema.
    pub event_type: EventType,
    /// Business time, when it differs from the time of recording.
    pub effective_at: Option<Instant>,
    /// Who, by which way, why.
    pub cause: Cause,
    /// The stored bytes: JSON with personal fields sealed.
    pub payload: Bytes,
    /// SHA-256 of `payload`.
    pub payload_sha256: [u8; 32],
}

/// An event as the log holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Where in the log.
    pub position: Position,
    /// In which stream.
    pub stream: StreamName,
    /// Where in the stream.
    pub version: Version,
    /// When it was recorded. Never decreases with the position.
    pub recorded_at: Instant,
    /// What was appended.
    pub event: NewEvent,
    /// Its leaf hash.
    pub leaf: Leaf,
}

impl Recorded {
    /// Business time: `effective_at`, or the time of recording where there is none.
    #[must_use]
    pub fn effective_at(&self) -> Instant {
        self.event.effective_at.unwrap_or(self.recorded_at)
    }
}
