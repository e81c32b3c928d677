//! The schema of the log: how it is made, recognised and opened.

use std::sync::Arc;

use events::{
    envelope::{Instant, Position},
    ids::LogId,
};
use sqlx::{Executor as _, PgConnection, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::super::sequencer::LogState;
use crate::{
    postgres::{
        Database, LEASES, LOG_SCHEMA, PostgresError, cannot_open,
        owned::{Found, Meta, Owned},
    },
    store::{
        Head,
        ladder::{CARRY, FORMAT},
    },
};

const OWNED: Owned = Owned {
    schema: LOG_SCHEMA,
    kind: "annals event log",
    what: "event log",
    format: FORMAT,
    tables: concat!(include_str!("tables.sql"), include_str!("rung_1.sql")),
};

/// The line of `meta` that is there while a history is being copied into the log.
pub(super) const IMPORT: &str = "import";
/// The line of `meta` that is there once that is done.
pub(super) const IMPORTED: &str = "imported";

/// Which log is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// The id of the log, if it is made now.
    pub(super) log: LogId,
    /// Whether it may be made.
    pub(super) may_create: bool,
    /// Given where a history of that log is to be copied into it: the id of the copy, if it is begun
    /// now. One that was begun goes on, whatever its id.
    pub(super) import: Option<Uuid>,
}

/// A log that is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened {
    pub(super) log: LogId,
    pub(super) state: LogState,
    /// The copy that it is or was made by.
    pub(super) import: Option<Import>,
    /// Whether it is of an older format, or not carried over to the end.
    pub(super) is_old: bool,
}

/// How far the copy of a history is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Import {
    Begun(Uuid),
    Done(Uuid),
}

/// Opens the log, or makes it. Nothing is written when it is refused.
pub(super) async fn open(database: &Database, wanted: Wanted) -> Result<Opened, PostgresError> {
    match find(database, wanted).await? {
        Some(opened) => Ok(opened),
        None => Err(database.server().refused("there is no event log in this database")),
    }
}

/// Opens the log, or makes it where that is allowed; none where there is none.
pub(super) async fn find(
    database: &Database,
    wanted: Wanted,
) -> Result<Option<Opened>, PostgresError> {
    let server = database.server();
    let opened = database
        .transaction("begin isolation level read committed", move |connection| {
            Box::pin(find_or_make(connection, wanted))
        })
        .await;
    match opened {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(refusal)) => Err(server.refused(refusal)),
        Err(error) => Err(cannot_open(server, &error)),
    }
}

async fn find_or_make(
    connection: &mut PgConnection,
    wanted: Wanted,
) -> Result<Result<Option<Opened>, Arc<str>>, sqlx::Error> {
    match OWNED.find(connection).await? {
        Err(refusal) => return Ok(Err(refusal)),
        Ok(Found::Ours) => {}
        Ok(Found::Nothing) if wanted.may_create => {
            let import = wanted.import.map(|import| (IMPORT, import.to_string()));
            OWNED.make(connection, wanted.log, import.as_slice()).await?;
            connection.execute(LEASES).await?;
            #[cfg(feature = "planted")]
            super::planted::prepare(connection).await?;
        }
        Ok(Found::Nothing) => return Ok(Ok(None)),
    }
    let meta = OWNED.meta(connection).await?;
    let is_old = |meta: &Meta| meta.format() < FORMAT || meta.get(CARRY).is_some();
    let is_old = meta.as_ref().is_ok_and(is_old);
    let (log, import) = match meta.and_then(|meta| recognise(&meta, wanted)) {
        Ok(known) => known,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let (state, ends) = state_and_ends(connection).await?;
    if ends != (state.head.position.0, state.streams, state.attempts) {
        return Ok(Err("its event log is damaged: its head is not where its tables end".into()));
    }
    Ok(Ok(Some(Opened { log, state, import, is_old })))
}

/// Into a log that is being copied only the copy writes, and a copy writes only there.
fn recognise(meta: &Meta, wanted: Wanted) -> Result<(LogId, Option<Import>), Arc<str>> {
    let log = meta.log()?;
    let id = |name| meta.get(name).and_then(|id| id.parse().ok());
    let import = id(IMPORT).map(Import::Begun).or_else(|| id(IMPORTED).map(Import::Done));
    match (import, wanted.import) {
        (Some(Import::Begun(_)), None) => {
            Err("a history is being copied into its event log: finish that first".into())
        }
        (_, Some(_)) if log != wanted.log => Err("it holds another event log".into()),
        (None, Some(_)) => Err("its event log was not begun by a copy of that history".into()),
        (_, None) | (Some(_), Some(_)) => Ok((log, import)),
    }
}

/// What the head row says, and where the tables end. In one statement: others may be writing, and
/// each statement sees another moment.
async fn state_and_ends(
    connection: &mut PgConnection,
) -> Result<(LogState, (u64, u64, u64)), sqlx::Error> {
    let sql = "select position, recorded_at, streams, attempts, turn, \
                      (select coalesce(max(position), 0) from events), \
                      (select coalesce(max(stream_key), 0) from streams), \
                      (select coalesce(max(number), 0) from attempts) from log_head";
    let row = sqlx::query(sql).fetch_one(connection).await?;
    Ok((state_of(&row)?, (number(&row, 5)?, number(&row, 6)?, number(&row, 7)?)))
}

/// The statement behind [`state_of`].
macro_rules! read_state {
    () => {
        "select position, recorded_at, streams, attempts, turn from log_head"
    };
}
pub(super) use read_state;

/// What the head row says now.
pub(super) async fn state(connection: &mut PgConnection) -> Result<LogState, sqlx::Error> {
    state_of(&sqlx::query(read_state!()).fetch_one(connection).await?)
}

/// One row of [`read_state`].
pub(super) fn state_of(row: &PgRow) -> Result<LogState, sqlx::Error> {
    Ok(LogState {
        head: Head {
            position: Position::from_sql(row.try_get(0)?),
            recorded_at: Instant::from_micros(row.try_get(1)?),
        },
        streams: number(row, 2)?,
        attempts: number(row, 3)?,
        turn: number(row, 4)?,
    })
}

/// An unsigned number, as SQL knows it. None of ours comes near the limit of an `i64`.
pub(super) fn sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number that is never negative.
pub(super) fn number(row: &PgRow, column: usize) -> Result<u64, sqlx::Error> {
    let value: i64 = row.try_get(column)?;
    u64::try_from(value).map_err(|error| sqlx::Error::Decode(error.into()))
}
