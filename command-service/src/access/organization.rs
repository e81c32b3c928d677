//! The organisation, as decisions need it.

use events::{
    access::{OrganizationEvent, OrganizationFounded},
    ids::KeyId,
    money::Currency,
    values::{Line, Zone},
};

use crate::aggregate::Aggregate;

/// The organisation: its name, its zone and its currency.
#[derive(Clone, Debug)]
pub struct Organization {
    zone: Zone,
    founded: Option<OrganizationFounded>,
}

impl Default for Organization {
    fn default() -> Self {
        Self { zone: Zone::utc(), founded: None }
    }
}

impl Organization {
    /// The zone in which its days begin and end; UTC before it was founded.
    #[must_use]
    pub const fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The currency it reports in; none before it was founded.
    #[must_use]
    pub fn base_currency(&self) -> Option<Currency> {
        self.founded.as_ref().map(|founded| founded.base_currency)
    }

    /// Its name; none before it was founded.
    #[must_use]
    pub fn name(&self) -> Option<&Line<160>> {
        self.founded.as_ref().map(|founded| &founded.name)
    }

    /// What it was founded with.
    #[must_use]
    pub(super) const fn founded(&self) -> Option<&OrganizationFounded> {
        self.founded.as_ref()
    }
}

impl Aggregate for Organization {
    type Event = OrganizationEvent;

    fn evolve(&mut self, event: &OrganizationEvent) {
        let OrganizationEvent::Founded(founded) = event;
        self.zone = founded.zone.clone();
        self.founded = Some(founded.clone());
    }

    fn key(&self) -> Option<KeyId> {
        None
    }
}
