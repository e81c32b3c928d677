//! The store in memory: the reference that the others are compared with, and the one for tests.

use std::{
    collections::{BTreeMap, HashMap},
    future::ready,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use events::{
    envelope::{Instant, Position, Recorded, Version},
    ids::{CommandId, LogId, StreamName},
};
use tokio::sync::watch;

use super::{
    Answer, Append, AppendError, Appended, Attempt, Clock, EventFeed, EventStore, Head,
    LedgerEntry, RecordedAttempt, StoreError, StreamReader,
    sequencer::{Admission, Before, Known, LogState, Placed, Sequencer, StreamHead, StreamKey},
};

/// How many stream heads the sequencer remembers. Few, so that tests see it forget.
const REMEMBERED_STREAMS: usize = 16;

/// A log that lives as long as its store.
pub struct MemoryStore {
    log: LogId,
    clock: Clock,
    is_shared: bool,
    inner: Mutex<Inner>,
    head: watch::Sender<Head>,
}

struct Inner {
    sequencer: Sequencer,
    data: Data,
}

#[derive(Clone, Default)]
struct Data {
    events: Vec<Arc<Recorded>>,
    streams: HashMap<StreamName, Stream>,
    ledger: HashMap<CommandId, LedgerEntry>,
    attempts: Vec<RecordedAttempt>,
    checkpoints: BTreeMap<&'static str, Position>,
    turn: u64,
}

#[derive(Clone)]
struct Stream {
    key: StreamKey,
    events: Vec<Arc<Recorded>>,
}

impl MemoryStore {
    /// An empty log.
    #[must_use]
    pub fn new(log: LogId, clock: Clock) -> Self {
        Self::over(log, clock, Data::default())
    }

    /// An empty log that several write loops append to, as if each were a process of its own.
    #[must_use]
    pub fn shared(log: LogId, clock: Clock) -> Self {
        Self { is_shared: true, ..Self::new(log, clock) }
    }

    /// Another store that starts from what this one holds, as a store on disk does when it is
    /// opened again. The two know nothing of each other.
    #[must_use]
    pub fn reopened(&self) -> Self {
        let data = self.lock().data.clone();
        let reopened = Self::over(self.log, Arc::clone(&self.clock), data);
        Self { is_shared: self.is_shared, ..reopened }
    }

    fn over(log: LogId, clock: Clock, data: Data) -> Self {
        let state = data.state();
        let sequencer = Sequencer::new(log, state, REMEMBERED_STREAMS);
        let (head, _) = watch::channel(state.head);
        Self { log, clock, is_shared: false, inner: Mutex::new(Inner { sequencer, data }), head }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit(&self, appends: &[Append], attempts: Vec<Attempt>) -> Admission {
        let mut inner = self.lock();
        let Inner { sequencer, data } = &mut *inner;
        let known = data.look_up(sequencer, appends);
        let admission = sequencer.admit(appends, attempts.len(), &known, (self.clock)());
        data.write(&admission, attempts);
        sequencer.committed(&admission);
        // Still under the lock: the head must not be seen to go backwards.
        self.head.send_replace(admission.after.head);
        admission
    }
}

impl Data {
    fn state(&self) -> LogState {
        let head = self.events.last().map_or(LogState::EMPTY.head, |last| Head {
            position: last.position,
            recorded_at: last.recorded_at,
        });
        LogState {
            head,
            streams: self.streams.len() as u64,
            attempts: self.attempts.len() as u64,
            turn: self.turn,
        }
    }

    fn look_up(&self, sequencer: &Sequencer, appends: &[Append]) -> Known {
        let unknown = sequencer.unknown(appends);
        let streams = unknown.streams.into_iter().filter_map(|name| {
            let stream = self.streams.get(&name)?;
            let version = Version(stream.events.len() as u64);
            let last = stream.events.last();
            let last = last.map(|last| Before { position: last.position, leaf: last.leaf });
            Some((name, StreamHead { key: stream.key, version, last }))
        });
        let commands = unknown
            .commands
            .into_iter()
            .filter_map(|command| Some((command, *self.ledger.get(&command)?)));
        Known { streams: streams.collect(), commands: commands.collect(), ..Known::default() }
    }

    fn write(&mut self, admission: &Admission, attempts: Vec<Attempt>) {
        for change in &admission.streams {
            self.streams
                .entry(change.name)
                .or_insert_with(|| Stream { key: change.head.key, events: Vec::new() });
        }
        for Placed { event, .. } in &admission.events {
            if let Some(stream) = self.streams.get_mut(&event.stream) {
                stream.events.push(Arc::clone(event));
            }
            self.events.push(Arc::clone(event));
        }
        for (_, entry) in &admission.ledger {
            self.ledger.insert(entry.command_id, *entry);
        }
        for (number, attempt) in (admission.before.attempts + 1..).zip(attempts) {
            self.attempts.push(RecordedAttempt { number, attempt });
        }
        self.turn = admission.after.turn;
    }
}

/// At most `limit` of `items` after the first `after`.
fn page<T: Clone>(items: &[T], after: u64, limit: usize) -> Vec<T> {
    let skip = usize::try_from(after).unwrap_or(usize::MAX);
    items.iter().skip(skip).take(limit).cloned().collect()
}

fn answer<'a, T: Send + 'a>(value: T) -> Answer<'a, T> {
    Box::pin(ready(value))
}

impl StreamReader for MemoryStore {
    fn log_id(&self) -> LogId {
        self.log
    }

    fn head(&self) -> Answer<'_, Result<Head, StoreError>> {
        answer(Ok(self.lock().sequencer.state().head))
    }

    fn read_stream(
        &self,
        stream: StreamName,
        after: Version,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Arc<Recorded>>, StoreError>> {
        let inner = self.lock();
        let stream = inner.data.streams.get(&stream);
        answer(Ok(stream.map_or_else(Vec::new, |stream| page(&stream.events, after.0, limit))))
    }
}

impl EventStore for MemoryStore {
    fn is_shared(&self) -> bool {
        self.is_shared
    }

    fn append(&self, batch: Vec<Append>) -> Answer<'_, Vec<Result<Appended, AppendError>>> {
        // Only a future that is awaited appends, as in every other store.
        Box::pin(async move { self.commit(&batch, Vec::new()).answers })
    }

    fn lookup(
        &self,
        commands: Vec<CommandId>,
    ) -> Answer<'_, Result<Vec<Option<LedgerEntry>>, StoreError>> {
        let inner = self.lock();
        let entries =
            commands.iter().map(|command| inner.data.ledger.get(command).copied()).collect();
        answer(Ok(entries))
    }

    fn record_attempts(&self, attempts: Vec<Attempt>) -> Answer<'_, Result<u64, StoreError>> {
        Box::pin(async move { Ok(self.commit(&[], attempts).before.attempts + 1) })
    }

    fn raise_attempts(&self, raised: Vec<RecordedAttempt>) -> Answer<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let attempts = &mut self.lock().data.attempts;
            for RecordedAttempt { number, attempt } in raised {
                let place = usize::try_from(number).unwrap_or(usize::MAX).wrapping_sub(1);
                if let Some(kept) = attempts.get_mut(place) {
                    kept.attempt.count = kept.attempt.count.max(attempt.count);
                }
            }
            Ok(())
        })
    }

    fn attempts(
        &self,
        after: u64,
        limit: usize,
    ) -> Answer<'_, Result<Vec<RecordedAttempt>, StoreError>> {
        answer(Ok(page(&self.lock().data.attempts, after, limit)))
    }

    fn checkpoint(&self, name: &'static str) -> Answer<'_, Result<Position, StoreError>> {
        answer(Ok(self.lock().data.checkpoints.get(name).copied().unwrap_or_default()))
    }

    fn save_checkpoint(
        &self,
        name: &'static str,
        position: Position,
    ) -> Answer<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let mut inner = self.lock();
            let saved = inner.data.checkpoints.entry(name).or_default();
            *saved = position.max(*saved);
            Ok(())
        })
    }
}

impl EventFeed for MemoryStore {
    fn feed_head(&self) -> Answer<'_, Result<Head, StoreError>> {
        self.head()
    }

    fn read(
        &self,
        after: Position,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Arc<Recorded>>, StoreError>> {
        answer(Ok(page(&self.lock().data.events, after.0, limit)))
    }

    fn wait(&self, beyond: Position) -> Answer<'_, ()> {
        let mut head = self.head.subscribe();
        Box::pin(async move {
            // The sender lives in this store: it cannot be gone.
            head.wait_for(|head| head.position > beyond).await.ok();
        })
    }

    fn position_at(&self, instant: Instant) -> Answer<'_, Result<Position, StoreError>> {
        let inner = self.lock();
        let count = inner.data.events.partition_point(|event| event.recorded_at <= instant);
        answer(Ok(Position(count as u64)))
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
