//! Who may append, and where it lands: the one decision that all stores with dense positions share.
//!
//! It is pure. An adapter asks what it has to look up ([`Sequencer::unknown`]), hands that in with the
//! time ([`Sequencer::admit`]), writes what it is given in one transaction that moves the head row from
//! `before` to `after`, and only then tells the sequencer that it happened ([`Sequencer::committed`]).

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use events::{
    envelope::{Instant, Leaf, Position, Recorded, Version},
    evidence::leaf,
    ids::{CommandId, LogId, StreamName},
};
use quick_cache::unsync::Cache;

use super::{
    Append, AppendError, Appended, Head, LedgerEntry, MAX_EVENTS, MAX_PAYLOAD, Receipt, StoreError,
    group::Answers,
};

/// The short number that stands for a stream inside one store: 1, 2, 3, .. in order of creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StreamKey(pub(crate) u64);

/// What the head row holds. Whoever writes moves it from the state they know to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogState {
    /// Where the log ends.
    pub(crate) head: Head,
    /// How many streams there are: the last [`StreamKey`].
    pub(crate) streams: u64,
    /// How many attempts were written down: the number of the last.
    pub(crate) attempts: u64,
    /// How often anything was committed. A command without events moves nothing else.
    pub(crate) turn: u64,
}

impl LogState {
    /// Before the first event.
    pub(crate) const EMPTY: Self = Self {
        head: Head { position: Position::START, recorded_at: Instant::from_micros(0) },
        streams: 0,
        attempts: 0,
        turn: 0,
    };
}

/// A stream that the store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamHead {
    /// Its number.
    pub(crate) key: StreamKey,
    /// Its length.
    pub(crate) version: Version,
    /// Its last event; none while it has no events.
    pub(crate) last: Option<Before>,
}

/// An event as the next one of its stream refers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Before {
    /// Where it is in the log.
    pub(crate) position: Position,
    /// Its leaf hash.
    pub(crate) leaf: Leaf,
}

/// What the store has to be asked before a batch can be judged.
#[derive(Debug, Default)]
pub(crate) struct Unknown {
    /// Streams that are not remembered, each once.
    pub(crate) streams: Vec<StreamName>,
    /// The commands of the batch, each once: the ledger is too long to be remembered.
    pub(crate) commands: Vec<CommandId>,
}

/// What the store answered. What is missing here is not in the store.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Of [`Unknown::streams`].
    pub(crate) streams: HashMap<StreamName, StreamHead>,
    /// Of [`Unknown::commands`].
    pub(crate) commands: HashMap<CommandId, LedgerEntry>,
    /// Streams that are not as they were stored. Nothing is appended to them; others go on.
    pub(crate) damaged_streams: HashMap<StreamName, Arc<str>>,
    /// Lines of the ledger that are not as they were stored: whether the command was accepted, and
    /// with what answer, is not known.
    pub(crate) damaged_commands: HashMap<CommandId, Arc<str>>,
}

/// A stream that a batch made or made longer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamChange {
    /// Which.
    pub(crate) name: StreamName,
    /// Its number and its length after the batch.
    pub(crate) head: StreamHead,
    /// Whether the batch made it.
    pub(crate) is_new: bool,
}

/// An event with its place inside the store.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    /// The number of its stream.
    pub(crate) key: StreamKey,
    /// The event before it in its stream; none for the first.
    pub(crate) before: Option<Before>,
    /// The event.
    pub(crate) event: Arc<Recorded>,
}

/// What to write, all of it in one transaction, and what to answer after that.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    /// The head row must still say this.
    pub(crate) before: LogState,
    /// It says this afterwards.
    pub(crate) after: LogState,
    /// Streams to insert or to make longer.
    pub(crate) streams: Vec<StreamChange>,
    /// Events to insert, in order of position.
    pub(crate) events: Vec<Placed>,
    /// Lines of the ledger to insert.
    pub(crate) ledger: Vec<(StreamKey, LedgerEntry)>,
    /// One for each append of the batch.
    pub(crate) answers: Vec<Result<Appended, AppendError>>,
}

impl Admission {
    /// What to tell once it is durable.
    pub(crate) fn into_answers(self) -> Answers {
        Answers { appends: self.answers, attempts: self.before.attempts }
    }
}

/// Assigns positions, versions and times, and remembers how long the busy streams are.
pub(crate) struct Sequencer {
    log: LogId,
    state: LogState,
    streams: Cache<StreamName, StreamHead>,
}

impl Sequencer {
    /// Goes on from `state`, and remembers at most `remembered` streams.
    pub(crate) fn new(log: LogId, state: LogState, remembered: usize) -> Self {
        Self { log, state, streams: Cache::new(remembered) }
    }

    /// Where it stands.
    pub(crate) const fn state(&self) -> LogState {
        self.state
    }

    /// Starts again from `state`: someone else wrote, so nothing that is remembered counts.
    pub(crate) fn refresh(&mut self, state: LogState) {
        self.state = state;
        self.streams.clear();
    }

    /// What has to be looked up before these can be judged.
    pub(crate) fn unknown(&self, appends: &[Append]) -> Unknown {
        let mut unknown = Unknown::default();
        let mut streams = HashSet::with_capacity(appends.len());
        let mut commands = HashSet::with_capacity(appends.len());
        for append in appends {
            if commands.insert(append.command_id) {
                unknown.commands.push(append.command_id);
            }
            if self.streams.get(&append.stream).is_none() && streams.insert(append.stream) {
                unknown.streams.push(append.stream);
            }
        }
        unknown
    }

    /// Judges a batch, one by one, each seeing what those before it did. Changes nothing here.
    pub(crate) fn admit(
        &self,
        appends: &[Append],
        attempts: usize,
        known: &Known,
        now: Instant,
    ) -> Admission {
        let mut state = self.state;
        state.head.recorded_at = now.max(state.head.recorded_at);
        let mut batch = Batch {
            sequencer: self,
            known,
            recorded_at: state.head.recorded_at,
            state,
            changed: HashMap::with_capacity(appends.len()),
            accepted: HashMap::with_capacity(appends.len()),
            streams: Vec::new(),
            events: Vec::with_capacity(appends.len()),
            ledger: Vec::with_capacity(appends.len()),
        };
        let answers = appends.iter().map(|append| batch.judge(append)).collect();
        let Batch { mut state, streams, events, ledger, .. } = batch;
        if events.is_empty() {
            // The head's time is that of the last event.
            state.head = self.state.head;
        }
        state.attempts += attempts as u64;
        state.turn += 1;
        Admission { before: self.state, after: state, streams, events, ledger, answers }
    }

    /// The admission is durable: the next batch is judged on top of it.
    pub(crate) fn committed(&mut self, admission: &Admission) {
        self.state = admission.after;
        for change in &admission.streams {
            self.streams.insert(change.name, change.head);
        }
    }
}

struct Batch<'a> {
    sequencer: &'a Sequencer,
    known: &'a Known,
    recorded_at: Instant,
    state: LogState,
    /// Where in `streams` a stream stands that this batch changed.
    changed: HashMap<StreamName, usize>,
    /// Where in `ledger` a command stands that this batch accepted.
    accepted: HashMap<CommandId, usize>,
    streams: Vec<StreamChange>,
    events: Vec<Placed>,
    ledger: Vec<(StreamKey, LedgerEntry)>,
}

impl Batch<'_> {
    fn judge(&mut self, append: &Append) -> Result<Appended, AppendError> {
        if append.events.len() > MAX_EVENTS
            || append.events.iter().any(|event| event.payload.len() > MAX_PAYLOAD)
        {
            return Err(AppendError::TooLarge);
        }
        if let Some(entry) = self.remembered(append.command_id) {
            let same = entry.fingerprint == append.fingerprint && entry.actor == append.actor;
            return if same {
                Ok(Appended::AlreadyStored(entry.receipt))
            } else {
                Err(AppendError::CommandReused)
            };
        }
        let known = self.known;
        let damaged = known.damaged_commands.get(&append.command_id);
        if let Some(what) = damaged.or_else(|| known.damaged_streams.get(&append.stream)) {
            return Err(StoreError::Damaged(Arc::clone(what)).into());
        }
        let head = self.head(append.stream);
        let actual = head.map_or(Version::NONE, |head| head.version);
        if actual != append.expected {
            return Err(AppendError::Conflict { actual });
        }
        Ok(Appended::Stored(self.accept(append, head)))
    }

    fn remembered(&self, command: CommandId) -> Option<&LedgerEntry> {
        match self.accepted.get(&command) {
            Some(&index) => self.ledger.get(index).map(|(_, entry)| entry),
            None => self.known.commands.get(&command),
        }
    }

    fn head(&self, stream: StreamName) -> Option<StreamHead> {
        match self.changed.get(&stream) {
            Some(&index) => self.streams.get(index).map(|change| change.head),
            None => self
                .sequencer
                .streams
                .get(&stream)
                .or_else(|| self.known.streams.get(&stream))
                .copied(),
        }
    }

    fn accept(&mut self, append: &Append, head: Option<StreamHead>) -> Receipt {
        let is_new = head.is_none();
        let mut head = head.unwrap_or_else(|| {
            self.state.streams += 1;
            StreamHead { key: StreamKey(self.state.streams), version: Version::NONE, last: None }
        });
        for event in &append.events {
            head.version = head.version.plus(1);
            self.state.head.position.0 += 1;
            let leaf =
                leaf(self.sequencer.log, append.stream, head.version, self.recorded_at, event);
            let recorded = Recorded {
                position: self.state.head.position,
                stream: append.stream,
                version: head.version,
                recorded_at: self.recorded_at,
                event: event.clone(),
                leaf,
            };
            let before = head.last.replace(Before { position: recorded.position, leaf });
            let event = Arc::new(recorded);
            self.events.push(Placed { key: head.key, before, event });
        }
        self.change(StreamChange { name: append.stream, head, is_new });
        let receipt = Receipt {
            stream: append.stream,
            version: head.version,
            position: self.state.head.position,
            events: u32::try_from(append.events.len()).unwrap_or(u32::MAX),
        };
        let entry = LedgerEntry {
            command_id: append.command_id,
            fingerprint: append.fingerprint,
            actor: append.actor,
            receipt,
        };
        self.accepted.insert(append.command_id, self.ledger.len());
        self.ledger.push((head.key, entry));
        receipt
    }

    fn change(&mut self, change: StreamChange) {
        match self.changed.get(&change.name).and_then(|&index| self.streams.get_mut(index)) {
            Some(before) => before.head = change.head,
            None => {
                self.changed.insert(change.name, self.streams.len());
                self.streams.push(change);
            }
        }
    }
}

#[cfg(test)]
#[path = "sequencer_tests.rs"]
mod tests;
