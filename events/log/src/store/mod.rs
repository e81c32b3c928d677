//! The ports of the log: read one stream, append to one stream, follow the whole log.

use std::{future::Future, pin::Pin, sync::Arc};

use events::{
    envelope::{Actor, Instant, NewEvent, Position, Recorded, Version},
    ids::{CommandId, LogId, StreamName, TokenId},
};

pub mod audit;
#[cfg(test)]
mod changes;
mod checksum;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod group;
pub mod ladder;
mod links;
pub mod memory;
mod names;
pub mod postgres;
mod recent;
mod sequencer;
mod shared;
pub mod sqlite;
mod tail;
#[cfg(test)]
mod testing;

/// Says what time it is. The only way a store learns it.
pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// What a port method returns: one boxed future per batch, so that a port can be a trait object.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The most events one command may append.
pub const MAX_EVENTS: usize = 1_000;
/// The most bytes the payload of one event may have.
pub const MAX_PAYLOAD: usize = 1024 * 1024;

/// Where the log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last position; [`Position::START`] for an empty log.
    pub position: Position,
    /// When the last event was recorded; the epoch of 1970 for an empty log.
    pub recorded_at: Instant,
}

/// HMAC of a command's type and canonical body: tells a retry from a reuse of its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// One command's wish to be remembered, and its events.
#[derive(Clone, Debug)]
pub struct Append {
    /// The command.
    pub command_id: CommandId,
    /// Of its type and body.
    pub fingerprint: Fingerprint,
    /// Who sent it. Another actor's repeat is refused.
    pub actor: Actor,
    /// The stream it appends to.
    pub stream: StreamName,
    /// How long that stream must be.
    pub expected: Version,
    /// What happened. None when there was nothing left to do: the ledger still remembers the command.
    pub events: Vec<NewEvent>,
}

/// What became of an accepted command: the same for every repeat of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The stream it was about.
    pub stream: StreamName,
    /// The length of that stream after it.
    pub version: Version,
    /// The position of its last event; without events the head of the log when it was accepted.
    pub position: Position,
    /// How many events it appended.
    pub events: u32,
}

/// The ledger's line of one accepted command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The command.
    pub command_id: CommandId,
    /// Of its type and body.
    pub fingerprint: Fingerprint,
    /// Who sent it.
    pub actor: Actor,
    /// What became of it.
    pub receipt: Receipt,
}

/// The answer to an [`Append`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// Stored, and durable.
    Stored(Receipt),
    /// The command had been accepted before; nothing was stored.
    AlreadyStored(Receipt),
}

impl Appended {
    /// The receipt, whichever it was.
    #[must_use]
    pub const fn receipt(self) -> Receipt {
        match self {
            Self::Stored(receipt) | Self::AlreadyStored(receipt) => receipt,
        }
    }
}

/// Why a store cannot do what it is asked to.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The store has failed or is shutting down. Nothing that was not acknowledged may be relied on.
    #[error("the event store is not available: {0}")]
    Unavailable(Arc<str>),
    /// No room is left.
    #[error("the event store has no room left")]
    Full,
    /// What is stored is not what was stored.
    #[error("the event store is damaged: {0}")]
    Damaged(Arc<str>),
}

/// Why an [`Append`] was not stored.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// The stream has another length than expected.
    #[error("the stream has version {actual}")]
    Conflict {
        /// Its length.
        actual: Version,
    },
    /// The command id was used for another body, or by another actor.
    #[error("the command id was used before, for another command")]
    CommandReused,
    /// Too many events, or a payload too large.
    #[error("the command makes more events, or larger ones, than one append may hold")]
    TooLarge,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A refused command. It changed nothing; that it was tried is evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it was refused.
    pub at: Instant,
    /// Who tried.
    pub actor: Actor,
    /// The command's id.
    pub command_id: CommandId,
    /// The command's type: `AcceptQuote`.
    pub command: Arc<str>,
    /// The stream it was about, where that is known.
    pub stream: Option<StreamName>,
    /// The rule that refused it: `quote.not_active`.
    pub code: Arc<str>,
    /// The token it came with, where that is known.
    pub token: Option<TokenId>,
    /// How many attempts this stands for: 1, unless a limit made one row of many.
    pub count: u64,
}

/// An attempt as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedAttempt {
    /// Its place in the attempt log: 1, 2, 3, ..
    pub number: u64,
    /// What was tried.
    pub attempt: Attempt,
}

/// What is not as it was stored. Nothing is answered from it; the rest of the log goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What it touches: the name of a stream, `ledger`, `attempts`, `checkpoints`.
    pub place: String,
    /// What is wrong there.
    pub what: Arc<str>,
}

/// Reads single streams.
pub trait StreamReader: Send + Sync {
    /// Which log this is.
    fn log_id(&self) -> LogId;

    /// Where the log ends.
    fn head(&self) -> Answer<'_, Result<Head, StoreError>>;

    /// At most `limit` events of a stream after `after`, in order; fewer only where the stream ends.
    /// A stream that is not there has no events.
    fn read_stream(
        &self,
        stream: StreamName,
        after: Version,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Arc<Recorded>>, StoreError>>;
}

/// Appends, and remembers which commands were accepted and which were refused.
pub trait EventStore: StreamReader {
    /// Whether other processes may append to the same log. Who decides by a state that is kept in
    /// memory then asks for the head first.
    fn is_shared(&self) -> bool;

    /// Appends each entry all or nothing, durably, in one commit with its ledger line.
    ///
    /// Entries are judged one by one, in order: one that is refused does not touch its neighbours.
    /// There is one answer for each entry.
    fn append(&self, batch: Vec<Append>) -> Answer<'_, Vec<Result<Appended, AppendError>>>;

    /// What the ledger knows of these commands; one answer for each.
    fn lookup(
        &self,
        commands: Vec<CommandId>,
    ) -> Answer<'_, Result<Vec<Option<LedgerEntry>>, StoreError>>;

    /// Writes down refused commands, durably, in the same group commit as appends. Answers with the
    /// number of the first; the others follow it.
    fn record_attempts(&self, attempts: Vec<Attempt>) -> Answer<'_, Result<u64, StoreError>>;

    /// Lets attempts that were written down stand for more, durably: each is given as it was
    /// recorded, but for its `count`. A count never falls, so that a repeat does no harm.
    fn raise_attempts(&self, raised: Vec<RecordedAttempt>) -> Answer<'_, Result<(), StoreError>>;

    /// At most `limit` attempts after number `after`, in order.
    fn attempts(
        &self,
        after: u64,
        limit: usize,
    ) -> Answer<'_, Result<Vec<RecordedAttempt>, StoreError>>;

    /// Where a process manager stands; the start where it never saved anything.
    fn checkpoint(&self, name: &'static str) -> Answer<'_, Result<Position, StoreError>>;

    /// Remembers where a process manager stands. Never moves backwards.
    fn save_checkpoint(
        &self,
        name: &'static str,
        position: Position,
    ) -> Answer<'_, Result<(), StoreError>>;
}

/// Follows the whole log.
pub trait EventFeed: Send + Sync {
    /// Where the log ends.
    fn feed_head(&self) -> Answer<'_, Result<Head, StoreError>>;

    /// At most `limit` events after `after`, in order and without holes; fewer only where the log
    /// ends, as far as this process has heard. What other processes appended it hears by asking for
    /// the head and by waiting.
    fn read(
        &self,
        after: Position,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Arc<Recorded>>, StoreError>>;

    /// What was found damaged since this process opened the log, at most some hundred places.
    fn damage(&self) -> Vec<Damage> {
        Vec::new()
    }

    /// Waits until the log is longer than `beyond`. May wake for nothing, and does when the store
    /// is shut down.
    fn wait(&self, beyond: Position) -> Answer<'_, ()>;

    /// The last position recorded at or before `instant`; the start where there is none.
    fn position_at(&self, instant: Instant) -> Answer<'_, Result<Position, StoreError>>;
}

/// A whole log: appended to, and followed. What a process needs that shares it with others.
pub trait EventLog: EventStore + EventFeed {}

impl<T: EventStore + EventFeed> EventLog for T {}
