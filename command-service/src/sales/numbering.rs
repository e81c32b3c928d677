//! A sequence of document numbers: its version is the last number.

use events::{ids::KeyId, sales::NumberingEvent};

use crate::aggregate::Aggregate;

/// A sequence of numbers.
#[derive(Clone, Debug, Default)]
pub struct Numbering {
    /// The last number that was given.
    pub last: u64,
}

impl Aggregate for Numbering {
    type Event = NumberingEvent;

    fn evolve(&mut self, event: &NumberingEvent) {
        let NumberingEvent::NumberAllocated(allocated) = event;
        self.last = allocated.n;
    }

    fn key(&self) -> Option<KeyId> {
        None
    }
}
