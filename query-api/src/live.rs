//! The live generation of the read models, as questions need it.

use events::Position;
use sqlx::SqlitePool;
use tokio::sync::watch;

/// Hands out the generation that is live at the moment of asking.
pub trait Live: Send + Sync {
    /// The generation that is live now.
    fn generation(&self) -> Generation;
}

/// One generation: where its rows are, and how far it has come.
#[derive(Clone, Debug)]
pub struct Generation {
    /// Read-only connections.
    pub pool: SqlitePool,
    /// The position of its checkpoint, soon after every commit.
    pub progress: watch::Receiver<Position>,
}
