//! The quote, as decisions need it.

use events::{ids::KeyId, sales::QuoteEvent};

use crate::aggregate::Aggregate;

/// The quote.
#[derive(Clone, Debug, Default)]
pub struct Quote {
    key: Option<KeyId>,
}

impl Aggregate for Quote {
    type Event = QuoteEvent;

    fn evolve(&mut self, event: &QuoteEvent) {
        let _ = event;
    }

    fn key(&self) -> Option<KeyId> {
        self.key
    }
}
