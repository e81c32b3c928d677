//! Rows of the log, and what they say.

use std::collections::HashMap;

use bytes::Bytes;
use events::{
    envelope::{
        Actor, Cause, Channel, EventType, Instant, Leaf, NewEvent, Position, Recorded, Version,
    },
    ids::{Category, CommandId, EventId, LogId, StreamName, TokenId},
};
use rusqlite::{Row, Statement, types::ValueRef};
use uuid::Uuid;

use super::{failure::Failure, schema::number};
use crate::store::{
    Attempt, Fingerprint, LedgerEntry, Receipt, RecordedAttempt, checksum,
    links::{EventRow, StreamRow},
    names,
    sequencer::{Before, StreamKey},
};

/// The columns of [`event`], in order.
macro_rules! event_columns {
    () => {
        "position, stream_key, version, recorded_at, effective_at, event_id, type, schema_version, \
         actor_kind, actor_id, on_behalf_of, channel, command_id, causation_id, correlation_id, \
         payload_sha256, leaf, payload"
    };
}
pub(super) use event_columns;

/// The columns of [`ledger_entry`], in order, and where they come from.
macro_rules! ledger_columns {
    () => {
        "select c.command_id, c.fingerprint, c.actor_kind, c.actor_id, s.category, s.id, \
         c.version, c.position, c.events, c.checksum \
         from commands c left join streams s on s.stream_key = c.stream_key"
    };
}
pub(super) use ledger_columns;

/// The columns of [`attempt`], in order.
macro_rules! attempt_columns {
    () => {
        "number, at, actor_kind, actor_id, command_id, command, category, stream_id, code, token, \
         count, checksum"
    };
}
pub(super) use attempt_columns;

/// A part of a stream: its row, and its events with their links. The index of streams leads to the
/// row of the stream, and the index of events to their rows: what an index says is not taken for what
/// the tables say. One statement, so that all of it is of one moment.
pub(super) const PART: &str = "\
    select e.position, e.stream_key, e.version, e.recorded_at, e.effective_at, e.event_id, e.type, \
    e.schema_version, e.actor_kind, e.actor_id, e.on_behalf_of, e.channel, e.command_id, \
    e.causation_id, e.correlation_id, e.payload_sha256, e.leaf, e.payload, e.before_position, \
    e.before_leaf, t.stream_key, t.version, t.category, t.id, i.version \
    from streams s left join streams t on t.stream_key = s.stream_key \
    left join events i on i.stream_key = s.stream_key and i.version >= ?3 \
    left join events e on e.position = i.position \
    where s.id = ?1 and s.category = ?2 order by i.version limit ?4";

/// The row of a stream and its last event: as [`PART`], for who appends to it.
pub(super) const LAST: &str = "\
    select t.stream_key, t.version, t.category, t.id, i.version, \
    e.version, e.stream_key, e.position, e.leaf \
    from streams s left join streams t on t.stream_key = s.stream_key \
    left join events i on i.stream_key = s.stream_key and i.version = \
        (select max(version) from events where stream_key = s.stream_key) \
    left join events e on e.position = i.position \
    where s.id = ?1 and s.category = ?2";

/// The name of a stream.
pub(super) const STREAM_BY_KEY: &str = "select category, id from streams where stream_key = ?1";

/// How many names of streams a reader remembers before it forgets them all.
const REMEMBERED_NAMES: usize = 64 * 1024;

/// Which stream a key stands for: it never changes.
#[derive(Default)]
pub(super) struct StreamNames(HashMap<i64, StreamName>);

impl StreamNames {
    fn name(&mut self, key: i64, by_key: &mut Statement<'_>) -> Result<StreamName, Failure> {
        if let Some(name) = self.0.get(&key) {
            return Ok(*name);
        }
        let mut rows = by_key.query([key])?;
        let row = rows.next()?.ok_or_else(|| Failure::damaged("an event is in no stream"))?;
        let name = StreamName { category: category(row, 0)?, id: uuid(row, 1)? };
        if self.0.len() >= REMEMBERED_NAMES {
            self.0.clear();
        }
        self.0.insert(key, name);
        Ok(name)
    }
}

/// An event of the log.
pub(super) fn event(
    row: &Row<'_>,
    names: &mut StreamNames,
    by_key: &mut Statement<'_>,
) -> Result<Recorded, Failure> {
    Ok(Recorded {
        position: Position::from_sql(row.get(0)?),
        stream: names.name(row.get(1)?, by_key)?,
        version: Version(number(row, 2)?),
        recorded_at: Instant::from_micros(row.get(3)?),
        event: NewEvent {
            effective_at: row.get::<_, Option<i64>>(4)?.map(Instant::from_micros),
            event_id: EventId(uuid(row, 5)?),
            event_type: EventType { name: names::event_type(text(row, 6)?), version: row.get(7)? },
            cause: Cause {
                actor: actor(row, 8)?,
                on_behalf_of: optional_uuid(row, 10)?,
                channel: channel(text(row, 11)?)?,
                command_id: CommandId(uuid(row, 12)?),
                causation_id: uuid(row, 13)?,
                correlation_id: uuid(row, 14)?,
            },
            payload_sha256: hash(row, 15)?,
            payload: Bytes::copy_from_slice(blob(row, 17)?),
        },
        leaf: Leaf(hash(row, 16)?),
    })
}

/// An event of [`PART`] with its link.
pub(super) fn event_row(
    row: &Row<'_>,
    names: &mut StreamNames,
    by_key: &mut Statement<'_>,
) -> Result<EventRow, Failure> {
    let event = event(row, names, by_key)?;
    let before = match number(row, 18)? {
        0 if blob(row, 19)?.is_empty() => None,
        position => Some(Before { position: Position(position), leaf: Leaf(hash(row, 19)?) }),
    };
    Ok(EventRow { key: StreamKey(number(row, 1)?), before, event })
}

/// The row of a stream, from four columns on.
pub(super) fn stream_row(row: &Row<'_>, column: usize) -> Result<StreamRow, Failure> {
    if matches!(row.get_ref(column)?, ValueRef::Null) {
        return Err(Failure::damaged("its row is missing"));
    }
    Ok(StreamRow {
        key: StreamKey(number(row, column)?),
        version: Version(number(row, column + 1)?),
        name: StreamName { category: category(row, column + 2)?, id: uuid(row, column + 3)? },
    })
}

/// The row and the last event of a stream: [`LAST`].
pub(super) fn last(
    row: &Row<'_>,
    stream: StreamName,
) -> Result<(StreamRow, Option<Before>), Failure> {
    let found = stream_row(row, 0)?;
    if found.name != stream {
        return Err(Failure::damaged("its row is that of another stream"));
    }
    let has_events = !matches!(row.get_ref(4)?, ValueRef::Null);
    if !has_events && found.version == Version::NONE {
        return Ok((found, None));
    }
    let is_last = has_events
        && number(row, 4)? == found.version.0
        && row.get::<_, Option<i64>>(5)? == Some(row.get(1)?)
        && row.get::<_, Option<i64>>(6)? == Some(row.get(0)?);
    if !is_last {
        return Err(Failure::damaged("its row does not say where its events end"));
    }
    let last = Before { position: Position(number(row, 7)?), leaf: Leaf(hash(row, 8)?) };
    Ok((found, Some(last)))
}

/// A line of the ledger: [`ledger_columns`].
pub(super) fn ledger_entry(row: &Row<'_>, log: LogId) -> Result<LedgerEntry, Failure> {
    let entry = unchecked_ledger_entry(row)?;
    if blob(row, 9)? == checksum::of_entry(log, &entry) {
        return Ok(entry);
    }
    Err(Failure::Damaged(
        format!("the ledger's line of command {} does not match its checksum", entry.command_id.0)
            .into(),
    ))
}

/// A line of the ledger that may have no checksum yet.
pub(super) fn unchecked_ledger_entry(row: &Row<'_>) -> Result<LedgerEntry, Failure> {
    if matches!(row.get_ref(5)?, ValueRef::Null) {
        return Err(Failure::damaged("a line of the ledger is of no stream"));
    }
    Ok(LedgerEntry {
        command_id: CommandId(uuid(row, 0)?),
        fingerprint: Fingerprint(hash(row, 1)?),
        actor: actor(row, 2)?,
        receipt: Receipt {
            stream: StreamName { category: category(row, 4)?, id: uuid(row, 5)? },
            version: Version(number(row, 6)?),
            position: Position::from_sql(row.get(7)?),
            events: row.get(8)?,
        },
    })
}

/// A row of the attempt log: [`attempt_columns`].
pub(super) fn attempt(row: &Row<'_>, log: LogId) -> Result<RecordedAttempt, Failure> {
    let recorded = unchecked_attempt(row)?;
    let RecordedAttempt { number, attempt } = &recorded;
    if blob(row, 11)? == checksum::of_attempt(log, *number, attempt) {
        return Ok(recorded);
    }
    Err(Failure::Damaged(format!("attempt {number} does not match its checksum").into()))
}

/// A row of the attempt log that may have no checksum yet.
pub(super) fn unchecked_attempt(row: &Row<'_>) -> Result<RecordedAttempt, Failure> {
    let stream = match row.get_ref(6)? {
        ValueRef::Null => None,
        _ => Some(StreamName { category: category(row, 6)?, id: uuid(row, 7)? }),
    };
    let attempt = Attempt {
        at: Instant::from_micros(row.get(1)?),
        actor: actor(row, 2)?,
        command_id: CommandId(uuid(row, 4)?),
        command: text(row, 5)?.into(),
        stream,
        code: text(row, 8)?.into(),
        token: optional_uuid(row, 9)?.map(TokenId),
        count: number(row, 10)?,
    };
    Ok(RecordedAttempt { number: number(row, 0)?, attempt })
}

/// The kind and the id, in two columns.
fn actor(row: &Row<'_>, column: usize) -> Result<Actor, Failure> {
    let kind = names::actor_kind(text(row, column)?)
        .ok_or_else(|| Failure::damaged("an actor is of no known kind"))?;
    Ok(Actor { kind, id: uuid(row, column + 1)? })
}

fn channel(name: &str) -> Result<Channel, Failure> {
    names::channel(name).ok_or_else(|| Failure::damaged("a channel is not known"))
}

fn category(row: &Row<'_>, column: usize) -> Result<Category, Failure> {
    Category::from_name(text(row, column)?)
        .ok_or_else(|| Failure::damaged("a stream is of no known category"))
}

fn text<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a str, Failure> {
    row.get_ref(column)?.as_str().map_err(|_| Failure::damaged("a value is no text"))
}

fn blob<'a>(row: &'a Row<'_>, column: usize) -> Result<&'a [u8], Failure> {
    row.get_ref(column)?.as_blob().map_err(|_| Failure::damaged("a value is no bytes"))
}

pub(super) fn uuid(row: &Row<'_>, column: usize) -> Result<Uuid, Failure> {
    Uuid::from_slice(blob(row, column)?).map_err(|_| Failure::damaged("a value is no id"))
}

fn optional_uuid(row: &Row<'_>, column: usize) -> Result<Option<Uuid>, Failure> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        _ => uuid(row, column).map(Some),
    }
}

fn hash(row: &Row<'_>, column: usize) -> Result<[u8; 32], Failure> {
    blob(row, column)?.try_into().map_err(|_| Failure::damaged("a value is no hash"))
}
