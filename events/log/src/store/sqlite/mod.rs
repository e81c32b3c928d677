//! The log in one SQLite file: one thread writes and commits in groups, others read.
//!
//! Whoever opens it owns it: that no other process writes to the same file is seen to outside.

mod audit;
mod backup;
mod carry;
mod failure;
mod maintenance;
mod peek;
#[cfg(feature = "planted")]
mod planted;
mod reader;
mod recent;
mod rows;
mod schema;
mod statements;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use rusqlite::Connection;
use tokio::sync::oneshot;

pub use self::{
    backup::BackupError,
    peek::{LogPeek, Untouched},
    schema::OpenError,
};
use events::{
    envelope::{Instant, Position, Recorded, Version},
    ids::{CommandId, LogId, StreamName},
};

use self::{maintenance::Maintenance, reader::Readers, schema::Opened};
use super::{
    Answer, Append, AppendError, Appended, Attempt, Clock, Damage, EventFeed, EventStore, Head,
    LedgerEntry, RecordedAttempt, StoreError, StreamReader,
    audit::{Audit, Audited, HearAudit},
    group::Requests,
    ladder::{Hear, unheard},
    shared::Shared,
};

/// How a log is opened.
#[derive(Clone)]
pub struct OpenOptions {
    /// The id of the log, if it is made now. A log that is there keeps its own.
    pub log_id: LogId,
    /// Where `recorded_at` comes from.
    pub clock: Clock,
    /// How many threads read, at least one.
    pub readers: usize,
    /// Hears how far a log of an older format is carried over.
    pub hear: Hear,
}

/// The log in a file.
pub struct SqliteStore {
    path: PathBuf,
    shared: Arc<Shared>,
    requests: Requests,
    readers: Readers,
    threads: Mutex<Option<Threads>>,
}

struct Threads {
    writer: JoinHandle<Connection>,
    others: Vec<JoinHandle<()>>,
}

/// How large the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Bytes of the file.
    pub file: u64,
    /// Bytes of the write-ahead log beside it.
    pub write_ahead_log: u64,
}

impl SqliteStore {
    /// Opens the log at `path`, or makes it. Blocks.
    ///
    /// # Errors
    /// When the file is not a log of this product, is newer than this build, is damaged, or cannot
    /// be made durable. Nothing is written then.
    pub fn open(path: impl AsRef<Path>, options: OpenOptions) -> Result<Self, OpenError> {
        let opened = schema::open(path.as_ref(), Some(options.log_id), &options.hear)?;
        Self::start(path.as_ref(), opened, options.clock, options.readers)
    }

    /// Opens the log at `path`, which must be there. Blocks.
    ///
    /// # Errors
    /// As [`SqliteStore::open`], and when there is no log, or one of an older format: it is not carried over.
    pub fn open_existing(
        path: impl AsRef<Path>,
        clock: Clock,
        readers: usize,
    ) -> Result<Self, OpenError> {
        let opened = schema::open(path.as_ref(), None, &unheard())?;
        Self::start(path.as_ref(), opened, clock, readers)
    }

    fn start(path: &Path, opened: Opened, clock: Clock, readers: usize) -> Result<Self, OpenError> {
        let Opened { connection, log, state } = opened;
        let shared = Arc::new(Shared::new(log, state.head));
        for (place, what) in recent::look(&connection, log, state) {
            shared.note_damage(place, &what);
        }
        let (readers, mut others) = Readers::start(path, log, readers)?;
        let (maintenance, thread) = Maintenance::start(path, Arc::clone(&shared))?;
        others.push(thread);
        let (requests, writer) =
            writer::start(connection, state, clock, maintenance, Arc::clone(&shared))?;
        let threads = Mutex::new(Some(Threads { writer, others }));
        Ok(Self { path: path.to_owned(), shared, requests, readers, threads })
    }

    /// Commits what has been asked so far, answers it, and closes the file. Whatever is asked later
    /// is refused.
    pub async fn shutdown(&self) {
        self.requests.close().await;
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(threads) = threads else { return };
        let Threads { writer, others } = threads;
        // A thread that panicked has ended, too: its connection is closed already.
        let last = tokio::task::spawn_blocking(|| writer.join().ok()).await;
        self.shared.close();
        self.readers.close();
        let join = move || {
            for thread in others {
                thread.join().ok();
            }
            // Whoever closes last copies the write-ahead log and removes it. When two close at the
            // same moment, neither does.
            drop(last);
        };
        tokio::task::spawn_blocking(join).await.ok();
    }

    /// Waits until the writer stops because a write or a flush failed, and says why. Nothing can be
    /// appended from then on: the process should end and start again from what is on the disk.
    pub async fn failed(&self) -> StoreError {
        self.shared.failed().await
    }

    /// Copies the log to a new file while it is being written, and says where the copy ends.
    ///
    /// # Errors
    /// When the file is there already or cannot be written.
    pub async fn backup_to(&self, path: impl Into<PathBuf>) -> Result<Head, BackupError> {
        let (from, to) = (self.path.clone(), path.into());
        let (answer, answered) = oneshot::channel();
        let copy = move || {
            answer.send(backup::back_up(&from, &to)).ok();
        };
        thread::Builder::new().name("annals-log-backup".into()).spawn(copy)?;
        answered.await.map_err(|_| BackupError::Interrupted)?
    }

    /// Checks a copy of a log that nobody has open, thoroughly: every hash, and what
    /// [`Audit::audit`] checks. Nothing is written. Blocks.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn check_copy(path: impl AsRef<Path>) -> Result<Audited, OpenError> {
        audit::check_copy(path.as_ref())
    }

    /// At most `limit` lines of the ledger whose command ids follow `after`, in the order of the
    /// ids: to be carried to another store.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn ledger_page(
        &self,
        after: Option<CommandId>,
        limit: usize,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        self.shared.intact()?;
        self.readers.run(move |reader| reader.ledger_page(after, limit)).await
    }

    /// Where every process manager stands: to be carried to another store.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn checkpoints(&self) -> Result<Vec<(String, Position)>, StoreError> {
        self.shared.intact()?;
        self.readers.run(|reader| reader.checkpoints()).await
    }

    /// How many commands are in the ledger, and how many in the attempt log.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn counts(&self) -> Result<(u64, u64), StoreError> {
        self.shared.intact()?;
        self.readers.run(|reader| reader.counts()).await
    }

    /// How large the files are.
    ///
    /// # Errors
    /// When the file system does not say.
    pub fn size(&self) -> Result<Size, std::io::Error> {
        let wal = std::fs::metadata(schema::write_ahead_log(&self.path));
        let wal = wal.map_or(0, |metadata| metadata.len());
        Ok(Size { file: std::fs::metadata(&self.path)?.len(), write_ahead_log: wal })
    }
}

impl StreamReader for SqliteStore {
    fn log_id(&self) -> LogId {
        self.shared.log
    }

    fn head(&self) -> Answer<'_, Result<Head, StoreError>> {
        Box::pin(async { self.shared.open_head() })
    }

    fn read_stream(
        &self,
        stream: StreamName,
        after: Version,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Arc<Recorded>>, StoreError>> {
        Box::pin(async move {
            let head = self.shared.open_head()?.position;
            let read = self.readers.run(move |reader| reader.stream(stream, after, head, limit));
            self.shared.noting(|| stream.to_string(), read.await)
        })
    }
}

impl EventStore for SqliteStore {
    fn is_shared(&self) -> bool {
        false
    }

    fn append(&self, batch: Vec<Append>) -> Answer<'_, Vec<Result<Appended, AppendError>>> {
        Box::pin(self.requests.append(batch))
    }

    fn lookup(
        &self,
        commands: Vec<CommandId>,
    ) -> Answer<'_, Result<Vec<Option<LedgerEntry>>, StoreError>> {
        Box::pin(async move {
            self.shared.intact()?;
            let read = self.readers.run(move |reader| reader.ledger(&commands)).await;
            self.shared.noting(|| "ledger".to_owned(), read)
        })
    }

    fn record_attempts(&self, attempts: Vec<Attempt>) -> Answer<'_, Result<u64, StoreError>> {
        Box::pin(self.requests.record_attempts(attempts))
    }

    fn raise_attempts(&self, raised: Vec<RecordedAttempt>) -> Answer<'_, Result<(), StoreError>> {
        Box::pin(self.requests.raise_attempts(raised))
    }

    fn attempts(
        &self,
        after: u64,
        limit: usize,
    ) -> Answer<'_, Result<Vec<RecordedAttempt>, StoreError>> {
        Box::pin(async move {
            self.shared.intact()?;
            let read = self.readers.run(move |reader| reader.attempts(after, limit)).await;
            self.shared.noting(|| "attempts".to_owned(), read)
        })
    }

    fn checkpoint(&self, name: &'static str) -> Answer<'_, Result<Position, StoreError>> {
        Box::pin(async move {
            self.shared.intact()?;
            let read = self.readers.run(move |reader| reader.checkpoint(name)).await;
            self.shared.noting(|| "checkpoints".to_owned(), read)
        })
    }

    fn save_checkpoint(
        &self,
        name: &'static str,
        position: Position,
    ) -> Answer<'_, Result<(), StoreError>> {
        Box::pin(self.requests.save_checkpoint(name, position))
    }
}

impl Audit for SqliteStore {
    fn audit(&self, hear: HearAudit) -> Answer<'_, Result<Audited, StoreError>> {
        let (path, log) = (self.path.clone(), self.shared.log);
        Box::pin(async move {
            self.shared.open_head()?;
            let (answer, answered) = oneshot::channel();
            let check = move || {
                answer.send(audit::audit(&path, log, &hear)).ok();
            };
            let thread = thread::Builder::new().name("annals-log-audit".into()).spawn(check);
            thread.map_err(|error| StoreError::Unavailable(error.to_string().into()))?;
            let ended = |_| StoreError::Unavailable("the check has ended early".into());
            answered.await.map_err(ended)?
        })
    }

    fn stored(
        &self,
        after: Position,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Arc<Recorded>>, StoreError>> {
        Box::pin(async move {
            let head = self.shared.open_head()?.position;
            self.readers.run(move |reader| reader.log(after, head, limit)).await
        })
    }
}

impl EventFeed for SqliteStore {
    fn feed_head(&self) -> Answer<'_, Result<Head, StoreError>> {
        self.head()
    }

    fn read(
        &self,
        after: Position,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Arc<Recorded>>, StoreError>> {
        Box::pin(async move {
            let head = self.shared.open_head()?.position;
            if after >= head || limit == 0 {
                return Ok(Vec::new());
            }
            match self.shared.tail.read(after, limit) {
                Some(events) => Ok(events),
                None => {
                    let read = self.readers.run(move |reader| reader.log(after, head, limit));
                    self.shared.noting(|| "log".to_owned(), read.await)
                }
            }
        })
    }

    fn damage(&self) -> Vec<Damage> {
        self.shared.damage()
    }

    fn wait(&self, beyond: Position) -> Answer<'_, ()> {
        Box::pin(self.shared.wait(beyond))
    }

    fn position_at(&self, instant: Instant) -> Answer<'_, Result<Position, StoreError>> {
        Box::pin(async move {
            let head = self.shared.open_head()?.position;
            self.readers.run(move |reader| reader.position_at(instant, head)).await
        })
    }
}

#[cfg(test)]
mod testing;

#[cfg(test)]
#[path = "laws_tests.rs"]
mod laws;

#[cfg(test)]
#[path = "audit_tests.rs"]
mod auditing;

#[cfg(test)]
#[path = "carry_tests.rs"]
mod carrying;

#[cfg(test)]
#[path = "file_tests.rs"]
mod files;

#[cfg(test)]
#[path = "faults_tests.rs"]
mod faults;
