//! What is remembered follows the log where other processes append to it too.
//!
//! Nothing is judged on a state older than the log was when the request came in: [`Handler::freshen`]
//! asks the store where the log ends, and drops from memory what was changed up to there. For a single
//! command the check of its token has asked already ([`Freshened`]).
//!
//! Whatever does not end in an append (a refusal, a quiet answer) is confirmed once more
//! ([`Handler::moved`]): all that it was judged by stood together at one position of the log, which
//! is not before the request. So it is linearizable, as if that one position had been all there was.
//! An accepted command's own stream is compared by the append itself; what else it was judged by was
//! read, not locked, as it is where one process has the log for itself.
//!
//! Nothing follows the log between requests: the first one after a long silence finds more than
//! [`FAR`] events, and memory is emptied instead. What nobody asked for meanwhile is seldom missed.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use events::{Position, Recorded, Version, ids::StreamName};
use events_log::store::{Answer, Receipt, StoreError};

use super::{CommandError, Handler, load::Own, prepare::Basis};
use crate::aggregate::{Loaded, Record};

/// How many events are taken in at a time.
const PAGE: usize = 1_024;
/// From this many events on it is cheaper to forget everything than to read what happened.
const FAR: u64 = 4_096;
/// How many streams' versions are known at least after they were taken in.
const FLOORS: usize = 8_192;
/// How many of our own appends are noted at most; they are forgotten as the log is followed.
const NOTED: usize = 65_536;
/// A store that does not answer by then is not available. Everybody waits for the same answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How far the cache has followed the log.
#[derive(Default)]
pub(super) struct Fresh {
    /// How many have asked, ever.
    asked: AtomicU64,
    followed: tokio::sync::Mutex<Followed>,
    known: Mutex<Known>,
}

/// The last time that the head was asked for.
struct Followed {
    /// Who had asked when that began: the first so many.
    answered: u64,
    outcome: Result<(), StoreError>,
    /// No state in memory is older than this; none before the first time.
    at: Option<Position>,
}

/// Guards the cache: it is changed under this lock, so that nothing is put in it that is older than
/// an event that was taken in.
#[derive(Default)]
struct Known {
    /// Counts how often versions were forgotten. Those of this era and the one before are known.
    era: u64,
    versions: HashMap<StreamName, Version>,
    before: HashMap<StreamName, Version>,
    /// Our own appends that were not passed yet: from after the one position to the other.
    own: BTreeMap<Position, Position>,
}

/// When a stream began to be read. A state that is read later than two eras on may miss something.
#[derive(Clone, Copy)]
pub(super) struct Era(u64);

/// Who has this came before memory was made as new as the log was then.
#[derive(Clone, Copy, Debug)]
pub struct Freshened(());

impl Default for Followed {
    fn default() -> Self {
        Self { answered: 0, outcome: Ok(()), at: None }
    }
}

impl Fresh {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Whether a state of that version, read since `era`, holds all that was taken in.
    fn is_new(&self, stream: StreamName, version: Version, era: Era) -> bool {
        let newest = self.versions.get(&stream).or_else(|| self.before.get(&stream));
        self.era <= era.0 + 1 && newest.is_none_or(|newest| version >= *newest)
    }

    fn take_in(&mut self, stream: StreamName, version: Version) {
        if self.versions.len() >= FLOORS {
            self.before = std::mem::take(&mut self.versions);
            self.era += 1;
        }
        let known = self.versions.entry(stream).or_default();
        *known = version.max(*known);
    }

    /// The position after our own appends that begin at `at`: memory holds what they did.
    fn past_own(&mut self, mut at: Position) -> Position {
        while let Some(first) = self.own.first_entry().filter(|first| *first.key() <= at) {
            at = at.max(first.remove());
        }
        at
    }
}

impl Handler {
    /// Makes what is remembered at least as new as the log is now. Free where no other process
    /// appends to it; otherwise all who wait share the answer to one question, which was asked after
    /// each of them came.
    ///
    /// # Errors
    /// When the store does not say where the log ends, or does not say it soon.
    pub(crate) async fn freshen(&self) -> Result<Freshened, CommandError> {
        let Some(fresh) = &self.fresh else { return Ok(Freshened(())) };
        let ticket = fresh.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let mut followed = fresh.followed.lock().await;
        if followed.answered < ticket {
            let all = fresh.asked.load(Ordering::SeqCst);
            followed.outcome = self.follow(fresh, &mut followed.at).await;
            followed.answered = all;
        }
        // A failure is everybody's too: a store that is away is not waited for one by one.
        followed.outcome.clone()?;
        Ok(Freshened(()))
    }

    /// Follows the log to where it ends now. May be dropped half way: what was taken in twice does
    /// no harm.
    async fn follow(&self, fresh: &Fresh, at: &mut Option<Position>) -> Result<(), StoreError> {
        let head = soon(self.store.head()).await?.position;
        let mut from = match *at {
            Some(at) if at <= head && head.0 - at.0 <= FAR => fresh.known().past_own(at),
            // The first time, far behind, or a log that lost what it had (a standby took over).
            _ => {
                self.forget(fresh);
                head
            }
        };
        while from < head {
            let page = soon(self.store.read(from, PAGE)).await?;
            let Some(last) = page.last() else {
                // The store knows no events before its own head: then nothing is known.
                self.forget(fresh);
                break;
            };
            let last = last.position;
            self.take_in(fresh, &page);
            from = fresh.known().past_own(last);
            *at = Some(from);
        }
        *at = Some(from.max(head));
        Ok(())
    }

    fn take_in(&self, fresh: &Fresh, page: &[Arc<Recorded>]) {
        let mut known = fresh.known();
        for event in page {
            known.take_in(event.stream, event.version);
            self.cache.remove_if(&event.stream, |loaded| loaded.version < event.version);
        }
        // Ours count too where they were read before their append was answered.
        metrics::counter!("annals_cache_foreign_events_total").increment(page.len() as u64);
    }

    /// Forgets every state, and lets none be kept that is being read now.
    fn forget(&self, fresh: &Fresh) {
        let mut known = fresh.known();
        known.era += 2;
        known.versions.clear();
        known.before.clear();
        known.own.clear();
        self.cache.retain(|_, _| false);
    }

    /// Where a reading of a stream begins. To be asked for before the store is.
    pub(super) fn era(&self) -> Era {
        Era(self.fresh.as_ref().map_or(0, |fresh| fresh.known().era))
    }

    /// Lets `put` put a state into the cache that was read since `era`. None, and nothing is in the
    /// cache, when it may be older than what was taken in meanwhile.
    ///
    /// An event is taken in under the same lock: a state before it that was there is dropped by it,
    /// and one that comes later is not let in. Nobody sees it in between, so who has freshened never
    /// finds a state older than that. The reading of an event that is forgotten again began too long
    /// ago (`era`); an event that was taken in before the reading began was there to be read.
    pub(super) fn keep<T>(
        &self,
        stream: StreamName,
        version: Version,
        era: Era,
        put: impl FnOnce() -> T,
    ) -> Option<T> {
        let Some(fresh) = &self.fresh else { return Some(put()) };
        let known = fresh.known();
        if known.is_new(stream, version, era) {
            return Some(put());
        }
        // The state before ours is outdated for certain, and nobody else would drop it.
        self.cache.remove_if(&stream, |_| true);
        None
    }

    /// Keeps the state of a record whose turn the caller has.
    pub(super) fn remember(&self, stream: StreamName, loaded: Loaded, era: Era) {
        let version = loaded.version;
        self.keep(stream, version, era, || self.cache.insert(stream, loaded));
    }

    /// Keeps the state of a record after an append of ours, and notes which events those were, so
    /// that they need not be read back. In that order: who finds the head behind them takes memory to
    /// be that new.
    pub(super) fn note(&self, receipt: Receipt, record: Record, era: Era) {
        let Receipt { stream, version, position, events } = receipt;
        if events == 0 {
            return;
        }
        self.remember(stream, Loaded { version, record: Arc::new(record) }, era);
        let Some(fresh) = &self.fresh else { return };
        let mut known = fresh.known();
        if known.own.len() >= NOTED {
            known.own.clear();
        }
        let before = Position(position.0.saturating_sub(events.into()));
        known.own.insert(before, position);
    }

    /// Confirms a judgement that ends in no append: none when everything it went by still stands.
    /// Otherwise it must be judged again, on the state that this answers with.
    ///
    /// What still has the same version was the same all the time since it was first read: all of it
    /// stood together at the head that was asked for here.
    pub(super) async fn moved(
        &self,
        stream: StreamName,
        own: &Own,
        basis: &Basis,
    ) -> Result<Option<Own>, CommandError> {
        if self.fresh.is_none() {
            return Ok(None);
        }
        self.freshen().await?;
        let now = self.load(stream).await?;
        let mut moved = now.version != own.loaded.version;
        for (needed, version) in basis.states.versions() {
            moved = moved || self.load(needed).await?.version != version;
        }
        Ok(moved.then(|| Own::read(now)))
    }
}

/// Waits for the store's answer, but not for ever.
async fn soon<T>(answer: Answer<'_, Result<T, StoreError>>) -> Result<T, StoreError> {
    let late = |_| StoreError::Unavailable("the event store does not answer".into());
    tokio::time::timeout(PATIENCE, answer).await.map_err(late)?
}

#[cfg(test)]
#[path = "fresh_tests.rs"]
mod tests;
#[cfg(test)]
#[path = "asked_tests.rs"]
mod asked_tests;
#[cfg(test)]
#[path = "shared_tests.rs"]
mod shared_tests;
