//! Setting an installation up.

use events::{
    access::{OlderLogAccepted, OrganizationEvent, OrganizationFounded},
    ids::{CommandId, OrganizationId},
    money::Currency,
    values::{Line, Zone},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Organization;
use crate::{
    aggregate::{Decide, Facts},
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

#[cfg(test)]
#[path = "organization_commands_tests.rs"]
mod tests;
