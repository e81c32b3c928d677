//! The register of generations in a data folder: a file of rows for each.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use events_log::private::make_private;
use rusqlite::{Connection, OptionalExtension, Row};

use super::{Entry, State};
use crate::read_store::{ReadStoreError, sqlite_failed as failed};

/// The file of the register.
const REGISTER: &str = "read.db";

/// The register, a small SQLite file. Every change is one transaction, and rare.
pub(crate) struct FolderRegister {
    folder: PathBuf,
    connection: Mutex<Connection>,
}

impl FolderRegister {
    /// Opens the register of a folder, and makes it if need be. One that is damaged is made anew, and
    /// no file stays that it does not know: nobody would erase what stands in it.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub(crate) fn open(folder: &Path) -> Result<Self, ReadStoreError> {
        let register = match Self::open_file(folder) {
            Err(ReadStoreError::Damaged(why)) => {
                tracing::error!(%why, "the register of read models is damaged: all are made again");
                remove_all(&folder.join(REGISTER))?;
                Self::open_file(folder)?
            }
            opened => opened?,
        };
        register.forget_unknown()?;
        Ok(register)
    }

    fn open_file(folder: &Path) -> Result<Self, ReadStoreError> {
        let path = folder.join(REGISTER);
        make_private(&path).map_err(io_failed)?;
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
        let said: String =
            connection.query_row("pragma integrity_check", [], |row| row.get(0)).map_err(failed)?;
        if said != "ok" {
            return Err(ReadStoreError::Damaged(said.into()));
        }
        Ok(Self { folder: folder.to_owned(), connection: Mutex::new(connection) })
    }

    /// Deletes the files of generations that are not registered.
    fn forget_unknown(&self) -> Result<(), ReadStoreError> {
        let known: Vec<u32> = {
            let connection = self.lock();
            let mut select = connection.prepare("select number from generation").map_err(failed)?;
            let rows = select.query_map([], |row| row.get(0)).map_err(failed)?;
            rows.collect::<rusqlite::Result<_>>().map_err(failed)?
        };
        for entry in fs::read_dir(&self.folder).map_err(io_failed)? {
            let name = entry.map_err(io_failed)?.file_name();
            let number = name.to_str().and_then(|name| {
                name.strip_prefix("read-")?.strip_suffix(".db")?.parse::<u32>().ok()
            });
            if number.is_some_and(|number| !known.contains(&number)) {
                remove_all(&self.folder.join(name))?;
            }
        }
        Ok(())
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
            // One that is no text any more is another shape.
            let shape = String::from_utf8_lossy(row.get_ref(1)?.as_bytes()?).into_owned();
            Ok(Entry { number: row.get(0)?, shape, kept_for: Duration::ZERO })
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
        remove_all(&self.file(number))?;
        let deleted = self.lock().execute("delete from generation where number = $1", [number]);
        deleted.map(drop).map_err(failed)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A thread that died in between left no open transaction behind: dropping rolls back.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Deletes a database: its file, and what stands beside it.
fn remove_all(file: &Path) -> Result<(), ReadStoreError> {
    for ending in ["", "-wal", "-shm", "-journal"] {
        let mut name = file.to_owned().into_os_string();
        name.push(ending);
        match fs::remove_file(name) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_failed(error)),
        }
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn io_failed(error: io::Error) -> ReadStoreError {
    ReadStoreError::Unavailable(error.to_string().into())
}
