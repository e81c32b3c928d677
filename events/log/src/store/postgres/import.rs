//! A history that was recorded elsewhere, copied into a database that holds no log yet. Positions,
//! ids, versions, times and leaf hashes stay as they are.
//!
//! Every step is one transaction that moves the head: the copy can be broken off anywhere, and is
//! taken up again where the head says. No [`PostgresStore`] opens the log before it is finished.

use std::sync::Arc;

use events::{
    envelope::{Position, Recorded},
    evidence::{leaf, sha256},
    ids::LogId,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    PostgresStore, carry,
    failure::Failure,
    import_steps::{Streams, add_attempts, add_checkpoints, add_events, add_ledger, move_head},
    schema::{self, IMPORT, IMPORTED, Import, Opened, Wanted, sql},
};
use crate::{
    postgres::{Database, LOG_SCHEMA, PostgresError, Server, check_settings},
    store::{
        Attempt, Clock, Head, LedgerEntry, RecordedAttempt, StoreError, ladder::unheard,
        sequencer::LogState,
    },
};

/// How a step begins: what it wrote is on the disk when it is done.
const BEGIN: &str = "begin isolation level read committed";
/// One works, one looks.
const CONNECTIONS: u32 = 2;

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Its last event.
    pub head: Head,
    /// How many refused commands it holds.
    pub attempts: u64,
    /// Whether it was finished: others may have written to the log since.
    pub is_done: bool,
}

/// The one that copies a history into a database.
pub struct Importer {
    database: Database,
    log: LogId,
    id: Uuid,
    state: LogState,
    is_done: bool,
}

/// What a step adds.
enum Step {
    Events(Vec<Arc<Recorded>>),
    Ledger(Vec<LedgerEntry>),
    Attempts(Vec<Attempt>),
    Checkpoints(Vec<(String, Position)>),
    Finish,
}

impl Importer {
    /// Looks what there is of a copy of `log`; none where there is no log. Nothing is written.
    ///
    /// # Errors
    /// When the server is not to be had or would lose what it acknowledged, and when the log there
    /// is another one, or was not begun by a copy.
    pub async fn look(server: &Server, log: LogId) -> Result<Option<Self>, PostgresError> {
        Self::find(server, Wanted { log, may_create: false, import: Some(Uuid::nil()) }).await
    }

    /// Begins a copy of `log` under the id `new`, or goes on with the one that was begun.
    ///
    /// # Errors
    /// As [`Importer::look`].
    pub async fn open(server: &Server, log: LogId, new: Uuid) -> Result<Self, PostgresError> {
        let found = Self::find(server, Wanted { log, may_create: true, import: Some(new) }).await?;
        found.ok_or_else(|| server.refused("the event log that was just made is gone"))
    }

    async fn find(server: &Server, wanted: Wanted) -> Result<Option<Self>, PostgresError> {
        let database = Database::new(server, LOG_SCHEMA, CONNECTIONS);
        let found = async {
            check_settings(&database).await?;
            let mut found = schema::find(&database, wanted).await?;
            // Who only looks changes nothing.
            while found.is_some_and(|opened| opened.is_old && wanted.may_create) {
                let log = wanted.log;
                carry::climb(server, log, &unheard()).await?;
                found = schema::find(&database, wanted).await?;
            }
            Ok(found)
        };
        let found = found.await;
        if let Ok(Some(Opened { log, state, import: Some(import), .. })) = found {
            let (id, is_done) = match import {
                Import::Begun(id) => (id, false),
                Import::Done(id) => (id, true),
            };
            return Ok(Some(Self { database, log, id, state, is_done }));
        }
        database.close().await;
        found.map(|_| None)
    }

    /// The id of the copy.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// How far it is.
    #[must_use]
    pub const fn reached(&self) -> Reached {
        let LogState { head, attempts, .. } = self.state;
        Reached { head, attempts, is_done: self.is_done }
    }

    /// The database, connected to the schema of the log.
    #[must_use]
    pub const fn database(&self) -> &Database {
        &self.database
    }

    /// Adds the events that follow the last one. Each is checked with its own hashes.
    ///
    /// # Errors
    /// When they do not follow, somebody else wrote to the log, or the database fails. Nothing was
    /// added then, or, where the connection broke, all of it.
    pub async fn add_events(&mut self, events: Vec<Arc<Recorded>>) -> Result<(), StoreError> {
        events.iter().try_for_each(|event| self.check(event))?;
        self.take(Step::Events(events)).await
    }

    /// Adds lines of the ledger. Those that are there stay. Their events come first.
    ///
    /// # Errors
    /// As [`Importer::add_events`].
    pub async fn add_ledger(&mut self, entries: Vec<LedgerEntry>) -> Result<(), StoreError> {
        self.take(Step::Ledger(entries)).await
    }

    /// Adds the refused commands that follow the last one.
    ///
    /// # Errors
    /// As [`Importer::add_events`].
    pub async fn add_attempts(&mut self, attempts: Vec<RecordedAttempt>) -> Result<(), StoreError> {
        let follow = (self.state.attempts + 1..).zip(&attempts);
        if !follow.into_iter().all(|(next, attempt)| attempt.number == next) {
            return Err(StoreError::Damaged("a refused command is missing".into()));
        }
        let attempts = attempts.into_iter().map(|recorded| recorded.attempt).collect();
        self.take(Step::Attempts(attempts)).await
    }

    /// Says where process managers stand.
    ///
    /// # Errors
    /// As [`Importer::add_events`].
    pub async fn add_checkpoints(
        &mut self,
        checkpoints: Vec<(String, Position)>,
    ) -> Result<(), StoreError> {
        self.take(Step::Checkpoints(checkpoints)).await
    }

    /// Makes the log one that every process may open.
    ///
    /// # Errors
    /// As [`Importer::add_events`].
    pub async fn finish(&mut self) -> Result<(), StoreError> {
        self.take(Step::Finish).await?;
        self.is_done = true;
        Ok(())
    }

    /// The log as it is before it is finished, to be read and checked.
    ///
    /// # Errors
    /// As [`PostgresStore::open`].
    pub async fn store(&self, clock: Clock) -> Result<PostgresStore, PostgresError> {
        let wanted = Wanted { log: self.log, may_create: false, import: Some(self.id) };
        PostgresStore::open_wanted(self.database.server(), wanted, clock, CONNECTIONS, &unheard())
            .await
    }

    /// Disconnects.
    pub async fn close(&self) {
        self.database.close().await;
    }

    fn check(&self, recorded: &Recorded) -> Result<(), StoreError> {
        let Recorded { position, stream, version, recorded_at, event, leaf: stored } = recorded;
        let is_whole = sha256(&event.payload) == event.payload_sha256
            && leaf(self.log, *stream, *version, *recorded_at, event) == *stored;
        if is_whole {
            return Ok(());
        }
        let why = format!("the event at {position} is not what its leaf hash says");
        Err(StoreError::Damaged(why.into()))
    }

    async fn take(&mut self, step: Step) -> Result<(), StoreError> {
        if self.is_done {
            return Err(StoreError::Unavailable("the copy is finished".into()));
        }
        let (before, id, log) = (self.state, self.id, self.log);
        let taken = self.database.transaction(BEGIN, move |connection| {
            Box::pin(async move {
                if !lock(connection, before, id).await? {
                    let why = "somebody else has written to the log that is being copied";
                    return Ok(Err(Failure::Refused(why.into())));
                }
                run(connection, log, before, step).await
            })
        });
        self.state = taken.await.map_err(Failure::from)??;
        Ok(())
    }
}

/// Locks the head, if it is where it was left and the copy is not finished.
async fn lock(
    connection: &mut PgConnection,
    before: LogState,
    id: Uuid,
) -> Result<bool, sqlx::Error> {
    let statement = "select 1 from log_head where position = $1 and attempts = $2 and turn = $3 \
                     and exists (select from meta where name = $4 and value = $5) for update";
    let query = sqlx::query(statement)
        .bind(before.head.position.sql())
        .bind(sql(before.attempts))
        .bind(sql(before.turn))
        .bind(IMPORT)
        .bind(id.to_string());
    Ok(query.fetch_optional(connection).await?.is_some())
}

async fn run(
    connection: &mut PgConnection,
    log: LogId,
    mut state: LogState,
    step: Step,
) -> Result<Result<LogState, Failure>, sqlx::Error> {
    // What is refused here is refused before anything is written.
    match step {
        Step::Events(events) => {
            let streams = events.iter().map(|event| event.stream);
            let known = match Streams::of(connection, state, streams).await? {
                Ok(known) => known,
                Err(failure) => return Ok(Err(failure)),
            };
            return add_events(connection, state, known, events).await;
        }
        Step::Ledger(entries) => {
            let streams = entries.iter().map(|entry| entry.receipt.stream);
            let known = match Streams::of(connection, state, streams).await? {
                Ok(known) => known,
                Err(failure) => return Ok(Err(failure)),
            };
            known.write(connection).await?;
            state.streams = known.count;
            add_ledger(connection, log, &known, entries).await?;
        }
        Step::Attempts(attempts) => {
            let before = state.attempts;
            state.attempts += attempts.len() as u64;
            add_attempts(connection, log, before, &attempts).await?;
        }
        Step::Checkpoints(checkpoints) => add_checkpoints(connection, log, &checkpoints).await?,
        Step::Finish => {
            let statement = "update meta set name = $2 where name = $1";
            let query = sqlx::query(statement).bind(IMPORT).bind(IMPORTED);
            query.execute(&mut *connection).await?;
        }
    }
    move_head(connection, state).await.map(Ok)
}
