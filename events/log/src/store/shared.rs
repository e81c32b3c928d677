//! What the writer of a store, its readers and those who wait have in common.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use events::{
    envelope::{Position, Recorded},
    ids::LogId,
};
use tokio::{sync::watch, time::timeout};

use super::{Damage, Head, StoreError, sequencer::Known, tail::Tail};

/// How long the writer may take to show what is seen to be committed.
const SETTLING: Duration = Duration::from_millis(50);
/// How many damaged places are remembered.
const MAX_DAMAGE: usize = 200;

/// One store's.
pub(crate) struct Shared {
    pub(crate) log: LogId,
    pub(crate) tail: Tail,
    published: watch::Sender<Published>,
    /// Where the log ends once the writer has committed what it commits now.
    committing: watch::Sender<Option<Position>>,
    stopped: watch::Sender<Option<StoreError>>,
    damage: Mutex<BTreeMap<String, Arc<str>>>,
}

/// What may be seen.
#[derive(Clone, Copy)]
pub(crate) struct Published {
    pub(crate) head: Head,
    pub(crate) is_closed: bool,
}

impl Shared {
    /// Of a log that ends at `head`.
    pub(crate) fn new(log: LogId, head: Head) -> Self {
        let (published, _) = watch::channel(Published { head, is_closed: false });
        let (committing, _) = watch::channel(None);
        let (stopped, _) = watch::channel(None);
        let tail = Tail::new(head.position);
        Self { log, published, committing, stopped, tail, damage: Mutex::default() }
    }

    /// The writer of this store made the log longer.
    pub(crate) fn publish(&self, head: Head, events: impl IntoIterator<Item = Arc<Recorded>>) {
        self.tail.extend(events);
        self.saw(head);
    }

    /// The log is at least that long.
    pub(crate) fn saw(&self, head: Head) {
        self.published.send_if_modified(|published| {
            let is_longer = published.head.position < head.position;
            if is_longer {
                published.head = head;
            }
            is_longer
        });
    }

    /// What the writer of this store begins to commit will end there; none: it is done with it.
    pub(crate) fn committing(&self, end: Option<Position>) {
        self.committing.send_replace(end);
    }

    /// Where others see the end of the log: when that is what the writer of this store is committing,
    /// waits until it has shown the events too. Otherwise they would be read back.
    pub(crate) async fn settle(&self, end: Position) {
        // What is shown already was committed before: a group of refusals makes the log no longer.
        if end <= self.published().head.position {
            return;
        }
        let mut committing = self.committing.subscribe();
        let done = committing.wait_for(|committing| *committing != Some(end));
        timeout(SETTLING, done).await.ok();
    }

    /// What may be seen now.
    pub(crate) fn published(&self) -> Published {
        *self.published.borrow()
    }

    /// Where the log ends, as far as this store knows.
    pub(crate) fn open_head(&self) -> Result<Head, StoreError> {
        let published = self.published();
        if published.is_closed { Err(closed()) } else { Ok(published.head) }
    }

    /// Follows what may be seen.
    pub(crate) fn watch(&self) -> watch::Receiver<Published> {
        self.published.subscribe()
    }

    /// Waits until the log is longer than `beyond`, or the store is closed.
    pub(crate) async fn wait(&self, beyond: Position) {
        let longer = |now: &Published| now.head.position > beyond || now.is_closed;
        // The sender lives here: it cannot be gone.
        self.watch().wait_for(longer).await.ok();
    }

    /// Nothing is shown any more.
    pub(crate) fn close(&self) {
        self.published.send_modify(|published| published.is_closed = true);
    }

    /// Why the writer stopped, if it did.
    pub(crate) fn stopped(&self) -> Option<StoreError> {
        self.stopped.borrow().clone()
    }

    /// What is not part of the log itself is not told by a writer that has failed: nobody knows
    /// what will be there after a restart.
    pub(crate) fn intact(&self) -> Result<(), StoreError> {
        self.stopped().map_or(Ok(()), Err)
    }

    /// Something was found that is not as it was stored: it is told to the log, the metrics, and
    /// whoever asks.
    pub(crate) fn note_damage(&self, place: String, what: &Arc<str>) {
        metrics::counter!("annals_log_damage_total").increment(1);
        let mut damage = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
        if damage.len() < MAX_DAMAGE && !damage.contains_key(&place) {
            tracing::error!(%place, %what, "the event log is damaged here; the rest goes on");
            damage.insert(place, Arc::clone(what));
            #[expect(clippy::cast_precision_loss, reason = "at most some hundred")]
            metrics::gauge!("annals_log_damaged_places").set(damage.len() as f64);
        }
    }

    /// What a writer found damaged while it looked up.
    pub(crate) fn note_known(&self, known: &Known) {
        for (stream, what) in &known.damaged_streams {
            self.note_damage(stream.to_string(), what);
        }
        for what in known.damaged_commands.values() {
            self.note_damage("ledger".to_owned(), what);
        }
    }

    /// Passes an answer on, and notes it where it says that something is damaged.
    pub(crate) fn noting<T>(
        &self,
        place: impl FnOnce() -> String,
        answer: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if let Err(StoreError::Damaged(what)) = &answer {
            self.note_damage(place(), what);
        }
        answer
    }

    /// What was found damaged.
    pub(crate) fn damage(&self) -> Vec<Damage> {
        let damage = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
        let told = |(place, what): (&String, &Arc<str>)| Damage {
            place: place.clone(),
            what: Arc::clone(what),
        };
        damage.iter().map(told).collect()
    }

    /// Stops the writer for good.
    pub(crate) fn stop(&self, error: StoreError) {
        self.stopped.send_if_modified(|stopped| {
            let first = stopped.is_none();
            stopped.get_or_insert(error);
            first
        });
    }

    /// Waits until the writer stops, and says why.
    pub(crate) async fn failed(&self) -> StoreError {
        let mut stopped = self.stopped.subscribe();
        let error = stopped.wait_for(Option::is_some).await;
        error.ok().and_then(|error| error.clone()).unwrap_or_else(closed)
    }
}

/// What is said once the log was shut down.
pub(crate) fn closed() -> StoreError {
    StoreError::Unavailable("the event log is closed".into())
}

#[cfg(test)]
#[path = "shared_tests.rs"]
mod tests;
