//! The opportunity, as decisions need it.

use events::{ids::KeyId, sales::OpportunityEvent};

use crate::aggregate::Aggregate;

/// The opportunity.
#[derive(Clone, Debug, Default)]
pub struct Opportunity {
    key: Option<KeyId>,
}

impl Aggregate for Opportunity {
    type Event = OpportunityEvent;

    fn evolve(&mut self, event: &OpportunityEvent) {
        let _ = event;
    }

    fn key(&self) -> Option<KeyId> {
        self.key
    }
}
