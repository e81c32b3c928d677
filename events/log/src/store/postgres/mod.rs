//! The log in a PostgreSQL database that several processes share.
//!
//! Each process has one task that writes, over a connection of its own, and commits in groups. Two
//! processes meet at the head row, which every commit moves by compare-and-set: positions are dense,
//! and their order is the order of commits. Whoever loses the race looks again and judges again.

mod audit;
mod carry;
mod commit;
mod failure;
mod import;
mod import_steps;
mod link;
#[cfg(feature = "planted")]
mod planted;
mod push;
mod reader;
mod rows;
mod schema;
mod watcher;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;

pub use self::{
    import::{Importer, Reached},
    push::as_kept,
};
use events::{
    envelope::{Instant, Position, Recorded, Version},
    ids::{CommandId, LogId, StreamName},
};

use self::{
    link::Link,
    reader::Reader,
    schema::{Opened, Wanted},
    watcher::Watcher,
};
use super::{
    Answer, Append, AppendError, Appended, Attempt, Clock, Damage, EventFeed, EventStore, Head,
    LedgerEntry, RecordedAttempt, StoreError, StreamReader,
    audit::{Audit, Audited, HearAudit},
    group::Requests,
    ladder::Hear,
    shared::Shared,
};
use crate::postgres::{Database, LOG_SCHEMA, PostgresError, Server, check_settings};

/// What is set for every session that reads. The tables grow faster than their statistics: a plan
/// that was made for an empty table must not be kept, and no page is read by way of the whole table.
/// What is forbidden counts as dear, and what is dear would be compiled first.
const READING: [(&str, &str); 3] =
    [("enable_seqscan", "off"), ("plan_cache_mode", "force_custom_plan"), ("jit", "off")];

/// How a log is opened.
#[derive(Clone)]
pub struct PostgresOptions {
    /// The id of the log, if it is made now. A log that is there keeps its own.
    pub log_id: LogId,
    /// Where `recorded_at` comes from.
    pub clock: Clock,
    /// How many connections read, at least two. One more writes.
    pub connections: u32,
    /// Whether a log that is missing is made.
    pub may_create: bool,
    /// Hears how far a log of an older format is carried over.
    pub hear: Hear,
}

/// The log in a database.
pub struct PostgresStore {
    shared: Arc<Shared>,
    requests: Requests,
    reader: Reader,
    watcher: Watcher,
    writer: Mutex<Option<JoinHandle<()>>>,
    warnings: Vec<String>,
}

impl PostgresStore {
    /// Opens the log in the database that `server` names, or makes it.
    ///
    /// # Errors
    /// When the server is not to be had or would lose what it acknowledged, when the schema is not
    /// a log of this product, is newer than this build or damaged, and when it is missing and may
    /// not be made. Nothing is written then.
    pub async fn open(server: &Server, options: PostgresOptions) -> Result<Self, PostgresError> {
        let PostgresOptions { log_id, clock, connections, may_create, hear } = options;
        let wanted = Wanted { log: log_id, may_create, import: None };
        Self::open_wanted(server, wanted, clock, connections, &hear).await
    }

    async fn open_wanted(
        server: &Server,
        wanted: Wanted,
        clock: Clock,
        connections: u32,
        hear: &Hear,
    ) -> Result<Self, PostgresError> {
        let database = Database::tuned(server, LOG_SCHEMA, connections.max(2), &READING);
        let opened = Self::open_in(&database, wanted, clock, hear).await;
        if opened.is_err() {
            database.close().await;
        }
        opened
    }

    async fn open_in(
        database: &Database,
        wanted: Wanted,
        clock: Clock,
        hear: &Hear,
    ) -> Result<Self, PostgresError> {
        let server = database.server().clone();
        let warnings = check_settings(database).await?;
        let mut opened = schema::open(database, wanted).await?;
        while opened.is_old {
            carry::climb(&server, opened.log, hear).await?;
            opened = schema::open(database, wanted).await?;
        }
        let Opened { log, state, .. } = opened;
        let link = Link::open_first(&server).await?;
        let shared = Arc::new(Shared::new(log, state.head));
        let reader = Reader::new(database.clone(), Arc::clone(&shared));
        // A log that is still being moved there has its events before its ledger; the mover compares.
        if wanted.import.is_none() {
            for (place, what) in reader.look_at_the_end(state).await {
                shared.note_damage(place, &what);
            }
        }
        let watcher = Watcher::start(reader.clone(), Arc::clone(&shared));
        let (requests, writer) = writer::start(server, link, state, clock, Arc::clone(&shared));
        let writer = Mutex::new(Some(writer));
        Ok(Self { shared, requests, reader, watcher, writer, warnings })
    }

    /// What is unwise about the server, though nothing is lost by it.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The database, connected to the schema of the log: a place for [`Lease`]s.
    ///
    /// [`Lease`]: crate::postgres::Lease
    #[must_use]
    pub const fn database(&self) -> &Database {
        self.reader.database()
    }

    /// Commits what has been asked so far, answers it, and disconnects. Whatever is asked later is
    /// refused.
    pub async fn shutdown(&self) {
        self.requests.close().await;
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            // A writer that panicked has ended, too.
            writer.await.ok();
        }
        self.shared.close();
        self.database().close().await;
    }

    /// Waits until the writer stops for good because acknowledged events are lost or what is stored
    /// cannot be read, and says why. A database that is merely away is no such reason.
    pub async fn failed(&self) -> StoreError {
        self.shared.failed().await
    }

    /// At most `limit` lines of the ledger whose commands follow `after`, in the order of their ids.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn ledger_page(
        &self,
        after: Option<CommandId>,
        limit: usize,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        Ok(self.reader.ledger_page(after, limit).await?)
    }

    /// Where every process manager stands, in the order of their names.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn checkpoints(&self) -> Result<Vec<(String, Position)>, StoreError> {
        Ok(self.reader.checkpoints().await?)
    }

    /// Where the log ends, as the database says.
    async fn ask_head(&self) -> Result<Head, StoreError> {
        self.shared.open_head()?;
        Ok(self.reader.head().await?)
    }

    async fn read_on(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<Arc<Recorded>>, StoreError> {
        let head = self.shared.open_head()?.position;
        if limit == 0 {
            return Ok(Vec::new());
        }
        // A short page is only given where the log ends as far as this process has heard.
        let is_whole = |events: &Vec<Arc<Recorded>>| {
            events.len() == limit || events.last().is_some_and(|last| last.position >= head)
        };
        if let Some(events) = self.shared.tail.read(after, limit).filter(is_whole) {
            return Ok(events);
        }
        let events = self.reader.log(after, head, limit).await?;
        self.shared.tail.extend_by_reading(&events);
        if let Some(last) = events.last() {
            self.shared.saw(Head { position: last.position, recorded_at: last.recorded_at });
        }
        Ok(events)
    }
}

impl StreamReader for PostgresStore {
    fn log_id(&self) -> LogId {
        self.shared.log
    }

    fn head(&self) -> Answer<'_, Result<Head, StoreError>> {
        Box::pin(self.ask_head())
    }

    fn read_stream(
        &self,
        stream: StreamName,
        after: Version,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Arc<Recorded>>, StoreError>> {
        Box::pin(async move {
            self.shared.open_head()?;
            let read = self.reader.stream(stream, after, limit).await;
            self.shared.noting(|| stream.to_string(), read.map_err(StoreError::from))
        })
    }
}

impl EventStore for PostgresStore {
    fn is_shared(&self) -> bool {
        true
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
            let read = self.reader.ledger(commands).await.map_err(StoreError::from);
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
            let read = self.reader.attempts(after, limit).await.map_err(StoreError::from);
            self.shared.noting(|| "attempts".to_owned(), read)
        })
    }

    fn checkpoint(&self, name: &'static str) -> Answer<'_, Result<Position, StoreError>> {
        Box::pin(async move {
            self.shared.intact()?;
            let read = self.reader.checkpoint(name).await.map_err(StoreError::from);
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

impl Audit for PostgresStore {
    fn audit(&self, hear: HearAudit) -> Answer<'_, Result<Audited, StoreError>> {
        Box::pin(audit::audit(&self.reader, self.shared.log, hear))
    }

    fn stored(
        &self,
        after: Position,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Arc<Recorded>>, StoreError>> {
        Box::pin(async move {
            let head = self.shared.open_head()?.position;
            Ok(self.reader.log(after, head, limit).await?)
        })
    }
}

impl EventFeed for PostgresStore {
    fn feed_head(&self) -> Answer<'_, Result<Head, StoreError>> {
        self.head()
    }

    fn read(
        &self,
        after: Position,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Arc<Recorded>>, StoreError>> {
        Box::pin(self.read_on(after, limit))
    }

    fn damage(&self) -> Vec<Damage> {
        self.shared.damage()
    }

    fn wait(&self, beyond: Position) -> Answer<'_, ()> {
        Box::pin(self.watcher.wait(beyond))
    }

    fn position_at(&self, instant: Instant) -> Answer<'_, Result<Position, StoreError>> {
        Box::pin(async move {
            self.shared.open_head()?;
            Ok(self.reader.position_at(instant).await?)
        })
    }
}

#[cfg(test)]
#[path = "laws_tests.rs"]
mod laws;

#[cfg(test)]
mod proxy;
#[cfg(test)]
mod testing;

#[cfg(test)]
#[path = "audit_tests.rs"]
mod auditing;

#[cfg(test)]
#[path = "carry_tests.rs"]
mod carrying;

#[cfg(test)]
#[path = "open_tests.rs"]
mod opening;

#[cfg(test)]
#[path = "import_tests.rs"]
mod importing;

#[cfg(test)]
#[path = "rivals_tests.rs"]
mod rivals;

#[cfg(test)]
#[path = "gap_tests.rs"]
mod gaps;

#[cfg(test)]
#[path = "faults_tests.rs"]
mod faults;
