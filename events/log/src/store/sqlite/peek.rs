//! A look at a file before anything is opened: nothing is written, no file stays behind.

use std::{
    fs,
    path::{Path, PathBuf},
};

use events::{
    envelope::{Leaf, Position},
    ids::LogId,
};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, TransactionBehavior};

use super::{
    SqliteStore,
    schema::{self, OpenError},
};
use crate::store::{Head, StoreError, checksum::of_checkpoint};

/// The line of `meta` that says that a mark of the newest position is kept apart from the log.
const KEEPS_MARK: &str = "keeps_mark";

/// A database that is only looked at. Nobody else may have it open: whoever looks owns its folder.
pub struct Untouched {
    connection: Option<Connection>,
    /// What the database makes beside its file for a reader, and removes only after a writer.
    made: Vec<PathBuf>,
}

impl Untouched {
    /// Opens the database at `path`; none where there is none yet.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(path: &Path) -> Result<Option<Self>, rusqlite::Error> {
        if fs::metadata(path).map_or(0, |metadata| metadata.len()) == 0 {
            return Ok(None);
        }
        let beside = ["-wal", "-shm"].map(|ending| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        });
        let made = beside.into_iter().filter(|file| !file.exists()).collect();
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        // Made first, so that its end tidies up whatever comes of opening.
        let mut it = Self { connection: None, made };
        it.connection = Some(Connection::open_with_flags(path, flags)?);
        Ok(Some(it))
    }

    /// Asks for one row at most.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn row<T>(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, rusqlite::Error> {
        match &self.connection {
            Some(connection) => connection.query_row(sql, parameters, read).optional(),
            None => Ok(None),
        }
    }
}

impl Drop for Untouched {
    fn drop(&mut self) {
        self.connection = None;
        for file in &self.made {
            // It may never have been made.
            fs::remove_file(file).ok();
        }
    }
}

/// A log that is only looked at.
pub struct LogPeek(Untouched);

impl LogPeek {
    /// Looks at the log at `path`; none where there is none yet.
    ///
    /// # Errors
    /// When the file is not a log of this product, is newer than this build, or cannot be read.
    pub fn open(path: &Path) -> Result<Option<Self>, OpenError> {
        schema::check_header(path)?;
        Ok(Untouched::open(path)?.map(Self))
    }

    /// Its id.
    ///
    /// # Errors
    /// When it cannot be read, or is no id.
    pub fn log_id(&self) -> Result<LogId, OpenError> {
        let sql = "select value from meta where name = 'log_id'";
        let id: Option<Vec<u8>> = self.0.row(sql, [], |row| row.get(0))?;
        let id = id.and_then(|id| uuid::Uuid::from_slice(&id).ok());
        id.map(LogId).ok_or(OpenError::Damaged("its id is not an id"))
    }

    /// Where it ends, by its own word.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn head(&self) -> Result<Head, OpenError> {
        let head = self.0.row(schema::READ_STATE, [], schema::state_of)?;
        Ok(head.ok_or(OpenError::Damaged("it has no head"))?.head)
    }

    /// The leaf of the event at a position; none where there is no such event.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn leaf(&self, position: Position) -> Result<Option<Leaf>, OpenError> {
        let sql = "select leaf from events where position = $1";
        let leaf: Option<Vec<u8>> = self.0.row(sql, [position.sql()], |row| row.get(0))?;
        let leaf = leaf.map(|leaf| leaf.try_into().map(Leaf)).transpose();
        leaf.map_err(|_| OpenError::Damaged("a leaf has 32 bytes"))
    }

    /// Where the log ended that was accepted last in place of a newer one; none where that never
    /// happened.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn accepted(&self) -> Result<Option<Position>, OpenError> {
        let sql = "select payload from events where type = 'organization.older_log_accepted' \
                   and stream_key = (select stream_key from streams where category = 'organization') \
                   order by version desc limit 1";
        let payload: Option<Vec<u8>> = self.0.row(sql, [], |row| row.get(0))?;
        let read = |payload: Vec<u8>| {
            let payload: serde_json::Value = serde_json::from_slice(&payload).ok()?;
            payload.get("data")?.get("position")?.as_u64().map(Position)
        };
        Ok(payload.and_then(read))
    }

    /// Whether a mark of its newest position was kept apart from it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn keeps_mark(&self) -> Result<bool, OpenError> {
        let sql = "select 1 from meta where name = $1";
        Ok(self.0.row(sql, [KEEPS_MARK], |_| Ok(()))?.is_some())
    }
}

impl SqliteStore {
    /// Writes into the log that a mark of its newest position is kept apart from it: from then on it
    /// is a loss when there is none.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn remember_mark(&self) -> Result<(), StoreError> {
        self.beside(remember_mark).await
    }

    /// Sets back what process managers remember beyond `head`, after an older log was put in place
    /// of a newer one: they would pass over what comes at those positions now.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn set_back_checkpoints(&self, head: Position) -> Result<(), StoreError> {
        let log = self.shared.log;
        self.beside(move |path| set_back_checkpoints(path, log, head)).await
    }

    /// Does something rare to the file over a connection of its own.
    async fn beside(
        &self,
        work: impl FnOnce(&Path) -> Result<(), OpenError> + Send + 'static,
    ) -> Result<(), StoreError> {
        let path = self.path.clone();
        let done = tokio::task::spawn_blocking(move || work(&path)).await;
        let failed =
            |error: &dyn std::fmt::Display| StoreError::Unavailable(error.to_string().into());
        done.map_err(|error| failed(&error))?.map_err(|error| match error {
            OpenError::Database(error) => failed(&error),
            error => failed(&error),
        })
    }
}

/// Writes into the log that a mark of its newest position is kept apart from it: from then on it is a
/// loss when there is none.
fn remember_mark(path: &Path) -> Result<(), OpenError> {
    let connection = schema::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let sql = "insert into meta values ($1, x'01') on conflict do nothing";
    connection.execute(sql, [KEEPS_MARK])?;
    Ok(())
}

/// Sets back what process managers remember beyond the end of an older log: they would pass over
/// what comes at those positions now.
fn set_back_checkpoints(path: &Path, log: LogId, head: Position) -> Result<(), OpenError> {
    let mut connection = schema::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let beyond = "select name from process_checkpoints where position > ?1";
    let names: Vec<String> = transaction
        .prepare(beyond)?
        .query_map([head.sql()], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for name in names {
        let checksum = of_checkpoint(log, &name, head);
        let sql = "update process_checkpoints set position = ?2, checksum = ?3 where name = ?1";
        transaction.execute(sql, (&name, head.sql(), &checksum[..]))?;
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
#[path = "peek_tests.rs"]
mod tests;
