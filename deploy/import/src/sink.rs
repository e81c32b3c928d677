//! Where the commands go, and what comes back for each.

use std::future::Future;

use anyhow::Result;
use events::values::Zone;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

/// Takes lists of commands, as `POST /commands` does.
pub trait CommandSink: Clone + Send + Sync + 'static {
    /// Sends one list and gives the answers, one for each item in the same order. Sending a list
    /// again must be harmless.
    ///
    /// # Errors
    /// [`Busy`] when it is worth trying again soon; anything else ends the import.
    fn send(&self, batch: Vec<Value>) -> impl Future<Output = Result<Vec<ItemAnswer>>> + Send;

    /// The organisation's zone: the days of a list begin in it, unless its mapping names another.
    ///
    /// # Errors
    /// When the service cannot be reached.
    fn zone(&self) -> impl Future<Output = Result<Zone>> + Send;
}

/// The service cannot take the list now; nothing is known to be wrong with it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the service is busy: {0}")]
pub struct Busy(pub String);

/// What became of one item.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum ItemAnswer {
    /// It was accepted, now or (`replayed`) before.
    Accepted {
        /// The command.
        id: Uuid,
        /// Whether it was there already.
        replayed: bool,
    },
    /// It was refused.
    Refused {
        /// The command.
        id: Uuid,
        /// Why.
        problem: ItemProblem,
    },
}

impl ItemAnswer {
    /// The command it answers.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        match self {
            Self::Accepted { id, .. } | Self::Refused { id, .. } => *id,
        }
    }

    /// Whether the item was not judged at all, so that it is worth sending again.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        match self {
            Self::Accepted { .. } => false,
            Self::Refused { problem, .. } => problem.status == 429 || problem.status >= 500,
        }
    }
}

/// Why an item was refused (RFC 9457).
#[derive(Clone, Debug, Deserialize)]
pub struct ItemProblem {
    /// The status it would have had alone.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// The rule, in one line.
    #[serde(default)]
    pub title: String,
    /// What the rule went by here.
    #[serde(default)]
    pub detail: String,
    /// The field the trouble is in.
    #[serde(default)]
    pub pointer: Option<String>,
}
