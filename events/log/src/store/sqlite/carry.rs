//! The rungs of the ladder for a log in a file: the tables of the next format, and what fills them.

use events::{
    envelope::{Leaf, Position},
    ids::LogId,
};
use quick_cache::unsync::Cache;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

use super::{
    failure::Failure,
    rows,
    schema::{OpenError, number, sql},
};
use crate::store::{
    checksum,
    ladder::{BATCH, CARRY, FORMAT, Hear, Place},
    sequencer::{Before, LogState},
};

/// What the first rung changes about the tables.
pub(super) const RUNG_1: &str = "
alter table events add column before_position integer not null default 0;
alter table events add column before_leaf blob not null default x'';
alter table commands add column checksum blob not null default x'';
alter table attempts add column token blob;
alter table attempts add column count integer not null default 1;
alter table attempts add column checksum blob not null default x'';
alter table process_checkpoints add column checksum blob not null default x'';
";

/// Pages of the write-ahead log after which it is copied while a log is carried over: 16 MiB.
const CHECKPOINT_PAGES: i64 = 4 * 1024;
/// How many streams' last events are remembered while events are linked.
const REMEMBERED_STREAMS: usize = 256 * 1024;

/// Carries a log over to the format of this build, if it is of an older one or was being carried.
pub(super) fn climb(
    connection: &Connection,
    log: LogId,
    state: LogState,
    hear: &Hear,
) -> Result<(), OpenError> {
    if format(connection)? < FORMAT {
        begin(connection)?;
    }
    let Some(mut place) = place(connection)? else { return Ok(()) };
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    let commands =
        connection.query_row("select count(*) from commands", [], |row| number(row, 0))?;
    let mut carrying = Carrying { connection, log, state, last: Cache::new(REMEMBERED_STREAMS) };
    loop {
        let total = match place {
            Place::Events(_) => state.head.position.0,
            Place::Ledger(..) => commands,
            Place::Attempts(_) => state.attempts,
        };
        hear(&place.told(total));
        match carrying.step(place)? {
            Some(next) => place = next,
            None => break,
        }
    }
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))?;
    Ok(())
}

/// Whether a log is of an older format, or is being carried over.
pub(super) fn is_due(connection: &Connection) -> Result<bool, OpenError> {
    Ok(format(connection)? < FORMAT || place(connection)?.is_some())
}

fn format(connection: &Connection) -> Result<u32, rusqlite::Error> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// From here on an older build refuses the log.
fn begin(connection: &Connection) -> Result<(), OpenError> {
    let transaction = write(connection)?;
    transaction.execute_batch(RUNG_1)?;
    move_to(&transaction, Place::START)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()?;
    // An older build reads the format in the file itself, and not in the write-ahead log.
    connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))?;
    Ok(())
}

fn write(connection: &Connection) -> Result<Transaction<'_>, rusqlite::Error> {
    Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
}

fn place(connection: &Connection) -> Result<Option<Place>, OpenError> {
    let text: Option<Vec<u8>> = connection
        .query_row("select value from meta where name = ?1", [CARRY], |row| row.get(0))
        .optional()?;
    let Some(text) = text else { return Ok(None) };
    let place = std::str::from_utf8(&text).ok().and_then(Place::parse);
    place.map(Some).ok_or(OpenError::Damaged("where its carrying stands is no place"))
}

fn move_to(transaction: &Transaction<'_>, place: Place) -> Result<(), rusqlite::Error> {
    let text = place.text();
    transaction
        .execute(
            "insert into meta values (?1, ?2) on conflict (name) do update set value = excluded.value",
            (CARRY, text.as_bytes()),
        )
        .map(drop)
}

struct Carrying<'c> {
    connection: &'c Connection,
    log: LogId,
    state: LogState,
    /// The version and the last event of streams, by their keys.
    last: Cache<i64, (i64, Before)>,
}

impl Carrying<'_> {
    /// One transaction. The place after it; none when all is done.
    fn step(&mut self, place: Place) -> Result<Option<Place>, OpenError> {
        let transaction = write(self.connection)?;
        let next = match place {
            Place::Events(done) if done < self.state.head.position.0 => {
                Some(self.link_events(&transaction, done)?)
            }
            Place::Events(_) => Some(Place::Ledger(0, None)),
            Place::Ledger(done, last) => {
                let next = self.sum_ledger(&transaction, done, last)?;
                Some(next.unwrap_or(Place::Attempts(0)))
            }
            Place::Attempts(done) if done < self.state.attempts => {
                Some(self.sum_attempts(&transaction, done)?)
            }
            Place::Attempts(_) => {
                self.sum_checkpoints(&transaction)?;
                None
            }
        };
        match next {
            Some(next) => move_to(&transaction, next)?,
            None => drop(transaction.execute("delete from meta where name = ?1", [CARRY])?),
        }
        transaction.commit()?;
        Ok(next)
    }

    /// Events whose predecessor is not there are left unlinked: what is damaged stops where it is
    /// loaded, and `verify` tells it. The rest is carried over.
    fn link_events(
        &mut self,
        transaction: &Transaction<'_>,
        done: u64,
    ) -> Result<Place, OpenError> {
        let end = (done + BATCH).min(self.state.head.position.0);
        let mut read = transaction.prepare_cached(
            "select position, stream_key, version, leaf from events \
             where position > ?1 and position <= ?2 order by position",
        )?;
        let mut write = transaction.prepare_cached(
            "update events set before_position = ?2, before_leaf = ?3 where position = ?1",
        )?;
        let mut rows = read.query((sql(done), sql(end)))?;
        // Written afterwards: a statement that reads a table must not see it change.
        let mut links = Vec::new();
        while let Some(row) = rows.next()? {
            let (position, key, version): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let before = self.before(transaction, key, version)?;
            links.extend(before.map(|before| (position, before)));
            if let Ok(leaf) = row.get(3) {
                let event = Before { position: Position::from_sql(position), leaf: Leaf(leaf) };
                self.last.insert(key, (version, event));
            }
        }
        for (position, Before { position: before, leaf: Leaf(leaf) }) in links {
            write.execute((position, before.sql(), &leaf[..]))?;
        }
        Ok(Place::Events(end))
    }

    fn before(
        &mut self,
        transaction: &Transaction<'_>,
        key: i64,
        version: i64,
    ) -> Result<Option<Before>, OpenError> {
        if version <= 1 {
            return Ok(None);
        }
        if let Some((last, event)) = self.last.get(&key)
            && *last == version - 1
        {
            return Ok(Some(*event));
        }
        let mut find = transaction.prepare_cached(
            "select position, leaf from events where stream_key = ?1 and version = ?2",
        )?;
        let found = find.query_row((key, version - 1), |row| {
            Ok(row.get(1).ok().map(|leaf| (row.get(0), leaf)))
        });
        match found.optional()?.flatten() {
            Some((position, leaf)) => {
                Ok(Some(Before { position: Position::from_sql(position?), leaf: Leaf(leaf) }))
            }
            None => Ok(None),
        }
    }

    fn sum_ledger(
        &self,
        transaction: &Transaction<'_>,
        done: u64,
        last: Option<uuid::Uuid>,
    ) -> Result<Option<Place>, OpenError> {
        let mut read = transaction.prepare_cached(concat!(
            rows::ledger_columns!(),
            " where c.command_id > ?1 order by c.command_id limit ?2"
        ))?;
        let mut write = transaction
            .prepare_cached("update commands set checksum = ?2 where command_id = ?1")?;
        let after = last.as_ref().map_or(&[][..], |last| &last.as_bytes()[..]);
        let mut rows = read.query((after, sql(BATCH)))?;
        let (mut sums, mut count, mut last) = (Vec::new(), 0, None);
        while let Some(row) = rows.next()? {
            count += 1;
            last = Some(rows::uuid(row, 0)?);
            // A line that cannot be read gets none, and is told where it is looked up.
            if let Ok(entry) = rows::unchecked_ledger_entry(row) {
                sums.push((entry.command_id, checksum::of_entry(self.log, &entry)));
            }
        }
        for (command, sum) in sums {
            write.execute((&command.0.as_bytes()[..], &sum[..]))?;
        }
        Ok(last.map(|last| Place::Ledger(done + count, Some(last))))
    }

    fn sum_attempts(&self, transaction: &Transaction<'_>, done: u64) -> Result<Place, OpenError> {
        let end = (done + BATCH).min(self.state.attempts);
        let mut read = transaction.prepare_cached(concat!(
            "select ",
            rows::attempt_columns!(),
            " from attempts where number > ?1 and number <= ?2 order by number"
        ))?;
        let mut write =
            transaction.prepare_cached("update attempts set checksum = ?2 where number = ?1")?;
        let mut rows = read.query((sql(done), sql(end)))?;
        let mut sums = Vec::new();
        while let Some(row) = rows.next()? {
            if let Ok(recorded) = rows::unchecked_attempt(row) {
                let sum = checksum::of_attempt(self.log, recorded.number, &recorded.attempt);
                sums.push((recorded.number, sum));
            }
        }
        for (number, sum) in sums {
            write.execute((sql(number), &sum[..]))?;
        }
        Ok(Place::Attempts(end))
    }

    fn sum_checkpoints(&self, transaction: &Transaction<'_>) -> Result<(), OpenError> {
        let mut read = transaction.prepare("select name, position from process_checkpoints")?;
        let all =
            read.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
        let all: Vec<_> = all.collect::<Result<_, _>>()?;
        for (name, position) in all {
            let sum = checksum::of_checkpoint(self.log, &name, Position::from_sql(position));
            let write = "update process_checkpoints set checksum = ?2 where name = ?1";
            transaction.execute(write, (name, &sum[..]))?;
        }
        Ok(())
    }
}

/// What cannot be read while a log is carried over keeps it from being opened.
impl From<Failure> for OpenError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Damaged(what) => Self::Unreadable(what),
            Failure::Full => Self::Unreadable("no room is left".into()),
            Failure::Busy => Self::Unreadable("another process holds it".into()),
            Failure::Broken(what) => Self::Unreadable(what),
        }
    }
}
