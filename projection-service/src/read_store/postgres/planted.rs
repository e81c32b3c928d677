//! A mistake of a read store, to see whether it is caught.

use std::{sync::Arc, time::Duration};

use events_log::postgres::Database;
use tokio::time::{Instant, interval_at};

use super::{
    super::{Commit, ReadStoreError},
    failed,
    statements::Statements,
    writer,
};

/// How long after the rows the checkpoint follows.
const LATE: Duration = Duration::from_millis(20);

/// Commits the rows, and then the checkpoint.
pub(super) async fn commit(
    database: &Database,
    statements: Arc<Statements>,
    writer: i64,
    commit: Commit,
) -> Result<(), ReadStoreError> {
    let commit = Arc::new(commit);
    let rows = Arc::clone(&commit);
    let written = database.transaction("begin", move |connection| {
        Box::pin(async move { writer::write_all(connection, &statements, &rows).await })
    });
    written.await.map_err(failed)?;
    interval_at(Instant::now() + LATE, LATE).tick().await;
    let moved = database.transaction("begin", move |connection| {
        Box::pin(async move { writer::move_checkpoint(connection, writer, &commit).await })
    });
    moved.await.map_err(failed)
}
