//! The log in one SQLite file: one thread writes and commits in groups, others read.
//!
//! Whoever opens it owns it: that no other process writes to the same file is seen to outside.

mod backup;
mod failure;
mod group;
mod maintenance;
mod reader;
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
use tokio::sync::{mpsc, oneshot, watch};

pub use self::{backup::BackupError, schema::OpenError};
use self::{
    failure::Failure, group::Request, maintenance::Maintenance, reader::Readers, schema::Opened,
};
use super::{
    Answer, Append, AppendError, Appended, Attempt, Clock, EventFeed, EventStore, Head,
    LedgerEntry, RecordedAttempt, StoreError, StreamReader, tail::Tail,
};
use crate::{
    envelope::{Instant, Position, Recorded, Version},
    ids::{CommandId, LogId, StreamName},
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
}

/// The log in a file.
pub struct SqliteStore {
    path: PathBuf,
    shared: Arc<Shared>,
    requests: mpsc::Sender<Request>,
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

/// What the threads have in common.
struct Shared {
    log: LogId,
    published: watch::Sender<Published>,
    stopped: watch::Sender<Option<StoreError>>,
    tail: Tail,
}

/// What may be seen.
#[derive(Clone, Copy)]
struct Published {
    head: Head,
    is_closed: bool,
}

impl Shared {
    fn new(log: LogId, head: Head) -> Self {
        let (published, _) = watch::channel(Published { head, is_closed: false });
        let (stopped, _) = watch::channel(None);
        Self { log, published, stopped, tail: Tail::new(head.position) }
    }

    fn publish(&self, head: Head, events: impl IntoIterator<Item = Arc<Recorded>>) {
        self.tail.extend(events);
        self.published.send_if_modified(|published| {
            let longer = published.head != head;
            published.head = head;
            longer
        });
    }

    /// Why the writer stopped, if it did.
    fn stopped(&self) -> Option<StoreError> {
        self.stopped.borrow().clone()
    }

    /// Stops the writer unless the failure is one that heals.
    fn stop_after(&self, failure: &Failure, what: &str) {
        match failure {
            Failure::Full | Failure::Busy => {
                tracing::warn!(?failure, "{what}; it will be tried again");
            }
            Failure::Damaged(_) | Failure::Broken(_) => {
                tracing::error!(?failure, "{what}: the event log takes no more commands");
                let error = failure.to_store_error();
                self.stopped.send_if_modified(|stopped| {
                    let first = stopped.is_none();
                    stopped.get_or_insert(error);
                    first
                });
            }
        }
    }
}

/// What is said once the log was shut down.
fn closed() -> StoreError {
    StoreError::Unavailable("the event log is closed".into())
}

impl SqliteStore {
    /// Opens the log at `path`, or makes it. Blocks.
    ///
    /// # Errors
    /// When the file is not a log of this product, is newer than this build, is damaged, or cannot
    /// be made durable. Nothing is written then.
    pub fn open(path: impl AsRef<Path>, options: OpenOptions) -> Result<Self, OpenError> {
        let opened = schema::open(path.as_ref(), Some(options.log_id))?;
        Self::start(path.as_ref(), opened, options.clock, options.readers)
    }

    /// Opens the log at `path`, which must be there. Blocks.
    ///
    /// # Errors
    /// As [`SqliteStore::open`], and when there is no log.
    pub fn open_existing(
        path: impl AsRef<Path>,
        clock: Clock,
        readers: usize,
    ) -> Result<Self, OpenError> {
        let opened = schema::open(path.as_ref(), None)?;
        Self::start(path.as_ref(), opened, clock, readers)
    }

    fn start(path: &Path, opened: Opened, clock: Clock, readers: usize) -> Result<Self, OpenError> {
        let Opened { connection, log, state } = opened;
        let shared = Arc::new(Shared::new(log, state.head));
        let (readers, mut others) = Readers::start(path, readers)?;
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
        // A writer that has ended already needs no word.
        self.requests.send(Request::Close).await.ok();
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(threads) = threads else { return };
        let Threads { writer, others } = threads;
        // A thread that panicked has ended, too: its connection is closed already.
        let last = tokio::task::spawn_blocking(|| writer.join().ok()).await;
        self.shared.published.send_modify(|published| published.is_closed = true);
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
        let mut stopped = self.shared.stopped.subscribe();
        let error = stopped.wait_for(Option::is_some).await;
        error.ok().and_then(|error| error.clone()).unwrap_or_else(closed)
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

    /// How large the files are.
    ///
    /// # Errors
    /// When the file system does not say.
    pub fn size(&self) -> Result<Size, std::io::Error> {
        let wal = std::fs::metadata(schema::write_ahead_log(&self.path));
        let wal = wal.map_or(0, |metadata| metadata.len());
        Ok(Size { file: std::fs::metadata(&self.path)?.len(), write_ahead_log: wal })
    }

    /// Hands something to the writer and waits for the answer.
    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, StoreError> {
        let refused = || self.shared.stopped().unwrap_or_else(closed);
        let (answer, answered) = oneshot::channel();
        self.requests.send(request(answer)).await.map_err(|_| refused())?;
        answered.await.map_err(|_| refused())
    }

    /// What is not part of the log itself is not told by a writer that has failed: nobody knows
    /// what will be there after a restart.
    fn intact(&self) -> Result<(), StoreError> {
        self.shared.stopped().map_or(Ok(()), Err)
    }

    fn open_head(&self) -> Result<Head, StoreError> {
        let published = *self.shared.published.borrow();
        if published.is_closed { Err(closed()) } else { Ok(published.head) }
    }
}

impl StreamReader for SqliteStore {
    fn log_id(&self) -> LogId {
        self.shared.log
    }

    fn head(&self) -> Answer<'_, Result<Head, StoreError>> {
        Box::pin(async { self.open_head() })
    }

    fn read_stream(
        &self,
        stream: StreamName,
        after: Version,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Arc<Recorded>>, StoreError>> {
        Box::pin(async move {
            let head = self.open_head()?.position;
            self.readers.run(move |reader| reader.stream(stream, after, head, limit)).await
        })
    }
}

impl EventStore for SqliteStore {
    fn is_shared(&self) -> bool {
        false
    }

    fn append(&self, batch: Vec<Append>) -> Answer<'_, Vec<Result<Appended, AppendError>>> {
        Box::pin(async move {
            let count = batch.len();
            match self.ask(|answer| Request::Append(batch, answer)).await {
                Ok(answers) => answers,
                Err(error) => (0..count).map(|_| Err(error.clone().into())).collect(),
            }
        })
    }

    fn lookup(
        &self,
        commands: Vec<CommandId>,
    ) -> Answer<'_, Result<Vec<Option<LedgerEntry>>, StoreError>> {
        Box::pin(async move {
            self.intact()?;
            self.readers.run(move |reader| reader.ledger(&commands)).await
        })
    }

    fn record_attempts(&self, attempts: Vec<Attempt>) -> Answer<'_, Result<(), StoreError>> {
        Box::pin(async move { self.ask(|answer| Request::Attempts(attempts, answer)).await? })
    }

    fn attempts(
        &self,
        after: u64,
        limit: usize,
    ) -> Answer<'_, Result<Vec<RecordedAttempt>, StoreError>> {
        Box::pin(async move {
            self.intact()?;
            self.readers.run(move |reader| reader.attempts(after, limit)).await
        })
    }

    fn checkpoint(&self, name: &'static str) -> Answer<'_, Result<Position, StoreError>> {
        Box::pin(async move {
            self.intact()?;
            self.readers.run(move |reader| reader.checkpoint(name)).await
        })
    }

    fn save_checkpoint(
        &self,
        name: &'static str,
        position: Position,
    ) -> Answer<'_, Result<(), StoreError>> {
        Box::pin(
            async move { self.ask(|answer| Request::Checkpoint(name, position, answer)).await? },
        )
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
            let head = self.open_head()?.position;
            if after >= head || limit == 0 {
                return Ok(Vec::new());
            }
            match self.shared.tail.read(after, limit) {
                Some(events) => Ok(events),
                None => self.readers.run(move |reader| reader.log(after, head, limit)).await,
            }
        })
    }

    fn wait(&self, beyond: Position) -> Answer<'_, ()> {
        let mut published = self.shared.published.subscribe();
        Box::pin(async move {
            let longer = |now: &Published| now.head.position > beyond || now.is_closed;
            // The sender lives in this store: it cannot be gone.
            published.wait_for(longer).await.ok();
        })
    }

    fn position_at(&self, instant: Instant) -> Answer<'_, Result<Position, StoreError>> {
        Box::pin(async move {
            let head = self.open_head()?.position;
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
#[path = "file_tests.rs"]
mod files;

#[cfg(test)]
#[path = "faults_tests.rs"]
mod faults;
