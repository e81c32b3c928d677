//! The register of generations: which files of rows there are, and which of them is live.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use rusqlite::{Connection, OptionalExtension, Row};

use crate::read_store::{ReadStoreError, sqlite_failed as failed};

/// What becomes of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is being filled beside the live one. Survives a restart.
    Building,
    /// Questions are answered from it.
    Live,
    /// Another took its place; its file goes when nobody reads it any more.
    Retired,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Live => "live",
            Self::Retired => "retired",
        }
    }
}

/// One generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from 1. Never used twice.
    pub number: u32,
    /// What its rows look like.
    pub shape: String,
}

/// The register, a small SQLite file. Every change is one transaction, and rare.
pub struct Register {
    folder: PathBuf,
    connection: Mutex<Connection>,
}

impl Register {
    /// Opens the register of a folder, and makes it if need be.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn open(folder: &Path) -> Result<Self, ReadStoreError> {
        let connection = Connection::open(folder.join("read.db")).map_err(failed)?;
        // `autoincrement` never gives a number again, also after its row is gone.
        connection
            .execute_batch(
                "pragma journal_mode = wal;
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
    pub fn file(&self, number: u32) -> PathBuf {
        self.folder.join(format!("read-{number}.db"))
    }

    /// The generations in a state, oldest first.
    ///
    /// # Errors
    /// When the register cannot be read.
    pub fn list(&self, state: State) -> Result<Vec<Entry>, ReadStoreError> {
        let entry = |row: &Row<'_>| Ok(Entry { number: row.get(0)?, shape: row.get(1)? });
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
    pub fn begin(&self, shape: &str) -> Result<u32, ReadStoreError> {
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
    pub fn switch_to(&self, number: u32) -> Result<Option<u32>, ReadStoreError> {
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
    pub fn delete(&self, number: u32) -> Result<(), ReadStoreError> {
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

#[cfg(test)]
#[path = "generation_tests.rs"]
mod tests;
