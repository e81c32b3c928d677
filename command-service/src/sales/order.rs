//! The order, as decisions need it.

use events::{ids::KeyId, sales::OrderEvent};

use crate::aggregate::Aggregate;

/// The order.
#[derive(Clone, Debug, Default)]
pub struct Order {
    key: Option<KeyId>,
}

impl Aggregate for Order {
    type Event = OrderEvent;

    fn evolve(&mut self, event: &OrderEvent) {
        let _ = event;
    }

    fn key(&self) -> Option<KeyId> {
        self.key
    }
}
