//! The organisation, as decisions need it.

use events::{
    access::{ClockConfirmed, OlderLogAccepted, OrganizationEvent, OrganizationFounded},
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
    older_log: Option<OlderLogAccepted>,
    clock: Option<ClockConfirmed>,
}

impl Default for Organization {
    fn default() -> Self {
        Self { zone: Zone::utc(), founded: None, older_log: None, clock: None }
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

    /// The last time that an older log was accepted in place of a newer one.
    #[must_use]
    pub const fn older_log(&self) -> Option<&OlderLogAccepted> {
        self.older_log.as_ref()
    }

    /// How often an older log was accepted in place of a newer one.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.older_log.as_ref().map_or(0, |accepted| accepted.epoch)
    }

    /// The last confirmation of a clock that had jumped.
    #[must_use]
    pub const fn clock(&self) -> Option<&ClockConfirmed> {
        self.clock.as_ref()
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
        match event {
            OrganizationEvent::Founded(founded) => {
                self.zone = founded.zone.clone();
                self.founded = Some(founded.clone());
            }
            OrganizationEvent::OlderLogAccepted(accepted) => {
                self.older_log = Some(accepted.clone());
            }
            OrganizationEvent::ClockConfirmed(confirmed) => self.clock = Some(confirmed.clone()),
        }
    }

    fn key(&self) -> Option<KeyId> {
        None
    }
}
