//! The file of the log: how it is made, recognised and opened.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    time::Duration,
};

use events::{
    envelope::{Instant, Position},
    ids::LogId,
};
use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};
use uuid::Uuid;

use super::{super::sequencer::LogState, carry};
use crate::{
    private::make_private,
    store::{
        Head,
        ladder::{FORMAT, Hear},
    },
};

/// Marks the file as ours: `AnnL` in its header.
const APPLICATION_ID: u32 = 0x416E_6E4C;
/// What every SQLite file begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// How long to wait for another connection's lock.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The tables of the first format. Those of later ones are what the rungs of the ladder make of them.
pub(super) const TABLES: &str = "
create table meta (name text primary key, value blob not null) without rowid, strict;
create table log_head (
    only_row integer primary key check (only_row = 1),
    position integer not null,
    recorded_at integer not null,
    streams integer not null,
    attempts integer not null,
    turn integer not null
) strict;
create table streams (
    stream_key integer primary key,
    category text not null,
    id blob not null,
    version integer not null
) strict;
create unique index streams_by_name on streams (id, category);
create table events (
    position integer primary key,
    stream_key integer not null,
    version integer not null,
    recorded_at integer not null,
    effective_at integer,
    event_id blob not null,
    type text not null,
    schema_version integer not null,
    actor_kind text not null,
    actor_id blob not null,
    on_behalf_of blob,
    channel text not null,
    command_id blob not null,
    causation_id blob not null,
    correlation_id blob not null,
    payload_sha256 blob not null,
    leaf blob not null,
    payload blob not null
) strict;
create unique index events_by_stream on events (stream_key, version);
create table commands (
    command_id blob primary key,
    fingerprint blob not null,
    actor_kind text not null,
    actor_id blob not null,
    stream_key integer not null,
    version integer not null,
    position integer not null,
    events integer not null
) without rowid, strict;
create table attempts (
    number integer primary key,
    at integer not null,
    actor_kind text not null,
    actor_id blob not null,
    command_id blob not null,
    command text not null,
    category text,
    stream_id blob,
    code text not null
) strict;
create table process_checkpoints (name text primary key, position integer not null) without rowid, strict;
insert into log_head values (1, 0, 0, 0, 0, 0);
";

/// Why a log cannot be opened. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no log at that path.
    #[error("there is no event log at {}", .0.display())]
    Missing(PathBuf),
    /// The file is something else.
    #[error("{} is not an event log of this product", .0.display())]
    Foreign(PathBuf),
    /// A newer build made it.
    #[error("{} has format {found}; this build knows formats up to {FORMAT}", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// An older build made it, or it is being carried over.
    #[error(
        "{} is of an older build: start the product on it once, which carries it over to format {FORMAT}",
        .0.display()
    )]
    Older(PathBuf),
    /// The database did not take a setting that durability depends on.
    #[error("the setting {0} cannot be made safe: the log would lose what it acknowledged")]
    Unsafe(&'static str),
    /// The tables contradict each other.
    #[error("the event log is damaged: {0}")]
    Damaged(&'static str),
    /// It is of an older format, and cannot be carried over.
    #[error("the event log cannot be carried over to format {FORMAT}: {0}")]
    Unreadable(std::sync::Arc<str>),
    /// The file cannot be read or written.
    #[error("the event log cannot be opened")]
    Io(#[from] std::io::Error),
    /// The database says no.
    #[error("the event log cannot be opened")]
    Database(#[from] rusqlite::Error),
}

/// What the first bytes of a file say about it.
enum Kind {
    /// There is nothing yet, or the file is empty: a first start that was cut short.
    Nothing,
    /// A log that this build can read.
    Log,
}

/// Looks at the file itself, so that a foreign one is refused before any database code touches it.
fn recognise(path: &Path) -> Result<Kind, OpenError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Kind::Nothing),
        Err(error) => return Err(error.into()),
    };
    let mut header = Vec::with_capacity(100);
    file.take(100).read_to_end(&mut header)?;
    if header.is_empty() {
        return Ok(Kind::Nothing);
    }
    let number = |at: usize| {
        header.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes)
    };
    let (Some(format), Some(application)) = (number(60), number(68)) else {
        return Err(OpenError::Foreign(path.to_owned()));
    };
    if !header.starts_with(MAGIC) || application != APPLICATION_ID || format == 0 {
        return Err(OpenError::Foreign(path.to_owned()));
    }
    if format > FORMAT {
        return Err(OpenError::Newer { path: path.to_owned(), found: format });
    }
    Ok(Kind::Log)
}

/// Refuses a file that is something else than a log that this build knows.
pub(super) fn check_header(path: &Path) -> Result<(), OpenError> {
    recognise(path).map(drop)
}

/// A log that was opened for writing.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) log: LogId,
    pub(super) state: LogState,
}

/// Opens the log, or makes it when a `new` id is given and there is none.
pub(super) fn open(path: &Path, new: Option<LogId>, hear: &Hear) -> Result<Opened, OpenError> {
    let kind = recognise(path)?;
    match (kind, new) {
        (Kind::Nothing, None) => return Err(OpenError::Missing(path.to_owned())),
        (Kind::Nothing, Some(log)) => create(path, log)?,
        (Kind::Log, _) => {}
    }
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "cache_size", -16 * 1024)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    let log = log_id(&connection)?;
    // Whoever only takes what is there changes nothing about it.
    if new.is_none() && carry::is_due(&connection)? {
        return Err(OpenError::Older(path.to_owned()));
    }
    settle(path, &connection)?;
    let state = state(&connection)?;
    carry::climb(&connection, log, state, hear)?;
    Ok(Opened { connection, log, state })
}

/// Makes durable what an earlier run wrote, which may still be on its way to the disk: only then may
/// anything be answered from it. After that the write-ahead log is begun anew, if there is room.
fn settle(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    match File::open(write_ahead_log(path)) {
        Ok(file) => file.sync_all()?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    match connection.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())) {
        // On a full disk the log can be read, and goes on when there is room again.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => Ok(()),
        outcome => Ok(outcome?),
    }
}

/// Where the write-ahead log of a file is.
pub(super) fn write_ahead_log(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Makes the tables in one transaction of a rollback journal, so that the header of the file says
/// what it is as soon as there is anything in it; only then the write-ahead log is switched on.
fn create(path: &Path, log: LogId) -> Result<(), OpenError> {
    make_private(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let mut connection =
        Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    make_durable(&connection)?;
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Exclusive)?;
    transaction.execute_batch(TABLES)?;
    transaction.execute_batch(carry::RUNG_1)?;
    transaction.execute("insert into meta values ('log_id', ?1)", [&log.0.as_bytes()[..]])?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()?;
    let mode: String = connection.query_row("pragma journal_mode = wal", [], |row| row.get(0))?;
    if mode == "wal" { Ok(()) } else { Err(OpenError::Unsafe("journal_mode")) }
}

/// A connection whose settings were read back.
pub(super) fn connect(path: &Path, access: OpenFlags) -> Result<Connection, OpenError> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    make_durable(&connection)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
    if mode != "wal" {
        return Err(OpenError::Unsafe("journal_mode"));
    }
    Ok(connection)
}

fn make_durable(connection: &Connection) -> Result<(), OpenError> {
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    #[cfg(feature = "planted")]
    super::planted::sync_less(connection)?;
    if synchronous == 2 { Ok(()) } else { Err(OpenError::Unsafe("synchronous")) }
}

/// A connection that cannot write.
pub(super) fn connect_reader(path: &Path) -> Result<Connection, OpenError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -4 * 1024)?;
    Ok(connection)
}

pub(super) fn log_id(connection: &Connection) -> Result<LogId, OpenError> {
    let id: Vec<u8> =
        connection
            .query_row("select value from meta where name = 'log_id'", [], |row| row.get(0))?;
    Uuid::from_slice(&id).map(LogId).map_err(|_| OpenError::Damaged("its id is not an id"))
}

/// The head row, which must agree with the tables it sums up.
fn state(connection: &Connection) -> Result<LogState, OpenError> {
    let state = read_state(connection)?;
    let ends: (u64, u64, u64) = connection.query_row(
        "select (select coalesce(max(position), 0) from events), \
                (select coalesce(max(stream_key), 0) from streams), \
                (select coalesce(max(number), 0) from attempts)",
        [],
        |row| Ok((number(row, 0)?, number(row, 1)?, number(row, 2)?)),
    )?;
    if ends == (state.head.position.0, state.streams, state.attempts) {
        Ok(state)
    } else {
        Err(OpenError::Damaged("its head is not where its tables end"))
    }
}

/// The statement behind [`read_state`], for those that keep it prepared.
pub(super) const READ_STATE: &str =
    "select position, recorded_at, streams, attempts, turn from log_head";

/// What the head row says now.
pub(super) fn read_state(connection: &Connection) -> Result<LogState, rusqlite::Error> {
    connection.query_row(READ_STATE, [], state_of)
}

/// One row of [`READ_STATE`].
pub(super) fn state_of(row: &rusqlite::Row<'_>) -> Result<LogState, rusqlite::Error> {
    Ok(LogState {
        head: Head {
            position: Position::from_sql(row.get(0)?),
            recorded_at: Instant::from_micros(row.get(1)?),
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
pub(super) fn number(row: &rusqlite::Row<'_>, column: usize) -> Result<u64, rusqlite::Error> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}
