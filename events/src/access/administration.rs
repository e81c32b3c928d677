//! What administrators did to the installation itself: backups, rebuilds, exports.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{category::category_events, personal::personal_fields, values::Line};

category_events! {
    /// Something that an administrator did to the installation.
    AdministrationEvent in Administration {
        /// A backup was taken, or could not be.
        BackupTaken(BackupTaken) = "administration.backup_taken" v 1,
        /// The read models were made again from the events, or could not be.
        Replayed(Replayed) = "administration.replayed" v 1,
        /// The log was exported, or could not be.
        Exported(Exported) = "administration.exported" v 1,
    }
}

/// How an act ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "result", rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was not.
    Failed {
        /// Why, in one line. Never a personal value.
        why: Line<300>,
    },
}

/// A backup was taken, or could not be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupTaken {
    /// Its name below the folder of backups.
    pub name: Line<100>,
    /// Where the log ends in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
}

/// The read models were made again from the events, or could not be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replayed {
    /// Up to where they were compared with those before them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// Whether all tables were equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equal: Option<bool>,
    /// How it ended.
    pub outcome: Outcome,
}

/// The log was exported, or could not be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exported {
    /// The name of what was made.
    pub name: Line<100>,
    /// Where the log ends in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// How it ended.
    pub outcome: Outcome,
}

personal_fields! {
    BackupTaken {}
    Replayed {}
    Exported {}
}
