//! The acts of administration: a stream that is only written down, and decides nothing.

use events::{
    access::{AdministrationEvent, BackupTaken, Exported, Replayed},
    ids::{AdministrationId, CommandId, KeyId},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    aggregate::{Aggregate, Decide, Facts},
    refusal::Refusal,
};

/// What was done to the installation. No command goes by it.
#[derive(Clone, Debug, Default)]
pub struct Administration;

impl Aggregate for Administration {
    type Event = AdministrationEvent;

    fn evolve(&mut self, _: &AdministrationEvent) {}

    fn key(&self) -> Option<KeyId> {
        None
    }
}

/// One act.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// A backup was taken, or could not be.
    BackupTaken(BackupTaken),
    /// The read models were made again, or could not be.
    Replayed(Replayed),
    /// The log was exported, or could not be.
    Exported(Exported),
}

/// Writes down an act that has ended. Sent by the product only, for the administrator who did it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordAct {
    /// The installation.
    pub administration: AdministrationId,
    /// What was done.
    pub act: Act,
}

impl Decide for RecordAct {
    const NAME: &'static str = "RecordAct";
    type Aggregate = Administration;

    fn record(&self, _: CommandId) -> Uuid {
        self.administration.0
    }

    // It was done already. It is dated as the clock should show.
    const NEEDS_CLOCK: bool = false;

    fn decide(
        &self,
        _: &Administration,
        _: &Facts<'_>,
    ) -> Result<Vec<AdministrationEvent>, Refusal> {
        Ok(vec![match self.act.clone() {
            Act::BackupTaken(taken) => taken.into(),
            Act::Replayed(replayed) => replayed.into(),
            Act::Exported(exported) => exported.into(),
        }])
    }
}
