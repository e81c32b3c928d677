//! Rows of the log, and what they say.

use bytes::Bytes;
use events::{
    envelope::{Actor, Cause, EventType, Instant, Leaf, NewEvent, Position, Recorded, Version},
    ids::{Category, CommandId, EventId, LogId, StreamName, TokenId},
};
use sqlx::{Row as _, ValueRef as _, postgres::PgRow};
use uuid::Uuid;

use super::{failure::Failure, schema::number};
use crate::store::{
    Attempt, Fingerprint, LedgerEntry, Receipt, RecordedAttempt, checksum,
    links::{EventRow, StreamRow},
    names,
    sequencer::{Before, StreamKey},
};

/// The columns of [`event`], in order; the first two are also [`place`].
macro_rules! event_columns {
    () => {
        "position, stream_key, version, recorded_at, effective_at, schema_version, event_id, \
         actor_id, on_behalf_of, command_id, causation_id, correlation_id, type, actor_kind, \
         channel, payload_sha256, leaf, payload"
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

/// Lines of the ledger, each with the command that it was asked for: what the row says may differ.
pub(super) const LEDGER: &str = "\
    select c.command_id, c.fingerprint, c.actor_kind, c.actor_id, s.category, s.id, c.version, \
    c.position, c.events, c.checksum, asked.id \
    from unnest($1::uuid[]) as asked (id) join commands c on c.command_id = asked.id \
    left join streams s on s.stream_key = c.stream_key";

/// The columns of [`attempt`], in order.
macro_rules! attempt_columns {
    () => {
        "number, at, actor_kind, actor_id, command_id, command, category, stream_id, code, token, \
         count, checksum"
    };
}
pub(super) use attempt_columns;

/// A part of a stream: its row, and its events with their links. One statement, so that all of it is
/// of one moment.
pub(super) const PART: &str = "\
    select e.position, e.stream_key, e.version, e.recorded_at, e.effective_at, e.schema_version, \
    e.event_id, e.actor_id, e.on_behalf_of, e.command_id, e.causation_id, e.correlation_id, e.type, \
    e.actor_kind, e.channel, e.payload_sha256, e.leaf, e.payload, e.before_position, \
    e.before_leaf, s.stream_key, s.version, s.category, s.id \
    from streams s left join events e on e.stream_key = s.stream_key and e.version >= $3 \
    where s.id = $1 and s.category = $2 order by e.version limit $4";

/// The rows of some streams and their last events: as [`PART`], for who appends to them.
pub(super) const LAST: &str = "\
    select name.category, name.id, s.stream_key, s.version, s.category, s.id, \
    e.version, e.stream_key, e.position, e.leaf \
    from unnest($1::uuid[], $2::text[]) as name (id, category) \
    join streams s on s.id = name.id and s.category = name.category \
    left join lateral (select version, stream_key, position, leaf from events \
        where stream_key = s.stream_key order by version desc limit 1) e on true";

/// The key of the stream that an event is in.
pub(super) fn stream_key(row: &PgRow) -> Result<i64, Failure> {
    Ok(i64::from_be_bytes(fixed(row, 1)?))
}

/// An event of the log, of a stream that was looked up.
pub(super) fn event(row: &PgRow, stream: StreamName) -> Result<Recorded, Failure> {
    // Decoded by hand: sqlx compares the type of every value of every row.
    let micros =
        |column| Ok::<_, Failure>(Instant::from_micros(i64::from_be_bytes(fixed(row, column)?)));
    let schema_version = i32::from_be_bytes(fixed(row, 5)?);
    Ok(Recorded {
        position: Position(positive(row, 0)?),
        stream,
        version: Version(positive(row, 2)?),
        recorded_at: micros(3)?,
        event: NewEvent {
            effective_at: if is_null(row, 4)? { None } else { Some(micros(4)?) },
            event_id: EventId(uuid(row, 6)?),
            event_type: EventType {
                name: names::event_type(text(row, 12)?),
                version: u16::try_from(schema_version)
                    .map_err(|_| Failure::damaged("a schema has no such version"))?,
            },
            cause: Cause {
                actor: actor(row, 13, 7)?,
                on_behalf_of: if is_null(row, 8)? { None } else { Some(uuid(row, 8)?) },
                channel: names::channel(text(row, 14)?)
                    .ok_or_else(|| Failure::damaged("a channel is not known"))?,
                command_id: CommandId(uuid(row, 9)?),
                causation_id: uuid(row, 10)?,
                correlation_id: uuid(row, 11)?,
            },
            payload_sha256: fixed(row, 15)?,
            payload: Bytes::copy_from_slice(bytes(row, 17)?),
        },
        leaf: Leaf(fixed(row, 16)?),
    })
}

/// An event of [`PART`] with its link; none where the row of the stream stands alone.
pub(super) fn event_row(row: &PgRow, stream: StreamName) -> Result<Option<EventRow>, Failure> {
    if is_null(row, 0)? {
        return Ok(None);
    }
    let before = match positive(row, 18)? {
        0 if bytes(row, 19)?.is_empty() => None,
        position => Some(Before { position: Position(position), leaf: Leaf(fixed(row, 19)?) }),
    };
    let key = StreamKey(positive(row, 1)?);
    Ok(Some(EventRow { key, before, event: event(row, stream)? }))
}

/// The row of a stream, from four columns on.
pub(super) fn stream_row(row: &PgRow, column: usize) -> Result<StreamRow, Failure> {
    Ok(StreamRow {
        key: StreamKey(positive(row, column)?),
        version: Version(positive(row, column + 1)?),
        name: stream_name(row, column + 2)?,
    })
}

/// The row and the last event of a stream: [`LAST`].
pub(super) fn last(
    row: &PgRow,
    stream: StreamName,
) -> Result<(StreamRow, Option<Before>), Failure> {
    let found = stream_row(row, 2)?;
    if found.name != stream {
        return Err(Failure::damaged("its row is that of another stream"));
    }
    let has_events = !is_null(row, 6)?;
    if !has_events && found.version == Version::NONE {
        return Ok((found, None));
    }
    let is_last =
        has_events && positive(row, 6)? == found.version.0 && positive(row, 7)? == found.key.0;
    if !is_last {
        return Err(Failure::damaged("its row does not say where its events end"));
    }
    let last = Before { position: Position(positive(row, 8)?), leaf: Leaf(fixed(row, 9)?) };
    Ok((found, Some(last)))
}

/// A line of the ledger: [`ledger_columns`].
pub(super) fn ledger_entry(row: &PgRow, log: LogId) -> Result<LedgerEntry, Failure> {
    let entry = unchecked_ledger_entry(row)?;
    if bytes(row, 9)? == checksum::of_entry(log, &entry) {
        return Ok(entry);
    }
    Err(Failure::Damaged(
        format!("the ledger's line of command {} does not match its checksum", entry.command_id.0)
            .into(),
    ))
}

/// A line of the ledger that may have no checksum yet.
pub(super) fn unchecked_ledger_entry(row: &PgRow) -> Result<LedgerEntry, Failure> {
    if is_null(row, 5)? {
        return Err(Failure::damaged("a line of the ledger is of no stream"));
    }
    let events = i32::from_be_bytes(fixed(row, 8)?);
    Ok(LedgerEntry {
        command_id: CommandId(uuid(row, 0)?),
        fingerprint: Fingerprint(fixed(row, 1)?),
        actor: actor(row, 2, 3)?,
        receipt: Receipt {
            stream: stream_name(row, 4)?,
            version: Version(number(row, 6)?),
            position: Position(number(row, 7)?),
            events: u32::try_from(events)
                .map_err(|_| Failure::damaged("a command has no such number of events"))?,
        },
    })
}

/// A row of the attempt log: [`attempt_columns`].
pub(super) fn attempt(row: &PgRow, log: LogId) -> Result<RecordedAttempt, Failure> {
    let recorded = unchecked_attempt(row)?;
    let RecordedAttempt { number, attempt } = &recorded;
    if bytes(row, 11)? == checksum::of_attempt(log, *number, attempt) {
        return Ok(recorded);
    }
    Err(Failure::Damaged(format!("attempt {number} does not match its checksum").into()))
}

/// A row of the attempt log that may have no checksum yet.
pub(super) fn unchecked_attempt(row: &PgRow) -> Result<RecordedAttempt, Failure> {
    let attempt = Attempt {
        at: Instant::from_micros(row.try_get(1)?),
        actor: actor(row, 2, 3)?,
        command_id: CommandId(uuid(row, 4)?),
        command: text(row, 5)?.into(),
        stream: if is_null(row, 6)? { None } else { Some(stream_name(row, 6)?) },
        code: text(row, 8)?.into(),
        token: if is_null(row, 9)? { None } else { Some(TokenId(uuid(row, 9)?)) },
        count: number(row, 10)?,
    };
    Ok(RecordedAttempt { number: number(row, 0)?, attempt })
}

/// The category and the id, in two columns.
pub(super) fn stream_name(row: &PgRow, column: usize) -> Result<StreamName, Failure> {
    let category = Category::from_name(text(row, column)?)
        .ok_or_else(|| Failure::damaged("a stream is of no known category"))?;
    Ok(StreamName { category, id: uuid(row, column + 1)? })
}

/// Where a process manager stands, with its name: three columns.
pub(super) fn checkpoint(row: &PgRow, log: LogId) -> Result<(String, Position), Failure> {
    let (name, position) = (text(row, 0)?.to_owned(), Position(positive(row, 1)?));
    if bytes(row, 2)? == checksum::of_checkpoint(log, &name, position) {
        return Ok((name, position));
    }
    Err(Failure::damaged("the checkpoint of a process does not match its checksum"))
}

fn actor(row: &PgRow, kind: usize, id: usize) -> Result<Actor, Failure> {
    let kind = names::actor_kind(text(row, kind)?)
        .ok_or_else(|| Failure::damaged("an actor is of no known kind"))?;
    Ok(Actor { kind, id: uuid(row, id)? })
}

fn bytes(row: &PgRow, column: usize) -> Result<&[u8], Failure> {
    let value = row.try_get_raw(column)?;
    value.as_bytes().map_err(|_| Failure::damaged("a value is missing"))
}

fn is_null(row: &PgRow, column: usize) -> Result<bool, Failure> {
    Ok(row.try_get_raw(column)?.is_null())
}

fn text(row: &PgRow, column: usize) -> Result<&str, Failure> {
    std::str::from_utf8(bytes(row, column)?).map_err(|_| Failure::damaged("a value is no text"))
}

/// A number, an id or a hash, as the binary protocol writes it.
fn fixed<const N: usize>(row: &PgRow, column: usize) -> Result<[u8; N], Failure> {
    bytes(row, column)?
        .try_into()
        .map_err(|_| Failure::damaged("a value is not as long as it should be"))
}

fn uuid(row: &PgRow, column: usize) -> Result<Uuid, Failure> {
    Ok(Uuid::from_bytes(fixed(row, column)?))
}

fn positive(row: &PgRow, column: usize) -> Result<u64, Failure> {
    u64::try_from(i64::from_be_bytes(fixed(row, column)?))
        .map_err(|_| Failure::damaged("a number is negative"))
}
