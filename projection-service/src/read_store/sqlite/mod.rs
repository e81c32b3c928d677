//! The read store on SQLite: one file per generation, written by one thread of its own.

use std::{
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    thread,
};

use events::{Position, store::Answer};
use rusqlite::{Connection, OpenFlags};
use tokio::{sync::oneshot, task::spawn_blocking};

use super::{
    Checkpoint, Commit, ReadStore, ReadStoreError, Snapshot, Wanted,
    ddl::{self, Dialect},
    writer::{self, failed},
};
use crate::table::{Row, Table, Value};

/// Pages of the WAL from which on it is copied back to the database beside the writing: 64 MB.
const COPY_BACK: i64 = 16_384;
/// Pages of the WAL from which on writing waits for that: 256 MB. Bounds the file on a slow disk.
const COPY_BACK_NOW: i64 = 65_536;

enum Job {
    Run(Box<dyn FnOnce(&mut Connection) + Send>),
    Close(oneshot::Sender<()>),
}

/// A file with all read models of one generation.
pub struct SqliteReadStore {
    jobs: Sender<Job>,
    path: PathBuf,
    tables: Vec<&'static Table>,
}

impl SqliteReadStore {
    /// Opens the file and makes what is missing in it, except the indexes that only questions need.
    ///
    /// # Errors
    /// When the file cannot be opened or is no database.
    pub fn open(path: &Path, tables: &[&'static Table]) -> Result<Self, ReadStoreError> {
        let mut connection = Connection::open(path).map_err(failed)?;
        configure(&connection).map_err(failed)?;
        let transaction = connection.transaction().map_err(failed)?;
        for statement in ddl::tables(Dialect::Sqlite, tables) {
            transaction.execute_batch(&statement).map_err(failed)?;
        }
        transaction.commit().map_err(failed)?;

        let copier = start_copier(path)?;
        let (jobs, queue) = channel();
        start_thread("annals-read-store", move || work(connection, &queue, &copier))?;
        Ok(Self { jobs, path: path.to_owned(), tables: tables.to_vec() })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, ReadStoreError> + Send + 'static,
    ) -> Answer<'_, Result<T, ReadStoreError>> {
        let (answer, answered) = oneshot::channel();
        let run = move |connection: &mut Connection| {
            // Whoever asked may have gone meanwhile; the work is done all the same.
            drop(answer.send(job(connection)));
        };
        let sent = self.jobs.send(Job::Run(Box::new(run)));
        Box::pin(async move {
            sent.map_err(|_| closed())?;
            answered.await.map_err(|_| closed())?
        })
    }
}

impl ReadStore for SqliteReadStore {
    fn checkpoint(&self) -> Answer<'_, Result<Checkpoint, ReadStoreError>> {
        self.run(|connection| writer::checkpoint(connection))
    }

    fn load(
        &self,
        wanted: Vec<Wanted>,
    ) -> Answer<'_, Result<Vec<Vec<Option<Row>>>, ReadStoreError>> {
        self.run(move |connection| writer::load(connection, &wanted))
    }

    fn commit(&self, commit: Commit) -> Answer<'_, Result<(), ReadStoreError>> {
        self.run(move |connection| writer::apply(connection, &commit))
    }

    fn make_indexes(&self) -> Answer<'_, Result<(), ReadStoreError>> {
        let statements = ddl::indexes(&self.tables);
        self.run(move |connection| {
            statements.iter().try_for_each(|sql| connection.execute_batch(sql)).map_err(failed)
        })
    }

    fn snapshot(&self) -> Answer<'_, Result<Box<dyn Snapshot>, ReadStoreError>> {
        let path = self.path.clone();
        Box::pin(async move {
            let snapshot = spawn_blocking(move || SqliteSnapshot::open(&path));
            Ok(Box::new(snapshot.await.map_err(|_| closed())??) as Box<dyn Snapshot>)
        })
    }

    fn close(&self) -> Answer<'_, ()> {
        let (answer, answered) = oneshot::channel();
        let sent = self.jobs.send(Job::Close(answer));
        Box::pin(async move {
            if sent.is_ok() {
                // The thread answers, or is gone already: closed either way.
                drop(answered.await);
            }
        })
    }
}

/// The read side can be made again from the log, and its checkpoint is in the same transaction:
/// `synchronous = NORMAL` may lose the last commits in a power cut, never their consistency, and
/// what is lost is folded again.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "pragma journal_mode = wal;
         pragma synchronous = normal;
         pragma wal_autocheckpoint = 0;
         pragma cache_size = -16384;
         pragma temp_store = memory;
         pragma busy_timeout = 5000;",
    )?;
    connection.set_prepared_statement_cache_capacity(256);
    Ok(())
}

fn work(mut connection: Connection, queue: &Receiver<Job>, copier: &SyncSender<()>) {
    while let Ok(job) = queue.recv() {
        match job {
            Job::Run(run) => {
                run(&mut connection);
                if let Err(error) = bound_wal(&connection, copier) {
                    tracing::warn!(%error, "the read store's WAL cannot be copied back");
                }
            }
            Job::Close(answer) => {
                drop(connection);
                // Whoever asked may have gone meanwhile.
                answer.send(()).ok();
                return;
            }
        }
    }
}

/// Copying the WAL back to the database takes long and is done beside the writing, until the WAL
/// grows faster than that.
fn bound_wal(connection: &Connection, copier: &SyncSender<()>) -> rusqlite::Result<()> {
    let waiting = |row: &rusqlite::Row<'_>| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?);
    let pages = connection.prepare_cached("pragma wal_checkpoint(noop)")?.query_row([], waiting)?;
    if pages >= COPY_BACK_NOW {
        connection.prepare_cached("pragma wal_checkpoint(passive)")?.query_row([], waiting)?;
    } else if pages >= COPY_BACK {
        // A copier that is busy does not need to be told.
        copier.try_send(()).ok();
    }
    Ok(())
}

/// Starts the thread that copies the WAL back; it ends with its sender.
fn start_copier(path: &Path) -> Result<SyncSender<()>, ReadStoreError> {
    let connection = Connection::open(path).map_err(failed)?;
    connection.execute_batch("pragma wal_autocheckpoint = 0").map_err(failed)?;
    let (copier, wishes) = sync_channel(1);
    start_thread("annals-read-wal", move || {
        while wishes.recv().is_ok() {
            let copied = connection.query_row("pragma wal_checkpoint(passive)", [], |_| Ok(()));
            if let Err(error) = copied {
                tracing::warn!(%error, "the read store's WAL cannot be copied back");
            }
        }
    })?;
    Ok(copier)
}

fn start_thread(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), ReadStoreError> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map(drop)
        .map_err(|error| ReadStoreError::Unavailable(error.to_string().into()))
}

fn closed() -> ReadStoreError {
    ReadStoreError::Unavailable("it was closed".into())
}

/// A read transaction that is kept open. It works elsewhere than on the async threads.
struct SqliteSnapshot {
    connection: Option<Connection>,
    position: Position,
}

impl SqliteSnapshot {
    fn open(path: &Path) -> Result<Self, ReadStoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.execute_batch("pragma busy_timeout = 5000; begin deferred").map_err(failed)?;
        let position = writer::checkpoint(&connection)?.position;
        Ok(Self { connection: Some(connection), position })
    }
}

impl Snapshot for SqliteSnapshot {
    fn position(&self) -> Position {
        self.position
    }

    fn page(
        &mut self,
        table: &'static Table,
        cut: Position,
        after: Option<Vec<Value>>,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Vec<Value>>, ReadStoreError>> {
        Box::pin(async move {
            let connection = self.connection.take().ok_or_else(closed)?;
            let read = spawn_blocking(move || {
                let page = writer::page(&connection, table, cut, after.as_deref(), limit);
                (connection, page)
            });
            let (connection, page) = read.await.map_err(|_| closed())?;
            self.connection = Some(connection);
            page
        })
    }
}
