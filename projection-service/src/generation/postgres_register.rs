//! The register of generations in a PostgreSQL database, and which log its rows are made from.

use std::time::Duration;

use events::ids::LogId;
use events_log::postgres::{Database, LEASES, PostgresError, READ_SCHEMA, Server, is_unavailable};
use sqlx::{AssertSqlSafe, Executor, PgConnection, Row as _};
use uuid::Uuid;

use super::{Entry, Published, State};
use crate::read_store::{
    ReadStoreError,
    postgres::{failed, refuse, schema_of},
};

/// The form of the register. One of a later form is refused.
const FORMAT: i64 = 1;
/// How long a process that only answers may take to leave a generation that is not live any more.
pub(crate) const GRACE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 30 });
/// One that changes the register, one that tells how it goes.
const CONNECTIONS: u32 = 2;
/// How long it may take to drop a generation.
const DROP: Duration = Duration::from_mins(2);
/// What several processes that make the register at once wait for.
const MAKING: i64 = 0x616e_6e61_6c73_0001;

/// Each change of hands of the right to write counts `epoch` up: whoever had it before is refused.
const TABLES: [&str; 6] = [
    "create table installation (id bigint primary key check (id = 1), format bigint not null, \
     log_id uuid not null, epoch bigint not null)",
    "create table generation (number bigint generated always as identity primary key, \
     shape text not null, state text not null check (state in ('building', 'live', 'retired')), \
     retired_at timestamptz)",
    "create unique index generation_live on generation (state) where state = 'live'",
    "create table status (id bigint primary key check (id = 1), generation bigint not null, \
     caught_up boolean not null, state text not null, position bigint, code text, detail text)",
    "insert into status (id, generation, caught_up, state) values (1, 0, false, 'starting')",
    LEASES,
];

/// Connections to the schema of the register, which is made if it is missing.
///
/// # Errors
/// [`PostgresError::Refused`] when the read models there are of another log, or of a later build.
/// Nothing was written then.
pub(crate) async fn prepare(
    server: &Server,
    log_id: LogId,
    connections: u32,
) -> Result<Database, PostgresError> {
    // Whoever was put to sleep in the middle of a change must not hold up who takes over.
    let settings =
        [("client_min_messages", "warning"), ("idle_in_transaction_session_timeout", "5s")];
    let database = Database::tuned(server, READ_SCHEMA, connections, &settings);
    database.connect().await?;
    let made = database.transaction("begin", move |connection| {
        Box::pin(async move { make(connection, log_id).await })
    });
    let refused = made.await.map_err(|error| match error {
        error if is_unavailable(&error) => server.cannot_connect(&error),
        error => server.failed(&error),
    })?;
    match refused {
        None => Ok(database),
        Some(why) => Err(server.refused(why)),
    }
}

/// Makes the register, or says why it must not be used.
async fn make(connection: &mut PgConnection, log_id: LogId) -> Result<Option<String>, sqlx::Error> {
    sqlx::query("select pg_advisory_xact_lock($1)").bind(MAKING).execute(&mut *connection).await?;
    let sql = "select to_regclass($1) is not null";
    let name = format!("{READ_SCHEMA}.installation");
    let is_there: bool = sqlx::query_scalar(sql).bind(name).fetch_one(&mut *connection).await?;
    if is_there {
        let sql = "select format, log_id from installation where id = 1";
        let row = sqlx::query(sql).fetch_one(connection).await?;
        let (format, log): (i64, Uuid) = (row.try_get(0)?, row.try_get(1)?);
        return Ok(unfit(format, LogId(log), log_id));
    }
    let schema = format!("create schema if not exists {READ_SCHEMA}");
    connection.execute(AssertSqlSafe(schema)).await?;
    for statement in TABLES {
        connection.execute(statement).await?;
    }
    let sql = "insert into installation (id, format, log_id, epoch) values (1, $1, $2, 0)";
    sqlx::query(sql).bind(FORMAT).bind(log_id.0).execute(connection).await?;
    Ok(None)
}

/// Why read models of that format and log are none of this process's.
pub(crate) fn unfit(format: i64, log: LogId, ours: LogId) -> Option<String> {
    if format != FORMAT {
        return Some(format!("its read models are of format {format}, this build knows {FORMAT}"));
    }
    let why = || format!("its read models are made from the log {log}, this log is {ours}");
    (log != ours).then(why)
}

/// The register as one process may write to it, until another one does.
pub(crate) struct PostgresRegister {
    database: Database,
    epoch: i64,
}

impl PostgresRegister {
    /// Takes the right to write.
    pub(crate) async fn open(server: &Server, log_id: LogId) -> Result<Self, PostgresError> {
        let database = prepare(server, log_id, CONNECTIONS).await?;
        let taken = database.run(|connection| {
            Box::pin(async move {
                let sql = "update installation set epoch = epoch + 1 where id = 1 returning epoch";
                sqlx::query_scalar(sql).fetch_one(connection).await
            })
        });
        let epoch = taken.await.map_err(|error| server.failed(&error))?;
        Ok(Self { database, epoch })
    }

    pub(crate) const fn server(&self) -> &Server {
        self.database.server()
    }

    pub(crate) async fn list(&self, state: State) -> Result<Vec<Entry>, ReadStoreError> {
        let listed = self.database.run(move |connection| {
            Box::pin(async move {
                let sql = "select number, shape, coalesce(extract(epoch from \
                     clock_timestamp() - retired_at) * 1000, 0)::bigint as retired_for \
                     from generation where state = $1 order by number";
                let rows = sqlx::query(sql).bind(state.name()).fetch_all(connection).await?;
                rows.iter().map(entry).collect()
            })
        });
        listed.await.map_err(failed)
    }

    pub(crate) async fn begin(&self, shape: &str) -> Result<u32, ReadStoreError> {
        let (epoch, shape) = (self.epoch, shape.to_owned());
        let begun = self.database.transaction("begin", move |connection| {
            Box::pin(async move {
                in_charge(connection, epoch).await?;
                let sql = "insert into generation (shape, state) values ($1, 'building') \
                     returning number";
                number(sqlx::query_scalar(sql).bind(shape).fetch_one(connection).await?)
            })
        });
        begun.await.map_err(failed)
    }

    pub(crate) async fn switch_to(&self, live: u32) -> Result<Option<u32>, ReadStoreError> {
        let epoch = self.epoch;
        let switched = self.database.transaction("begin", move |connection| {
            Box::pin(async move {
                in_charge(connection, epoch).await?;
                let sql = "update generation set state = 'retired', \
                     retired_at = clock_timestamp() where state = 'live' returning number";
                let retired: Option<i64> =
                    sqlx::query_scalar(sql).fetch_optional(&mut *connection).await?;
                let sql = "update generation set state = 'live' where number = $1";
                sqlx::query(sql).bind(i64::from(live)).execute(connection).await?;
                retired.map(number).transpose()
            })
        });
        switched.await.map_err(failed)
    }

    pub(crate) async fn delete(&self, gone: u32) -> Result<(), ReadStoreError> {
        let epoch = self.epoch;
        let patient = self.database.clone().within(DROP);
        let deleted = patient.transaction("begin", move |connection| {
            Box::pin(async move {
                in_charge(connection, epoch).await?;
                let drop = format!("drop schema if exists {} cascade", schema_of(gone));
                connection.execute(AssertSqlSafe(drop)).await?;
                let sql = "delete from generation where number = $1";
                sqlx::query(sql).bind(i64::from(gone)).execute(connection).await.map(|_| ())
            })
        });
        deleted.await.map_err(failed)
    }

    pub(crate) async fn publish(&self, published: &Published) -> Result<(), ReadStoreError> {
        let (epoch, published) = (self.epoch, published.clone());
        let done = self.database.transaction("begin", move |connection| {
            Box::pin(async move {
                in_charge(connection, epoch).await?;
                let sql = "update status set generation = $1, caught_up = $2, state = $3, \
                     position = $4, code = $5, detail = $6 where id = 1";
                let query = sqlx::query(sql)
                    .bind(i64::from(published.generation))
                    .bind(published.caught_up)
                    .bind(published.state)
                    .bind(published.position)
                    .bind(published.code)
                    .bind(published.detail);
                query.execute(connection).await.map(|_| ())
            })
        });
        done.await.map_err(failed)
    }

    /// Ends all work on the register.
    pub(crate) async fn close(&self) {
        self.database.close().await;
    }
}

/// Refuses a process whose right to write another one took; keeps it from being taken meanwhile.
async fn in_charge(connection: &mut PgConnection, epoch: i64) -> Result<(), sqlx::Error> {
    let sql = "select epoch = $1 from installation where id = 1 for share";
    let is_so: bool = sqlx::query_scalar(sql).bind(epoch).fetch_one(connection).await?;
    if is_so { Ok(()) } else { Err(refuse(ReadStoreError::Superseded)) }
}

fn entry(row: &sqlx::postgres::PgRow) -> Result<Entry, sqlx::Error> {
    let retired_for: i64 = row.try_get(2)?;
    let retired_for = Duration::from_millis(u64::try_from(retired_for).unwrap_or(0));
    Ok(Entry {
        number: number(row.try_get(0)?)?,
        shape: row.try_get(1)?,
        kept_for: GRACE.saturating_sub(retired_for),
    })
}

fn number(number: i64) -> Result<u32, sqlx::Error> {
    let damaged = |_| refuse(ReadStoreError::Damaged("a generation has no number".into()));
    u32::try_from(number).map_err(damaged)
}
