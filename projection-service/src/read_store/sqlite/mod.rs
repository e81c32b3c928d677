//! The read store on SQLite: one file per generation, written by one thread of its own.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use events::Position;
use events_log::{private::make_private, store::Answer};
use rusqlite::{Connection, OpenFlags};
use tokio::{sync::oneshot, task::spawn_blocking};

use super::{
    Checkpoint, Commit, ReadStore, ReadStoreError, Snapshot, Wanted, ddl,
    writer::{self, failed},
};
use crate::table::{Keeping, Row, Table, Value};

mod schema;
mod wal;

use wal::{Bound, Wal};

/// How long a connection waits for another one's lock.
const BUSY: Duration = Duration::from_secs(5);
/// How long a comparison reads in one transaction where it need not: the WAL cannot begin again
/// meanwhile, and the writer does not wait for long.
const LONGEST: Duration = Duration::from_millis(250);

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
    /// Opens the file; a new one gets its tables, not the indexes that only questions need.
    ///
    /// # Errors
    /// When the file cannot be opened, is no database, or holds other tables than these.
    pub fn open(path: &Path, tables: &[&'static Table]) -> Result<Self, ReadStoreError> {
        Self::open_bounded(path, tables, Bound::USUAL)
    }

    fn open_bounded(
        path: &Path,
        tables: &[&'static Table],
        bound: Bound,
    ) -> Result<Self, ReadStoreError> {
        // Personal values stand in it in clear.
        make_private(path)
            .map_err(|error| ReadStoreError::Unavailable(error.to_string().into()))?;
        let mut connection = Connection::open(path).map_err(failed)?;
        configure(&connection).map_err(failed)?;
        schema::make_or_check(&mut connection, tables)?;
        let wal = Wal::start(path, bound)?;
        let (jobs, queue) = channel();
        thread::Builder::new()
            .name("annals-read-store".to_owned())
            .spawn(move || work(connection, &queue, wal))
            .map_err(|error| ReadStoreError::Unavailable(error.to_string().into()))?;
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
         pragma temp_store = memory;",
    )?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(256);
    Ok(())
}

fn work(mut connection: Connection, queue: &Receiver<Job>, mut wal: Wal) {
    let mut asked = None;
    loop {
        let cleared = match next(queue, &wal) {
            Ok(Job::Run(run)) => {
                run(&mut connection);
                wal.written(&connection)
            }
            Ok(Job::Close(answer)) => {
                asked = Some(answer);
                break;
            }
            Err(RecvTimeoutError::Timeout) => wal.idle(&connection),
            // Whoever could ask is gone.
            Err(RecvTimeoutError::Disconnected) => break,
        };
        if let Err(error) = cleared {
            tracing::warn!(%error, "the read store's WAL cannot be copied back");
        }
    }
    if let Err(error) = wal.close(&connection) {
        tracing::warn!(%error, "the read store's WAL cannot be copied back");
    }
    drop(connection);
    if let Some(answer) = asked {
        // Whoever asked may have gone meanwhile.
        answer.send(()).ok();
    }
}

/// Waits for work; not for ever while there is something to clear away.
fn next(queue: &Receiver<Job>, wal: &Wal) -> Result<Job, RecvTimeoutError> {
    if wal.is_long() {
        queue.recv_timeout(wal::IDLE)
    } else {
        queue.recv().map_err(|_| RecvTimeoutError::Disconnected)
    }
}

fn closed() -> ReadStoreError {
    ReadStoreError::Unavailable("it was closed".into())
}

/// A read transaction that is kept open as long as it has to be. It works elsewhere than on the async
/// threads.
struct SqliteSnapshot {
    reader: Option<SnapshotReader>,
    position: Position,
}

struct SnapshotReader {
    connection: Connection,
    since: Instant,
}

impl SqliteSnapshot {
    fn open(path: &Path) -> Result<Self, ReadStoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        connection.execute_batch("begin deferred").map_err(failed)?;
        let position = writer::checkpoint(&connection)?.position;
        let reader = Some(SnapshotReader { connection, since: Instant::now() });
        Ok(Self { reader, position })
    }
}

impl SnapshotReader {
    /// Begins another transaction where this one has lasted. Rows that are cut at a position are the
    /// same in every later one: those of the present are not, and are read in the first.
    fn renew(&mut self, table: &Table) -> Result<(), ReadStoreError> {
        if self.since.elapsed() > LONGEST && table.keeping != Keeping::Current {
            self.connection.execute_batch("rollback; begin deferred").map_err(failed)?;
            self.since = Instant::now();
        }
        Ok(())
    }

    fn page(
        &mut self,
        table: &'static Table,
        cut: Position,
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Vec<Vec<Value>>, ReadStoreError> {
        self.renew(table)?;
        writer::page(&self.connection, table, cut, after, limit)
    }

    fn check(&mut self, table: &'static Table) -> Result<Option<Arc<str>>, ReadStoreError> {
        self.renew(table)?;
        writer::check(&self.connection, table)
    }
}

impl SqliteSnapshot {
    /// Reads where reading blocks nobody.
    async fn read<T: Send + 'static>(
        &mut self,
        read: impl FnOnce(&mut SnapshotReader) -> Result<T, ReadStoreError> + Send + 'static,
    ) -> Result<T, ReadStoreError> {
        let mut reader = self.reader.take().ok_or_else(closed)?;
        let reading = spawn_blocking(move || {
            let read = read(&mut reader);
            (reader, read)
        });
        let (reader, read) = reading.await.map_err(|_| closed())?;
        self.reader = Some(reader);
        read
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
        // What came later is not shown, in whichever transaction it is read.
        let cut = cut.min(self.position);
        Box::pin(self.read(move |reader| reader.page(table, cut, after.as_deref(), limit)))
    }

    fn check(
        &mut self,
        table: &'static Table,
    ) -> Answer<'_, Result<Option<Arc<str>>, ReadStoreError>> {
        Box::pin(self.read(move |reader| reader.check(table)))
    }
}
