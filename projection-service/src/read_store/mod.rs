//! The port of the read store: rows and the checkpoint they belong to, changed together.

use std::{future::ready, sync::Arc};

use events::{Leaf, Position};
use events_log::store::Answer;

use crate::table::{Key, Row, Table, Value};

pub mod ddl;
pub mod sqlite;
pub mod postgres;
mod writer;

pub use postgres::PostgresReadStore;
pub use sqlite::SqliteReadStore;
pub(crate) use writer::failed as sqlite_failed;

/// The `to_position` of a row that still holds.
pub const OPEN: i64 = i64::MAX;

/// How far a read model has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last event that is in the rows.
    pub position: Position,
    /// Its leaf: tells whether the log is still the one the rows were made from.
    pub leaf: Option<Leaf>,
    /// The organisation's zone as of that event.
    pub zone: Option<String>,
}

/// Rows that are wanted from one table.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The table.
    pub table: &'static Table,
    /// The keys; each once.
    pub keys: Vec<Key>,
}

/// One state of a history row that began within a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The values.
    pub row: Row,
    /// The event that brought it about.
    pub from: Position,
    /// The event that ended it; none while it holds.
    pub to: Option<Position>,
}

/// What a batch changes in one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableChanges {
    /// Of a history table. Closing comes first.
    History {
        /// The table.
        table: &'static Table,
        /// Rows that were open before the batch, if there, and where they end.
        closed: Vec<(Key, Position)>,
        /// States that began within the batch.
        begun: Vec<Interval>,
    },
    /// Of a table whose rows never change.
    AppendOnly {
        /// The table.
        table: &'static Table,
        /// The new rows.
        rows: Vec<Row>,
    },
    /// Of a table that knows the present only.
    Current {
        /// The table.
        table: &'static Table,
        /// Rows as they are now.
        put: Vec<Row>,
        /// Rows that are no more, if they were.
        removed: Vec<Key>,
    },
}

/// One batch: all or nothing.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Where the store must stand. If it stands elsewhere somebody else writes to it.
    pub expected: Position,
    /// Where it stands afterwards.
    pub reached: Checkpoint,
    /// The rows.
    pub tables: Vec<TableChanges>,
}

/// Why a read store cannot do what it is asked to.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadStoreError {
    /// Another writer has moved the checkpoint: whoever gets this must stop.
    #[error("another writer moved the read models to {actual}")]
    Fenced {
        /// Where the store stands.
        actual: Position,
    },
    /// Another process has taken charge of the read side: whoever gets this must stop.
    #[error("another process writes the read models now")]
    Superseded,
    /// A batch adds a row whose key is taken, or one that does not fit its table.
    #[error("table `{table}` does not take a row: {what}")]
    Conflict {
        /// The table.
        table: &'static str,
        /// What the database says; it names columns, never values.
        what: Arc<str>,
    },
    /// The store cannot be used now.
    #[error("the read store is not available: {0}")]
    Unavailable(Arc<str>),
    /// No room is left.
    #[error("the read store has no room left")]
    Full,
    /// What is stored is not what was stored.
    #[error("the read store is damaged: {0}")]
    Damaged(Arc<str>),
}

/// Where rows are kept.
pub trait ReadStore: Send + Sync {
    /// How far it has come.
    fn checkpoint(&self) -> Answer<'_, Result<Checkpoint, ReadStoreError>>;

    /// The present rows of many keys; for each wish one answer for each key, in order.
    fn load(
        &self,
        wanted: Vec<Wanted>,
    ) -> Answer<'_, Result<Vec<Vec<Option<Row>>>, ReadStoreError>>;

    /// Changes rows and checkpoint in one transaction, if the checkpoint is where it is expected.
    fn commit(&self, commit: Commit) -> Answer<'_, Result<(), ReadStoreError>>;

    /// Makes the indexes that only questions need. A rebuild fills the tables first.
    fn make_indexes(&self) -> Answer<'_, Result<(), ReadStoreError>>;

    /// A view of one moment, which later commits do not change.
    fn snapshot(&self) -> Answer<'_, Result<Box<dyn Snapshot>, ReadStoreError>>;

    /// Ends all work on it. Whatever is asked afterwards is answered with `Unavailable`.
    fn close(&self) -> Answer<'_, ()>;
}

/// All tables at one moment.
pub trait Snapshot: Send {
    /// That moment.
    fn position(&self) -> Position;

    /// At most `limit` rows in the order of the key, after the row that begins with `after`.
    ///
    /// Rows are cut at `cut`: what came later is left out, and what ended later is shown as open.
    /// History rows carry their two positions at the end. Tables that know the present only
    /// cannot be cut: they are shown as of [`Self::position`], and are to be read before all others,
    /// which may be read in several transactions.
    fn page(
        &mut self,
        table: &'static Table,
        cut: Position,
        after: Option<Vec<Value>>,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Vec<Value>>, ReadStoreError>>;

    /// What is wrong with how a table and its indexes are stored, where the database leaves that to
    /// whoever asks it. To be asked before its pages.
    fn check(
        &mut self,
        table: &'static Table,
    ) -> Answer<'_, Result<Option<Arc<str>>, ReadStoreError>> {
        let _ = table;
        Box::pin(ready(Ok(None)))
    }
}

#[cfg(test)]
#[path = "read_store_tests.rs"]
mod tests;
