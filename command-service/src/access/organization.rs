//! The organisation, as decisions need it.

use events::{access::OrganizationEvent, ids::KeyId, money::Currency, values::Zone};

use crate::aggregate::Aggregate;

/// The organisation: its zone and its currency.
#[derive(Clone, Debug)]
pub struct Organization {
    zone: Zone,
    base_currency: Option<Currency>,
}

impl Default for Organization {
    fn default() -> Self {
        Self { zone: Zone::utc(), base_currency: None }
    }
}

impl Organization {
    /// The zone in which its days begin and end.
    #[must_use]
    pub const fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The currency it reports in; none before it was founded.
    #[must_use]
    pub const fn base_currency(&self) -> Option<Currency> {
        self.base_currency
    }
}

impl Aggregate for Organization {
    type Event = OrganizationEvent;

    fn evolve(&mut self, event: &OrganizationEvent) {
        let OrganizationEvent::Founded(founded) = event;
        self.zone = founded.zone.clone();
        self.base_currency = Some(founded.base_currency);
    }

    fn key(&self) -> Option<KeyId> {
        None
    }
}
