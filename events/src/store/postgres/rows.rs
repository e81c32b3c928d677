//! Rows of the log, and what they say.

use bytes::Bytes;
use sqlx::{Row as _, ValueRef as _, postgres::PgRow};
use uuid::Uuid;

use super::{failure::Failure, schema::number};
use crate::{
    envelope::{Actor, Cause, EventType, Instant, Leaf, NewEvent, Position, Recorded, Version},
    ids::{Category, CommandId, EventId, StreamName},
    store::{Attempt, Fingerprint, LedgerEntry, Receipt, RecordedAttempt, names},
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
         c.version, c.position, c.events \
         from commands c join streams s on s.stream_key = c.stream_key"
    };
}
pub(super) use ledger_columns;

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

/// A line of the ledger: [`ledger_columns`].
pub(super) fn ledger_entry(row: &PgRow) -> Result<LedgerEntry, Failure> {
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

/// A row of the attempt log.
pub(super) fn attempt(row: &PgRow) -> Result<RecordedAttempt, Failure> {
    let attempt = Attempt {
        at: Instant::from_micros(row.try_get(1)?),
        actor: actor(row, 2, 3)?,
        command_id: CommandId(uuid(row, 4)?),
        command: text(row, 5)?.into(),
        stream: if is_null(row, 6)? { None } else { Some(stream_name(row, 6)?) },
        code: text(row, 8)?.into(),
    };
    Ok(RecordedAttempt { number: number(row, 0)?, attempt })
}

/// The category and the id, in two columns.
pub(super) fn stream_name(row: &PgRow, column: usize) -> Result<StreamName, Failure> {
    let category = Category::from_name(text(row, column)?)
        .ok_or_else(|| Failure::damaged("a stream is of no known category"))?;
    Ok(StreamName { category, id: uuid(row, column + 1)? })
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
