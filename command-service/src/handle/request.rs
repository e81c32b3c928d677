//! What goes into the write loop, and what comes out of it.

use std::{fmt, sync::Arc};

use events::{
    Actor, ActorKind, Channel, Instant, Position, Version,
    ids::{CommandId, RecordRef, TokenId, derived},
    values::Prose,
};
use events_log::{keys::KeyError, store::StoreError};
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::fresh::Freshened;
use crate::{
    aggregate::{Authority, Command},
    clock::Doubt,
    refusal::Refusal,
};

/// The time of day, passed in so that nothing below it asks the system.
pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// A command on its way in, with everything that came with it.
pub struct Request {
    /// Makes the command happen once.
    pub command_id: CommandId,
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub command: Box<dyn Command>,
    /// The version the caller has seen (`If-Match`).
    pub expected: Option<Expected>,
    /// Business time, when it differs from now.
    pub effective_at: Option<Instant>,
    /// Why.
    pub reason: Option<Prose>,
    /// Who asks.
    pub actor: Actor,
    /// With what token; none where the product itself or a process manager asks.
    pub authority: Option<Authority>,
    /// For whom, when a process manager asks.
    pub on_behalf_of: Option<Uuid>,
    /// By which way.
    pub channel: Channel,
    /// What caused the command; the command itself when a caller sent it.
    pub causation_id: Uuid,
    /// What the whole chain of causes shares.
    pub correlation_id: Uuid,
    /// Whether what is remembered was brought up to date since the request came in; none: it will be
    /// when the command is judged.
    pub freshened: Option<Freshened>,
}

impl Request {
    /// A command of the product itself, which nobody sent: at a first start, or by the owner of the
    /// data folder.
    #[must_use]
    pub fn of_system(command_id: CommandId, name: &'static str, command: Box<dyn Command>) -> Self {
        Self {
            command_id,
            name,
            command,
            expected: None,
            effective_at: None,
            reason: None,
            actor: system(),
            authority: None,
            on_behalf_of: None,
            channel: Channel::System,
            causation_id: command_id.0,
            correlation_id: command_id.0,
            freshened: None,
        }
    }

    /// The token it came with; none where the product itself asks.
    pub(crate) fn token(&self) -> Option<TokenId> {
        self.authority.as_ref().map(|authority| authority.token)
    }
}

/// What the caller has seen of the record (`If-Match` of RFC 9110).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It is there, in whichever version.
    Exists,
    /// It has one of these versions; where there are none, no version will do.
    OneOf(Vec<Version>),
}

impl Expected {
    /// The record has this version.
    #[must_use]
    pub fn version(version: Version) -> Self {
        Self::OneOf(vec![version])
    }

    /// Whether a record of that version is what was expected.
    #[must_use]
    pub fn allows(&self, version: Version) -> bool {
        match self {
            Self::Exists => version > Version::NONE,
            Self::OneOf(versions) => versions.contains(&version),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists => f.write_str("one that is there"),
            Self::OneOf(versions) => match versions.as_slice() {
                [] => f.write_str("none that it could have"),
                [version] => version.fmt(f),
                [..] => f.write_str("one of those named"),
            },
        }
    }
}

impl Serialize for Expected {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Exists => serializer.serialize_str("*"),
            Self::OneOf(versions) => match versions.as_slice() {
                [version] => version.serialize(serializer),
                versions => versions.serialize(serializer),
            },
        }
    }
}

/// The command took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The record it was about.
    pub record: RecordRef,
    /// The record's version after it.
    pub version: Version,
    /// A query that has seen this position has seen the effect, reactions included.
    pub position: Position,
    /// Whether it had been accepted before.
    pub replayed: bool,
}

/// Why a command did not take effect.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A rule said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The id was used for another command, or by somebody else.
    #[error("the command id was used before, for another command")]
    Reused,
    /// The stream kept changing while we decided.
    #[error("the record kept changing while the command was judged")]
    Contended,
    /// More than one append may hold.
    #[error("the command makes more events, or larger ones, than one append may hold")]
    TooLarge,
    /// The clock is not believed: what is written with it could not be taken back.
    #[error(
        "commands are not accepted: the clock {}; it shows {} and should show {}", .0.reason.name(),
        .0.shown, .0.expected
    )]
    Clock(Doubt),
    /// The event store failed.
    #[error("the event store failed")]
    Store(#[from] StoreError),
    /// The key store failed.
    #[error("the key store failed")]
    Keys(#[from] KeyError),
}

/// The product itself, when it does something on its own.
#[must_use]
pub fn system() -> Actor {
    Actor { kind: ActorKind::System, id: derived("system:annals") }
}
