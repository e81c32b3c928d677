//! Setting an installation up.

use events::{
    access::{OrganizationEvent, OrganizationFounded},
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

#[cfg(test)]
#[path = "organization_commands_tests.rs"]
mod tests;
