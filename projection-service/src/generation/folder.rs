//! The register of generations in a data folder: a file of rows for each.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use events::private::make_private;
use rusqlite::{Connection, OptionalExtension, Row};

use super::{Entry, State};
use crate::read_store::{ReadStoreError, sqlite_failed as failed};

/// The register, a small SQLite file. Every change is one transaction, and rare.
pub(crate) struct FolderRegister {
    folder: PathBuf,
    connection: Mutex<Connection>,
}

impl FolderRegister {
    /// Opens the register of a folder, and makes it if need be.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub(crate) fn open(folder: &Path) -> Result<Self, ReadStoreError> {
        let path = folder.join("read.db");
        make_private(&path)
            .map_err(|error| ReadStoreError::Unavailable(error.to_string().into()))?;
        let connection = Connection::open(path).map_err(failed)?;
        // `autoincrement` never gives a number again, also after its row is gone.
        connection
            .execute_batch(
                "pragma journal_mode = delete;
                 pragma synchronous = full;
                 create table if not exists generation (
                     number integer primary key autoincrement,
                     shape text not null,
                     state text not null check (state in ('building', 'live', 'retired'))
                 ) strict;
                 create unique index if not exists generation_live on generation (state)
                     where state = 'live';",
            )
            .map_err(failed)?;
        Ok(Self { folder: folder.to_owned(), connection: Mutex::new(connection) })
    }

    /// The file of a generation.
    #[must_use]
    pub(crate) fn file(&self, number: u32) -> PathBuf {
        self.folder.join(format!("read-{number}.db"))
    }

    /// The generations in a state, oldest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub(crate) fn list(&self, state: State) -> Result<Vec<Entry>, ReadStoreError> {
        let entry = |row: &Row<'_>| {
            Ok(Entry { number: row.get(0)?, shape: row.get(1)?, kept_for: Duration::ZERO })
        };
        let connection = self.lock();
        let mut select = connection
            .prepare_cached("select number, shape from generation where state = $1 order by number")
            .map_err(failed)?;
        let rows = select.query_map([state.name()], entry).map_err(failed)?;
        rows.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    /// Registers a generation that is filled beside the live one.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub(crate) fn begin(&self, shape: &str) -> Result<u32, ReadStoreError> {
        self.lock()
            .query_row(
                "insert into generation (shape, state) values ($1, 'building') returning number",
                [shape],
                |row| row.get(0),
            )
            .map_err(failed)
    }

    /// Makes a generation the live one; the one that was live is retired. Its number, if there was one.
    ///
    /// # Errors
    /// When the register cannot be written. Nothing has changed then.
    pub(crate) fn switch_to(&self, number: u32) -> Result<Option<u32>, ReadStoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction().map_err(failed)?;
        let retired = transaction
            .query_row(
                "update generation set state = 'retired' where state = 'live' returning number",
                [],
                |row| row.get(0),
            )
            .optional()
            .map_err(failed)?;
        transaction
            .execute("update generation set state = 'live' where number = $1", [number])
            .map_err(failed)?;
        transaction.commit().map_err(failed)?;
        Ok(retired)
    }

    /// Deletes the files of a generation, then forgets it.
    ///
    /// # Errors
    /// When a file cannot be deleted; it is tried again at the next start.
    pub(crate) fn delete(&self, number: u32) -> Result<(), ReadStoreError> {
        let file = self.file(number);
        for ending in ["", "-wal", "-shm"] {
            let mut name = file.clone().into_os_string();
            name.push(ending);
            match fs::remove_file(name) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(ReadStoreError::Unavailable(error.to_string().into())),
            }
        }
        let deleted = self.lock().execute("delete from generation where number = $1", [number]);
        deleted.map(drop).map_err(failed)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A thread that died in between left no open transaction behind: dropping rolls back.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
