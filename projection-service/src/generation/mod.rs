//! The register of generations: which sets of rows there are, and which of them is live.

use std::{path::PathBuf, sync::Arc, time::Duration};

use events::ids::LogId;
use events_log::postgres::{Database, Server};
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

use crate::{
    follow::Progress,
    read_side::OpenError,
    read_store::{PostgresReadStore, ReadStore, ReadStoreError, SqliteReadStore, postgres},
    table::Table,
};

mod folder;
mod postgres_register;
mod published;

use folder::FolderRegister;
use postgres_register::GRACE;
pub(crate) use postgres_register::{PostgresRegister, prepare, unfit};
pub(crate) use published::{Published, seen};

/// How long a question to the rows may take; whoever asked it waits.
const QUESTION: Duration = Duration::from_secs(5);

/// Where read models are kept.
#[derive(Clone, Debug)]
pub enum Place {
    /// In files of a folder, one for each generation. For one process.
    Folder(PathBuf),
    /// In a PostgreSQL database, a schema for each generation. Also for processes that only answer.
    Postgres(Server),
}

/// Connections that only read, to the rows of one generation. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Pool {
    /// To its file.
    Sqlite(SqlitePool),
    /// To its schema: unqualified names are those of the generation.
    Postgres(Database),
}

impl Pool {
    /// To a schema.
    pub(crate) fn of_schema(server: &Server, number: u32, connections: u32) -> Self {
        let database = Database::new(server, &postgres::schema_of(number), connections);
        Self::Postgres(database.within(QUESTION))
    }

    /// How many connections are held by questions now.
    #[must_use]
    pub fn in_use(&self) -> usize {
        match self {
            Self::Sqlite(pool) => {
                let all = usize::try_from(pool.size()).unwrap_or(usize::MAX);
                all.saturating_sub(pool.num_idle())
            }
            Self::Postgres(database) => database.in_use(),
        }
    }

    /// Closes every connection once the question on it is answered.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(database) => database.close().await,
        }
    }
}

/// What becomes of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is being filled beside the live one. Survives a restart.
    Building,
    /// Questions are answered from it.
    Live,
    /// Another took its place; its rows go when nobody reads them any more.
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
    /// How long its rows must be kept still, for processes that may read them.
    pub kept_for: Duration,
}

/// The register. Every change is one transaction, and rare.
pub(crate) enum Register {
    Folder(FolderRegister),
    Postgres(PostgresRegister),
}

impl Register {
    /// Opens the register of a place, and makes it if need be. On PostgreSQL whoever had it open
    /// for writing before has not any more.
    pub(crate) async fn open(place: &Place, log_id: LogId) -> Result<Self, OpenError> {
        Ok(match place {
            Place::Folder(folder) => Self::Folder(FolderRegister::open(folder)?),
            Place::Postgres(server) => {
                Self::Postgres(PostgresRegister::open(server, log_id).await?)
            }
        })
    }

    /// The generations in a state, oldest first.
    pub(crate) async fn list(&self, state: State) -> Result<Vec<Entry>, ReadStoreError> {
        match self {
            Self::Folder(register) => register.list(state),
            Self::Postgres(register) => register.list(state).await,
        }
    }

    /// Registers a generation that is filled beside the live one.
    pub(crate) async fn begin(&self, shape: &str) -> Result<u32, ReadStoreError> {
        match self {
            Self::Folder(register) => register.begin(shape),
            Self::Postgres(register) => register.begin(shape).await,
        }
    }

    /// Makes a generation the live one; the one that was live is retired. Its number, if there was
    /// one.
    pub(crate) async fn switch_to(&self, number: u32) -> Result<Option<u32>, ReadStoreError> {
        match self {
            Self::Folder(register) => register.switch_to(number),
            Self::Postgres(register) => register.switch_to(number).await,
        }
    }

    /// Deletes the rows of a generation, then forgets it.
    pub(crate) async fn delete(&self, number: u32) -> Result<(), ReadStoreError> {
        match self {
            Self::Folder(register) => register.delete(number),
            Self::Postgres(register) => register.delete(number).await,
        }
    }

    /// Tells processes that only answer how it goes.
    pub(crate) async fn publish(&self, progress: &Progress) -> Result<(), ReadStoreError> {
        match self {
            // Nobody else reads a folder.
            Self::Folder(_) => Ok(()),
            Self::Postgres(register) => register.publish(&Published::of(progress)).await,
        }
    }

    /// Ends all work on it.
    pub(crate) async fn close(&self) {
        if let Self::Postgres(register) = self {
            register.close().await;
        }
    }

    /// How long the rows of a generation that was live must be kept after it.
    pub(crate) const fn grace(&self) -> Duration {
        match self {
            Self::Folder(_) => Duration::ZERO,
            Self::Postgres(_) => GRACE,
        }
    }

    /// Opens the rows of a generation for writing.
    pub(crate) async fn store(
        &self,
        number: u32,
        tables: &[&'static Table],
    ) -> Result<Arc<dyn ReadStore>, ReadStoreError> {
        Ok(match self {
            Self::Folder(register) => {
                Arc::new(SqliteReadStore::open(&register.file(number), tables)?)
            }
            Self::Postgres(register) => {
                Arc::new(PostgresReadStore::open(register.server(), number, tables).await?)
            }
        })
    }

    /// Connections for reading the rows of a generation.
    pub(crate) fn pool(&self, number: u32, connections: u32) -> Pool {
        match self {
            Self::Folder(register) => {
                let options = SqliteConnectOptions::new()
                    .filename(register.file(number))
                    .read_only(true)
                    .pragma("cache_size", "-4096")
                    .pragma("temp_store", "memory");
                // A file does not go away like a server: there is no need to ask before each
                // question.
                let pool = SqlitePoolOptions::new()
                    .max_connections(connections)
                    .test_before_acquire(false)
                    .connect_lazy_with(options);
                Pool::Sqlite(pool)
            }
            Self::Postgres(register) => Pool::of_schema(register.server(), number, connections),
        }
    }
}

#[cfg(test)]
#[path = "generation_tests.rs"]
mod tests;
