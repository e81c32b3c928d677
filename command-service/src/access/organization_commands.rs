//! Setting an installation up.

use events::{
    Instant,
    access::{ClockConfirmed, OlderLogAccepted, OrganizationEvent, OrganizationFounded},
    ids::{Category, CommandId, OrganizationId},
    money::Currency,
    values::{Line, Zone},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Organization;
use crate::{
    aggregate::{Decide, Facts},
    clock::{Doubt, TOLERANCE},
    refusal::Refusal,
};

/// Founds the organisation of this installation. The product sends it at first start; no caller can.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FoundOrganization {
    /// The id of the log, which is the id of its organisation.
    pub organization_id: OrganizationId,
    /// Its name.
    pub name: Line<160>,
    /// The zone in which its days begin and end.
    pub zone: Zone,
    /// The currency it reports in.
    pub base_currency: Currency,
}

impl Decide for FoundOrganization {
    const NAME: &'static str = "FoundOrganization";
    type Aggregate = Organization;

    fn record(&self, _: CommandId) -> Uuid {
        self.organization_id.0
    }

    fn decide(&self, own: &Organization, _: &Facts<'_>) -> Result<Vec<OrganizationEvent>, Refusal> {
        let founded = OrganizationFounded {
            name: self.name.clone(),
            zone: self.zone.clone(),
            base_currency: self.base_currency,
        };
        match own.founded() {
            None => Ok(vec![founded.into()]),
            Some(before) if *before == founded => Ok(Vec::new()),
            Some(_) => Err(Refusal::Exists),
        }
    }
}

/// Writes down that an older log was accepted. The product sends it when it was told so at its start;
/// no caller can.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptOlderLog {
    /// The id of the log, which is the id of its organisation.
    pub organization_id: OrganizationId,
    /// How often that happened before, by what is kept apart from the log.
    pub epoch: u32,
    /// Where the log ends.
    pub position: u64,
    /// The leaf of its last event, in hex.
    pub leaf: String,
    /// The newest position that was known of the log; absent where nothing was known.
    pub known_position: Option<u64>,
    /// The leaf of the event that had been there, in hex.
    pub known_leaf: Option<String>,
}

impl Decide for AcceptOlderLog {
    const NAME: &'static str = "AcceptOlderLog";
    type Aggregate = Organization;

    fn record(&self, _: CommandId) -> Uuid {
        self.organization_id.0
    }

    const NEEDS_CLOCK: bool = false;

    fn decide(&self, own: &Organization, _: &Facts<'_>) -> Result<Vec<OrganizationEvent>, Refusal> {
        let accepted = OlderLogAccepted {
            // The log that was lost may have been an accepted one itself.
            epoch: self.epoch.max(own.epoch()).saturating_add(1),
            position: self.position,
            leaf: self.leaf.clone(),
            known_position: self.known_position,
            known_leaf: self.known_leaf.clone(),
        };
        Ok(vec![accepted.into()])
    }
}

/// Confirms that the clock of the service is right, though it is doubted.
///
/// It is doubted when it moved against the time that has passed, lies before the last event, or lay
/// more than 366 days beyond it at the start. This is the only command of a caller that is taken
/// then; while the clock is believed it stays quiet.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmClock {
    /// The id of the organisation, which is the id of its log: `GET /version` says it.
    pub organization_id: OrganizationId,
    /// The time it is, RFC 3339: at most five minutes from what the clock of the service shows.
    pub time: Instant,
}

impl Decide for ConfirmClock {
    const NAME: &'static str = "ConfirmClock";
    type Aggregate = Organization;

    fn record(&self, _: CommandId) -> Uuid {
        self.organization_id.0
    }

    const NEEDS_CLOCK: bool = false;

    fn decide(
        &self,
        own: &Organization,
        facts: &Facts<'_>,
    ) -> Result<Vec<OrganizationEvent>, Refusal> {
        if own.founded().is_none() {
            return Err(Refusal::not_found(Category::Organization));
        }
        let Some(Doubt { expected, shown, .. }) = facts.clock else { return Ok(Vec::new()) };
        // Whoever confirms says the time: a call that was recorded once confirms no other jump.
        if self.time.micros().abs_diff(shown.micros())
            > TOLERANCE.as_micros().try_into().unwrap_or(0)
        {
            return Err(Refusal::ClockNotShown { shown });
        }
        Ok(vec![ClockConfirmed { from: expected, to: shown }.into()])
    }
}

#[cfg(test)]
#[path = "organization_commands_tests.rs"]
mod tests;
