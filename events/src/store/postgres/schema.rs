//! The schema of the log: how it is made, recognised and opened.

use std::sync::Arc;

use sqlx::{Executor as _, PgConnection, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::super::sequencer::LogState;
use crate::{
    envelope::{Instant, Position},
    ids::LogId,
    postgres::{Database, LEASES, LOG_SCHEMA, PostgresError},
    store::Head,
};

/// What `meta` says that the schema is.
const KIND: &str = "annals event log";
/// The version of the tables.
const FORMAT: u32 = 1;
/// The advisory lock of whoever makes or opens a log: one at a time.
const OPENING: i64 = 0x416E_6E4C;

const TABLES: &str = include_str!("tables.sql");

/// The line of `meta` that is there while a history is being copied into the log.
pub(super) const IMPORT: &str = "import";

/// Which log is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// The id of the log, if it is made now.
    pub(super) log: LogId,
    /// Whether it may be made.
    pub(super) may_create: bool,
    /// The migration that copies a history into it.
    pub(super) import: Option<Uuid>,
}

/// A log that is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opened {
    pub(super) log: LogId,
    pub(super) state: LogState,
}

/// Opens the log, or makes it. Nothing is written when it is refused.
pub(super) async fn open(database: &Database, wanted: Wanted) -> Result<Opened, PostgresError> {
    let server = database.server();
    let opened = database
        .transaction("begin isolation level read committed", move |connection| {
            Box::pin(find_or_make(connection, wanted))
        })
        .await;
    match opened {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(refusal)) => Err(server.refused(refusal)),
        // 42: what the login may not do, or may not see.
        Err(sqlx::Error::Database(said))
            if said.code().is_some_and(|code| code.starts_with("42")) =>
        {
            Err(server.refused(said.message()))
        }
        Err(error) => Err(server.failed(&error)),
    }
}

async fn find_or_make(
    connection: &mut PgConnection,
    wanted: Wanted,
) -> Result<Result<Opened, Arc<str>>, sqlx::Error> {
    sqlx::query("select pg_advisory_xact_lock($1)").bind(OPENING).execute(&mut *connection).await?;
    let found = recognise(connection).await?;
    match found {
        Kind::Nothing { .. } if !wanted.may_create => {
            return Ok(Err("there is no event log in this database".into()));
        }
        Kind::Nothing { has_schema } => make(connection, has_schema, wanted).await?,
        Kind::Foreign => {
            let why = format!("its schema {LOG_SCHEMA} is not an event log of this product");
            return Ok(Err(why.into()));
        }
        Kind::Log => {}
    }
    let meta = Meta::read(connection).await?;
    if let Some(refusal) = meta.refusal(wanted.import) {
        return Ok(Err(refusal));
    }
    let Some(log) = meta.log else {
        return Ok(Err("the event log is damaged: its id is not an id".into()));
    };
    let state = state(connection).await?;
    if ends(connection).await? != (state.head.position.0, state.streams, state.attempts) {
        return Ok(Err("the event log is damaged: its head is not where its tables end".into()));
    }
    Ok(Ok(Opened { log, state }))
}

/// What there is under the name of our schema.
enum Kind {
    /// Nothing, or a schema that an administrator has made for us and that is empty.
    Nothing { has_schema: bool },
    /// Something else.
    Foreign,
    /// A log.
    Log,
}

async fn recognise(connection: &mut PgConnection) -> Result<Kind, sqlx::Error> {
    let sql = "select exists (select from pg_namespace where nspname = $1) as has_schema, \
        exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace \
                where n.nspname = $1) as has_tables, \
        (select count(*) from information_schema.columns where table_schema = $1 \
         and table_name = 'meta' and column_name in ('name', 'value')) = 2 as has_meta";
    let row = sqlx::query(sql).bind(LOG_SCHEMA).fetch_one(&mut *connection).await?;
    let has_schema = row.try_get("has_schema")?;
    if !row.try_get::<bool, _>("has_tables")? {
        return Ok(Kind::Nothing { has_schema });
    }
    if !row.try_get::<bool, _>("has_meta")? {
        return Ok(Kind::Foreign);
    }
    let sql = "select exists (select from meta where name = 'kind' and value = $1)";
    let is_ours: bool = sqlx::query_scalar(sql).bind(KIND).fetch_one(connection).await?;
    Ok(if is_ours { Kind::Log } else { Kind::Foreign })
}

async fn make(
    connection: &mut PgConnection,
    has_schema: bool,
    wanted: Wanted,
) -> Result<(), sqlx::Error> {
    if !has_schema {
        connection.execute("create schema annals").await?;
    }
    connection.execute(TABLES).await?;
    connection.execute(LEASES).await?;
    let mut lines = vec![
        ("kind", KIND.to_owned()),
        ("format", FORMAT.to_string()),
        ("log_id", wanted.log.0.to_string()),
    ];
    lines.extend(wanted.import.map(|import| (IMPORT, import.to_string())));
    for (name, value) in lines {
        let insert = sqlx::query("insert into meta values ($1, $2)").bind(name).bind(value);
        insert.execute(&mut *connection).await?;
    }
    Ok(())
}

#[derive(Debug, Default)]
struct Meta {
    format: Option<u32>,
    log: Option<LogId>,
    import: Option<Uuid>,
}

impl Meta {
    async fn read(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let mut meta = Self::default();
        let rows = sqlx::query("select name, value from meta").fetch_all(connection).await?;
        for row in rows {
            let (name, value): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            match name.as_str() {
                "format" => meta.format = value.parse().ok(),
                "log_id" => meta.log = value.parse().ok().map(LogId),
                IMPORT => meta.import = value.parse().ok(),
                _ => {}
            }
        }
        Ok(meta)
    }

    fn refusal(&self, import: Option<Uuid>) -> Option<Arc<str>> {
        match self.format {
            Some(FORMAT) => {}
            Some(found) if found > FORMAT => {
                let why = format!(
                    "its event log has format {found}; this build knows formats up to {FORMAT}"
                );
                return Some(why.into());
            }
            _ => return Some("the event log is damaged: its format is not a format".into()),
        }
        match (self.import, import) {
            (None, None) => None,
            (Some(begun), Some(wanted)) if begun == wanted => None,
            (Some(_), None) => {
                Some("a history is being copied into its event log; finish that first".into())
            }
            (_, Some(_)) => {
                Some("its event log was not begun by this migration: it has a history".into())
            }
        }
    }
}

async fn ends(connection: &mut PgConnection) -> Result<(u64, u64, u64), sqlx::Error> {
    let sql = "select (select coalesce(max(position), 0) from events), \
                      (select coalesce(max(stream_key), 0) from streams), \
                      (select coalesce(max(number), 0) from attempts)";
    let row = sqlx::query(sql).fetch_one(connection).await?;
    Ok((number(&row, 0)?, number(&row, 1)?, number(&row, 2)?))
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
