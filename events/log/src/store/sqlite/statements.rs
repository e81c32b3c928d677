//! The writer's statements, prepared once.

use std::time::Duration;

use events::{
    envelope::{Leaf, Position},
    ids::{CommandId, LogId, StreamName},
};
use rusqlite::{Connection, Statement, params};

use super::{
    failure::Failure,
    rows,
    schema::{PATIENCE, READ_STATE, sql, state_of},
};
use crate::store::{
    Attempt, LedgerEntry, RecordedAttempt, checksum,
    group::Group,
    sequencer::{Admission, Known, LogState, Placed, StreamChange, StreamHead, StreamKey, Unknown},
};

/// How long the writer waits for those who read from the write-ahead log before it begins anew, and
/// how often: their pages are short. Who reads page after page is seen to have ended by the next try.
const READERS: Duration = Duration::from_millis(20);
const TRIES: usize = 5;

/// Everything the writer says to the database.
pub(super) struct Statements<'c> {
    log: LogId,
    connection: &'c Connection,
    begin: Statement<'c>,
    commit: Statement<'c>,
    rollback: Statement<'c>,
    state: Statement<'c>,
    move_head: Statement<'c>,
    find_stream: Statement<'c>,
    find_command: Statement<'c>,
    new_stream: Statement<'c>,
    longer_stream: Statement<'c>,
    event: Statement<'c>,
    command: Statement<'c>,
    attempt: Statement<'c>,
    raise_attempt: Statement<'c>,
    checkpoint: Statement<'c>,
    wal_size: Statement<'c>,
    empty_wal: Statement<'c>,
}

impl<'c> Statements<'c> {
    pub(super) fn prepare(connection: &'c Connection, log: LogId) -> Result<Self, rusqlite::Error> {
        let prepare = |text| connection.prepare(text);
        Ok(Self {
            log,
            connection,
            begin: prepare("begin immediate")?,
            commit: prepare("commit")?,
            rollback: prepare("rollback")?,
            state: prepare(READ_STATE)?,
            move_head: prepare(
                "update log_head set position = ?1, recorded_at = ?2, streams = ?3, \
                 attempts = ?4, turn = ?5 where position = ?6 and turn = ?7",
            )?,
            find_stream: prepare(rows::LAST)?,
            find_command: prepare(concat!(rows::ledger_columns!(), " where c.command_id = ?1"))?,
            new_stream: prepare("insert into streams values (?1, ?2, ?3, ?4)")?,
            longer_stream: prepare("update streams set version = ?2 where stream_key = ?1")?,
            event: prepare(concat!(
                "insert into events (",
                rows::event_columns!(),
                ", before_position, before_leaf) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, \
                 ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)"
            ))?,
            command: prepare(
                "insert into commands (command_id, fingerprint, actor_kind, actor_id, stream_key, \
                 version, position, events, checksum) \
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?,
            attempt: prepare(concat!(
                "insert into attempts (",
                rows::attempt_columns!(),
                ") values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
            ))?,
            raise_attempt: prepare(
                "update attempts set count = ?2, checksum = ?3 where number = ?1 and count < ?2",
            )?,
            checkpoint: prepare(
                "insert into process_checkpoints (name, position, checksum) values (?1, ?2, ?3) \
                 on conflict (name) do update set position = excluded.position, \
                 checksum = excluded.checksum where excluded.position > position",
            )?,
            wal_size: prepare("pragma wal_checkpoint(noop)")?,
            empty_wal: prepare("pragma wal_checkpoint(truncate)")?,
        })
    }

    /// Takes the write lock.
    pub(super) fn begin(&mut self) -> Result<(), Failure> {
        self.begin.execute([])?;
        Ok(())
    }

    /// Makes what was written durable.
    pub(super) fn commit(&mut self) -> Result<(), Failure> {
        let committed = self.commit.execute([]);
        #[cfg(feature = "planted")]
        let committed = super::planted::swallow(committed);
        committed?;
        Ok(())
    }

    /// Forgets what was written. After some errors the database has done so already.
    pub(super) fn rollback(&mut self) {
        self.rollback.execute([]).ok();
    }

    /// What the head row says.
    pub(super) fn state(&mut self) -> Result<LogState, Failure> {
        Ok(self.state.query_row([], state_of)?)
    }

    /// Finds what the sequencer does not know.
    pub(super) fn look_up(&mut self, unknown: &Unknown) -> Result<Known, Failure> {
        let mut known = Known::default();
        for stream in &unknown.streams {
            match self.find_stream(*stream) {
                Ok(Some(head)) => drop(known.streams.insert(*stream, head)),
                Ok(None) => {}
                Err(Failure::Damaged(what)) => drop(known.damaged_streams.insert(*stream, what)),
                Err(failure) => return Err(failure),
            }
        }
        for command in &unknown.commands {
            match self.find_command(*command) {
                Ok(Some(entry)) => drop(known.commands.insert(*command, entry)),
                Ok(None) => {}
                Err(Failure::Damaged(what)) => drop(known.damaged_commands.insert(*command, what)),
                Err(failure) => return Err(failure),
            }
        }
        Ok(known)
    }

    fn find_command(&mut self, command: CommandId) -> Result<Option<LedgerEntry>, Failure> {
        let mut rows = self.find_command.query([&command.0.as_bytes()[..]])?;
        rows.next()?.map(|row| rows::ledger_entry(row, self.log)).transpose()
    }

    fn find_stream(&mut self, stream: StreamName) -> Result<Option<StreamHead>, Failure> {
        let within = |failure: Failure| failure.within(stream);
        let name = (&stream.id.as_bytes()[..], stream.category.name());
        let mut rows = self.find_stream.query(name)?;
        let Some(row) = rows.next().map_err(|error| within(error.into()))? else {
            return Ok(None);
        };
        let (row, last) = rows::last(row, stream).map_err(within)?;
        Ok(Some(StreamHead { key: row.key, version: row.version, last }))
    }

    /// Writes what was admitted; false when the head row is not where it should be.
    pub(super) fn write(&mut self, admission: &Admission, group: &Group) -> Result<bool, Failure> {
        if !self.move_head(&admission.before, &admission.after)? {
            return Ok(false);
        }
        for change in &admission.streams {
            self.stream(change)?;
        }
        for placed in &admission.events {
            self.event(placed)?;
        }
        for (key, entry) in &admission.ledger {
            self.command(*key, entry)?;
        }
        for (number, attempt) in (admission.before.attempts + 1..).zip(&group.attempts) {
            self.attempt(number, attempt)?;
        }
        for raised in &group.raised {
            self.raise_attempt(raised)?;
        }
        for (name, position) in &group.checkpoints {
            let checksum = checksum::of_checkpoint(self.log, name, *position);
            self.checkpoint.execute((name, position.sql(), &checksum[..]))?;
        }
        Ok(true)
    }

    fn move_head(&mut self, before: &LogState, after: &LogState) -> Result<bool, Failure> {
        let moved = self.move_head.execute((
            after.head.position.sql(),
            after.head.recorded_at.micros(),
            sql(after.streams),
            sql(after.attempts),
            sql(after.turn),
            before.head.position.sql(),
            sql(before.turn),
        ))?;
        Ok(moved == 1)
    }

    fn stream(&mut self, change: &StreamChange) -> Result<(), Failure> {
        let StreamHead { key, version, .. } = change.head;
        if change.is_new {
            let StreamName { category, id } = change.name;
            let row = (sql(key.0), category.name(), &id.as_bytes()[..], sql(version.0));
            self.new_stream.execute(row)?;
        } else {
            self.longer_stream.execute((sql(key.0), sql(version.0)))?;
        }
        Ok(())
    }

    fn event(&mut self, placed: &Placed) -> Result<(), Failure> {
        let Placed { key, before, event: recorded } = placed;
        let (before, before_leaf) = before.map_or((Position::START, None), |before| {
            let Leaf(leaf) = before.leaf;
            (before.position, Some(leaf))
        });
        let event = &recorded.event;
        let cause = &event.cause;
        self.event.execute(params![
            recorded.position.sql(),
            sql(key.0),
            sql(recorded.version.0),
            recorded.recorded_at.micros(),
            event.effective_at.map(events::Instant::micros),
            &event.event_id.0.as_bytes()[..],
            &*event.event_type.name,
            event.event_type.version,
            cause.actor.kind.name(),
            &cause.actor.id.as_bytes()[..],
            cause.on_behalf_of.as_ref().map(|id| &id.as_bytes()[..]),
            cause.channel.name(),
            &cause.command_id.0.as_bytes()[..],
            &cause.causation_id.as_bytes()[..],
            &cause.correlation_id.as_bytes()[..],
            &event.payload_sha256[..],
            &recorded.leaf.0[..],
            &event.payload[..],
            before.sql(),
            before_leaf.as_ref().map_or(&[][..], |leaf| &leaf[..]),
        ])?;
        Ok(())
    }

    fn command(&mut self, key: StreamKey, entry: &LedgerEntry) -> Result<(), Failure> {
        self.command.execute(params![
            &entry.command_id.0.as_bytes()[..],
            &entry.fingerprint.0[..],
            entry.actor.kind.name(),
            &entry.actor.id.as_bytes()[..],
            sql(key.0),
            sql(entry.receipt.version.0),
            entry.receipt.position.sql(),
            entry.receipt.events,
            &checksum::of_entry(self.log, entry)[..],
        ])?;
        Ok(())
    }

    fn attempt(&mut self, number: u64, attempt: &Attempt) -> Result<(), Failure> {
        self.attempt.execute(params![
            sql(number),
            attempt.at.micros(),
            attempt.actor.kind.name(),
            &attempt.actor.id.as_bytes()[..],
            &attempt.command_id.0.as_bytes()[..],
            &*attempt.command,
            attempt.stream.map(|stream| stream.category.name()),
            attempt.stream.as_ref().map(|stream| &stream.id.as_bytes()[..]),
            &*attempt.code,
            attempt.token.as_ref().map(|token| &token.0.as_bytes()[..]),
            sql(attempt.count),
            &checksum::of_attempt(self.log, number, attempt)[..],
        ])?;
        Ok(())
    }

    fn raise_attempt(&mut self, raised: &RecordedAttempt) -> Result<(), Failure> {
        let RecordedAttempt { number, attempt } = raised;
        let checksum = checksum::of_attempt(self.log, *number, attempt);
        self.raise_attempt.execute((sql(*number), sql(attempt.count), &checksum[..]))?;
        Ok(())
    }

    /// How many pages the write-ahead log holds, and how many of them are in the database already.
    pub(super) fn wal_size(&mut self) -> Result<WalSize, Failure> {
        Ok(self.wal_size.query_row([], wal_size)?)
    }

    /// Copies the write-ahead log to the database and empties it. Where somebody reads from it for
    /// longer than a moment, a backup say, as much is copied as can be.
    pub(super) fn empty_wal(&mut self) -> Result<(), Failure> {
        self.connection.busy_timeout(READERS)?;
        let mut emptied = Ok(false);
        for _ in 0..TRIES {
            emptied = self.empty_wal.query_row([], |row| Ok(row.get::<_, i64>(0)? == 0));
            if emptied != Ok(false) {
                break;
            }
        }
        self.connection.busy_timeout(PATIENCE)?;
        emptied?;
        Ok(())
    }
}

/// The write-ahead log, in pages.
#[derive(Clone, Copy, Debug)]
pub(super) struct WalSize {
    /// All of it.
    pub(super) pages: i64,
    /// What is in the database already.
    pub(super) copied: i64,
}

/// The answer of `pragma wal_checkpoint`.
pub(super) fn wal_size(row: &rusqlite::Row<'_>) -> Result<WalSize, rusqlite::Error> {
    Ok(WalSize { pages: row.get(1)?, copied: row.get(2)? })
}
