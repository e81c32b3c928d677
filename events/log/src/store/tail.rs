//! The end of the log in memory, so that followers that are near it do not touch the disk.

use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError, RwLock},
};

use events::envelope::{Position, Recorded};

/// The most events that are kept.
const MAX_EVENTS: usize = 8 * 1024;
/// The most bytes of them that are kept.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// What an event takes beside its payload.
const OVERHEAD: usize = 400;

/// The last events of a log with dense positions.
pub(crate) struct Tail(RwLock<Events>);

struct Events {
    /// The position before the first one.
    after: Position,
    events: VecDeque<Arc<Recorded>>,
    bytes: usize,
}

impl Tail {
    /// Nothing yet of a log that ends at `head`.
    pub(crate) fn new(head: Position) -> Self {
        Self(RwLock::new(Events { after: head, events: VecDeque::new(), bytes: 0 }))
    }

    /// The log became longer. After a hole, because someone else wrote, it starts afresh. What is
    /// there already, because someone read it meanwhile, stays.
    pub(crate) fn extend(&self, events: impl IntoIterator<Item = Arc<Recorded>>) {
        let mut tail = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            if event.position.0 > tail.end() + 1 {
                tail.after = Position(event.position.0.saturating_sub(1));
                tail.events.clear();
                tail.bytes = 0;
            }
            tail.push(event);
        }
        tail.shrink();
    }

    /// These were read, in order: what follows on the tail's end is kept.
    pub(crate) fn extend_by_reading(&self, events: &[Arc<Recorded>]) {
        let mut tail = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if events.first().is_some_and(|first| first.position.0 <= tail.end() + 1) {
            for event in events {
                tail.push(Arc::clone(event));
            }
            tail.shrink();
        }
    }

    /// At most `limit` events after `after`; `None` when it does not reach back so far.
    pub(crate) fn read(&self, after: Position, limit: usize) -> Option<Vec<Arc<Recorded>>> {
        let tail = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let skip = after.0.checked_sub(tail.after.0)?;
        let skip = usize::try_from(skip).unwrap_or(usize::MAX).min(tail.events.len());
        Some(tail.events.range(skip..).take(limit).cloned().collect())
    }
}

impl Events {
    /// The last position.
    fn end(&self) -> u64 {
        self.after.0 + self.events.len() as u64
    }

    fn push(&mut self, event: Arc<Recorded>) {
        if event.position.0 == self.end() + 1 {
            self.bytes += size(&event);
            self.events.push_back(event);
        }
    }

    fn shrink(&mut self) {
        while self.events.len() > MAX_EVENTS || self.bytes > MAX_BYTES {
            let Some(first) = self.events.pop_front() else { break };
            self.bytes -= size(&first);
            self.after = first.position;
        }
    }
}

fn size(event: &Recorded) -> usize {
    event.event.payload.len() + OVERHEAD
}

#[cfg(test)]
#[path = "tail_tests.rs"]
mod tests;
