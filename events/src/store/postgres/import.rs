//! A whole history, copied from another store into a new log: positions, versions, ids, times and
//! leaf hashes stay what they are.

use std::{collections::HashMap, sync::Arc};

use uuid::Uuid;

use super::{
    failure::Failure,
    link::{Link, Status},
    schema::{self, IMPORT, Opened, Wanted},
};
use crate::{
    envelope::{Position, Recorded, Version},
    evidence::{leaf, sha256},
    ids::{CommandId, LogId, StreamName},
    postgres::{Database, LOG_SCHEMA, PostgresError, Server, check_settings},
    store::{
        Head, LedgerEntry, RecordedAttempt, StoreError,
        group::Group,
        sequencer::{Admission, LogState, StreamChange, StreamHead, StreamKey, Unknown},
    },
};

/// Copies a history into a log that it has begun itself, page by page, each in one commit.
///
/// It can be broken off at any time: opened again with the same id it goes on from what
/// [`Importer::head`], [`Importer::last_command`] and [`Importer::last_attempt`] say. Until
/// [`Importer::finish`] nobody else opens the log. After an error it must be opened again.
pub struct Importer {
    log: LogId,
    link: Link,
    state: LogState,
    last_command: Option<CommandId>,
}

impl Importer {
    /// Begins a log for the copy of that id, or goes on with it.
    ///
    /// # Errors
    /// When there is a log that the copy of that id has not begun, or that is finished, and as
    /// [`PostgresStore::open`](super::PostgresStore::open). Nothing is written then.
    pub async fn begin(server: &Server, log: LogId, copy: Uuid) -> Result<Self, PostgresError> {
        let database = Database::new(server, LOG_SCHEMA, 1);
        let begun = Self::begin_in(&database, log, copy).await;
        database.close().await;
        begun
    }

    async fn begin_in(database: &Database, log: LogId, copy: Uuid) -> Result<Self, PostgresError> {
        let server = database.server();
        check_settings(database).await?;
        let wanted = Wanted { log, may_create: true, import: Some(copy) };
        let Opened { log: found, state } = schema::open(database, wanted).await?;
        if found != log {
            return Err(server.refused("its event log is another one"));
        }
        let mut link = Link::open_first(server).await?;
        let last_command = link.last_command().await.map_err(|failure| PostgresError::Failed {
            server: Arc::clone(server.shown()),
            why: StoreError::from(failure).to_string().into(),
        })?;
        Ok(Self { log, link, state, last_command })
    }

    /// Where the events that were copied end.
    #[must_use]
    pub const fn head(&self) -> Head {
        self.state.head
    }

    /// The last command of the ledger that was copied; the ledger is copied in the order of the ids.
    #[must_use]
    pub const fn last_command(&self) -> Option<CommandId> {
        self.last_command
    }

    /// The number of the last attempt that was copied.
    #[must_use]
    pub const fn last_attempt(&self) -> u64 {
        self.state.attempts
    }

    /// Copies the events after [`Importer::head`], in order. Each is checked with its own hashes.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the events do not follow, or one is not what its leaf says; else
    /// when the database fails. Then none of them is stored, or nobody knows.
    pub async fn events(&mut self, events: Vec<Arc<Recorded>>) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let mut heads = self.heads(events.iter().map(|event| event.stream)).await?;
        let mut after = self.state;
        let mut placed = Vec::with_capacity(events.len());
        for event in events {
            self.check(&event, after.head)?;
            let (head, _) = heads.place(event.stream, &mut after.streams);
            head.version = head.version.plus(1);
            if head.version != event.version {
                return Err(StoreError::Damaged(not_in_order(event.position).into()));
            }
            after.head = Head { position: event.position, recorded_at: event.recorded_at };
            placed.push((head.key, event));
        }
        let admission = self.admission(after, heads.changes());
        self.write(Admission { events: placed, ..admission }, Group::default()).await
    }

    /// Copies lines of the ledger after [`Importer::last_command`], in the order of the command ids.
    ///
    /// # Errors
    /// As [`Importer::events`].
    pub async fn ledger(&mut self, entries: Vec<LedgerEntry>) -> Result<(), StoreError> {
        let Some(last) = entries.last().map(|entry| entry.command_id) else { return Ok(()) };
        let mut heads = self.heads(entries.iter().map(|entry| entry.receipt.stream)).await?;
        let mut after = self.state;
        let place = |entry: LedgerEntry| {
            let (head, is_new) = heads.place(entry.receipt.stream, &mut after.streams);
            // Only the ledger knows a stream without events.
            debug_assert!(!is_new || head.version == Version::NONE);
            (head.key, entry)
        };
        let ledger = entries.into_iter().map(place).collect();
        let mut streams = heads.changes();
        streams.retain(|change| change.is_new);
        let admission = self.admission(after, streams);
        self.write(Admission { ledger, ..admission }, Group::default()).await?;
        self.last_command = Some(last);
        Ok(())
    }

    /// Copies the attempts after [`Importer::last_attempt`], in order.
    ///
    /// # Errors
    /// As [`Importer::events`].
    pub async fn attempts(&mut self, attempts: Vec<RecordedAttempt>) -> Result<(), StoreError> {
        if attempts.is_empty() {
            return Ok(());
        }
        let mut after = self.state;
        for attempt in &attempts {
            after.attempts += 1;
            if attempt.number != after.attempts {
                return Err(StoreError::Damaged("an attempt is missing".into()));
            }
        }
        let mut group = Group::default();
        group.attempts.extend(attempts.into_iter().map(|attempt| attempt.attempt));
        let admission = self.admission(after, Vec::new());
        self.write(admission, group).await
    }

    /// Copies where a process manager stands.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn checkpoint(&mut self, name: &str, at: Position) -> Result<(), StoreError> {
        let sql = "insert into process_checkpoints (name, position) values ($1, $2) \
                   on conflict (name) do update set position = excluded.position";
        let statement = sqlx::query(sql).bind(name.to_owned()).bind(at.sql());
        self.link.execute(statement).await?;
        Ok(())
    }

    /// Opens the log to everyone, if it ends where the history ends that was copied.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it does not; else when the database fails.
    pub async fn finish(mut self, head: Head) -> Result<(), StoreError> {
        if self.state.head != head {
            let why =
                format!("{} of {} events were copied", self.state.head.position, head.position);
            return Err(StoreError::Damaged(why.into()));
        }
        self.link.execute(sqlx::query("delete from meta where name = $1").bind(IMPORT)).await?;
        Ok(())
    }

    fn check(&self, event: &Recorded, last: Head) -> Result<(), StoreError> {
        let Recorded { position, stream, version, recorded_at, event, leaf: stored } = event;
        if position.0 != last.position.0 + 1 || *recorded_at < last.recorded_at {
            return Err(StoreError::Damaged(not_in_order(*position).into()));
        }
        let is_whole = sha256(&event.payload) == event.payload_sha256
            && leaf(self.log, *stream, *version, *recorded_at, event) == *stored;
        if is_whole {
            Ok(())
        } else {
            let why = format!("the event at {position} is not what its leaf hash says");
            Err(StoreError::Damaged(why.into()))
        }
    }

    async fn heads(
        &mut self,
        streams: impl Iterator<Item = StreamName>,
    ) -> Result<Heads, StoreError> {
        let mut streams: Vec<_> = streams.collect();
        streams.sort_unstable();
        streams.dedup();
        let unknown = Unknown { streams, commands: Vec::new() };
        let known = self.link.look_up(&unknown).await?.streams;
        let heads = known.into_iter().map(|(name, head)| (name, (head, false))).collect();
        Ok(Heads(heads))
    }

    fn admission(&self, after: LogState, streams: Vec<StreamChange>) -> Admission {
        let after = LogState { turn: self.state.turn + 1, ..after };
        Admission {
            before: self.state,
            after,
            streams,
            events: Vec::new(),
            ledger: Vec::new(),
            answers: Vec::new(),
        }
    }

    async fn write(&mut self, admission: Admission, group: Group) -> Result<(), StoreError> {
        let unknown: Vec<_> = admission.ledger.iter().map(|(_, entry)| entry.command_id).collect();
        match self.link.append(&admission, &group, &unknown).await? {
            Status::Stored => {
                self.state = admission.after;
                Ok(())
            }
            Status::Unsafe => {
                let why = "the settings of the database became unsafe";
                Err(Failure::Refused(why.into()).into())
            }
            Status::Stale | Status::Known => {
                let why = "somebody else writes to the log that a history is copied into";
                Err(Failure::Refused(why.into()).into())
            }
        }
    }
}

/// The streams of a page: their numbers and lengths, and whether the page makes them.
struct Heads(HashMap<StreamName, (StreamHead, bool)>);

impl Heads {
    /// The head of a stream, which gets the next number when it is not there.
    fn place(&mut self, name: StreamName, streams: &mut u64) -> (&mut StreamHead, bool) {
        let (head, is_new) = self.0.entry(name).or_insert_with(|| {
            *streams += 1;
            (StreamHead { key: StreamKey(*streams), version: Version::NONE }, true)
        });
        (head, *is_new)
    }

    fn changes(self) -> Vec<StreamChange> {
        let change = |(name, (head, is_new))| StreamChange { name, head, is_new };
        self.0.into_iter().map(change).collect()
    }
}

fn not_in_order(position: Position) -> String {
    format!("the event at {position} does not follow on what was copied")
}
