//! The writer's own connection, and everything it says.

use std::{future::Future, sync::Arc, time::Duration};

use events::ids::{CommandId, LogId};
use sqlx::{ConnectOptions as _, Executor as _, PgConnection, Row as _, postgres::PgRow};
use tokio::time::timeout;

use super::{
    failure::Failure,
    push::{Sums, append},
    rows::{self, LAST, LEDGER},
    schema::{read_state, sql, state_of},
};
use crate::{
    postgres::{LOG_SCHEMA, PostgresError, Server, unsafe_settings},
    store::{
        StoreError,
        group::Group,
        links::damage,
        sequencer::{Admission, Known, LogState, StreamHead, Unknown},
    },
};

/// How long one word with the database may take. One that does not answer by then is as good as one
/// that is not there.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take to connect.
const CONNECTING: Duration = Duration::from_secs(2);

/// What became of a group in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// It is written; durable too, unless a transaction was begun.
    Stored,
    /// Another process has written since.
    Stale,
    /// Something is there that was taken for new.
    Known,
    /// The session would acknowledge what can be lost.
    Unsafe,
}

/// Which session of the server a connection is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backend {
    pid: i32,
    since: i64,
}

/// A connection. After [`Failure::Lost`] it is of no use any more.
pub(super) struct Link {
    connection: PgConnection,
    backend: Backend,
}

impl Link {
    /// Connects for the first time.
    pub(super) async fn open_first(server: &Server) -> Result<Self, PostgresError> {
        let opened = Self::open(server, None).await;
        opened.map_err(|failure| PostgresError::Failed {
            server: Arc::clone(server.shown()),
            why: StoreError::from(failure).to_string().into(),
        })
    }

    /// Connects. The session of an earlier connection is ended first, if it is still there: what
    /// it was doing is done by then, or will never be.
    pub(super) async fn open(server: &Server, before: Option<Backend>) -> Result<Self, Failure> {
        // The tables grow faster than their statistics: the writer only ever looks up by key. What
        // is forbidden counts as dear, and what is dear would be compiled first.
        let options = server.options(LOG_SCHEMA).application_name("annals-log-writer").options([
            ("lock_timeout", "2s"),
            ("work_mem", "32MB"),
            ("jit", "off"),
            ("enable_seqscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            // Groups differ in size only: what was planned once holds for all of them.
            ("plan_cache_mode", "force_generic_plan"),
        ]);
        let connected = timeout(CONNECTING, options.connect()).await;
        let mut connection = connected.map_err(|_| silent())?.map_err(|error| {
            // Whatever is wrong with the way there may be put right while this process runs.
            Failure::Lost(server.cannot_connect(&error).to_string().into())
        })?;
        let backend = bounded(settle(&mut connection, before)).await?;
        Ok(Self { connection, backend })
    }

    /// Which session this is.
    pub(super) const fn backend(&self) -> Backend {
        self.backend
    }

    /// Why this session must not acknowledge anything, if so.
    pub(super) async fn check(&mut self) -> Result<(), Failure> {
        let refused = bounded(unsafe_settings(&mut self.connection)).await?;
        if refused.is_empty() { Ok(()) } else { Err(Failure::Refused(refused.join("; ").into())) }
    }

    /// What the head row says.
    pub(super) async fn state(&mut self) -> Result<LogState, Failure> {
        self.read_state(read_state!()).await
    }

    /// The same, and nobody else moves it until the transaction ends.
    pub(super) async fn lock_head(&mut self) -> Result<LogState, Failure> {
        self.read_state(concat!(read_state!(), " for update")).await
    }

    async fn read_state(&mut self, sql: &'static str) -> Result<LogState, Failure> {
        bounded(async { state_of(&sqlx::query(sql).fetch_one(&mut self.connection).await?) }).await
    }

    /// Begins a transaction, commits it or rolls it back.
    pub(super) async fn say(&mut self, word: &'static str) -> Result<(), Failure> {
        bounded(async { self.connection.execute(word).await.map(drop) }).await
    }

    /// Draws so many numbers, which nobody else gets; answers with the last.
    #[cfg(feature = "planted")]
    pub(super) async fn draw(&mut self, count: i64) -> Result<i64, Failure> {
        let sql = "with turn as materialized (select pg_advisory_xact_lock(1)) \
                   select max(nextval('positions')) from turn, generate_series(1, $1)";
        let query = sqlx::query_scalar(sql).bind(count);
        bounded(query.fetch_one(&mut self.connection)).await
    }

    /// Finds what the sequencer does not know.
    pub(super) async fn look_up(
        &mut self,
        log: LogId,
        unknown: &Unknown,
    ) -> Result<Known, Failure> {
        let mut known = Known::default();
        if !unknown.streams.is_empty() {
            for row in bounded(self.find_streams(unknown)).await? {
                let name = rows::stream_name(&row, 0)?;
                match rows::last(&row, name) {
                    Ok((row, last)) => {
                        let head = StreamHead { key: row.key, version: row.version, last };
                        known.streams.insert(name, head);
                    }
                    Err(Failure::Damaged(what)) => {
                        known.damaged_streams.insert(name, damage(name, &what).into());
                    }
                    Err(failure) => return Err(failure),
                }
            }
        }
        if !unknown.commands.is_empty() {
            for row in bounded(self.find_commands(&unknown.commands)).await? {
                let asked = CommandId(row.try_get(10)?);
                match rows::ledger_entry(&row, log) {
                    Ok(entry) => drop(known.commands.insert(asked, entry)),
                    Err(Failure::Damaged(what)) => {
                        known.damaged_commands.insert(asked, what);
                    }
                    Err(failure) => return Err(failure),
                }
            }
        }
        Ok(known)
    }

    async fn find_streams(&mut self, unknown: &Unknown) -> Result<Vec<PgRow>, sqlx::Error> {
        let ids: Vec<_> = unknown.streams.iter().map(|stream| stream.id).collect();
        let categories: Vec<_> =
            unknown.streams.iter().map(|stream| stream.category.name()).collect();
        sqlx::query(LAST).bind(ids).bind(categories).fetch_all(&mut self.connection).await
    }

    async fn find_commands(&mut self, commands: &[CommandId]) -> Result<Vec<PgRow>, sqlx::Error> {
        let ids: Vec<_> = commands.iter().map(|command| command.0).collect();
        sqlx::query(LEDGER).bind(ids).fetch_all(&mut self.connection).await
    }

    /// Writes what was admitted, unless something is not as the sequencer believes.
    pub(super) async fn append(
        &mut self,
        log: LogId,
        admission: &Admission,
        group: &Group,
        unknown: &[CommandId],
    ) -> Result<Status, Failure> {
        let sums = Sums::of(log, admission, group);
        let query = append(admission, group, &sums, unknown);
        let status = bounded(query.fetch_one(&mut self.connection)).await?;
        Ok(match status.as_str() {
            "stored" => Status::Stored,
            "stale" => Status::Stale,
            "known" => Status::Known,
            "unsafe" => Status::Unsafe,
            _ => return Err(Failure::damaged("the function append is not ours")),
        })
    }

    /// Whether an admission whose connection broke was stored after all. All of it was, or nothing.
    pub(super) async fn has_stored(
        &mut self,
        admission: &Admission,
        group: &Group,
    ) -> Result<bool, Failure> {
        if let Some((_, entry)) = admission.ledger.first() {
            let sql = "select exists (select from commands where command_id = $1 \
                       and position = $2 and version = $3)";
            let query = sqlx::query_scalar(sql)
                .bind(entry.command_id.0)
                .bind(entry.receipt.position.sql())
                .bind(self::sql(entry.receipt.version.0));
            return bounded(query.fetch_one(&mut self.connection)).await;
        }
        let Some(attempt) = group.attempts.first() else {
            // Only checkpoints: saving them again changes nothing.
            return Ok(false);
        };
        let sql = "select exists (select from attempts where number = $1 and at = $2 \
                   and command_id = $3 and actor_id = $4)";
        let query = sqlx::query_scalar(sql)
            .bind(self::sql(admission.before.attempts + 1))
            .bind(attempt.at.micros())
            .bind(attempt.command_id.0)
            .bind(attempt.actor.id);
        bounded(query.fetch_one(&mut self.connection)).await
    }
}

/// Makes the session one that can be written with, and says which it is.
async fn settle(
    connection: &mut PgConnection,
    before: Option<Backend>,
) -> Result<Backend, sqlx::Error> {
    connection
        .execute("set session characteristics as transaction isolation level read committed")
        .await?;
    if let Some(Backend { pid, since }) = before {
        let sql = "select pg_terminate_backend(pid, 1000) from pg_stat_activity \
                   where pid = $1 and (extract(epoch from backend_start) * 1000000)::bigint = $2";
        let ended = sqlx::query_scalar(sql).bind(pid).bind(since);
        if ended.fetch_optional(&mut *connection).await? == Some(false) {
            return Err(sqlx::Error::Protocol("an earlier session does not end".to_owned()));
        }
    }
    let sql = "select pid, (extract(epoch from backend_start) * 1000000)::bigint \
               from pg_stat_activity where pid = pg_backend_pid()";
    let row = sqlx::query(sql).fetch_one(connection).await?;
    Ok(Backend { pid: row.try_get(0)?, since: row.try_get(1)? })
}

/// Waits for the database, but not for ever.
async fn bounded<T>(answer: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, Failure> {
    Ok(timeout(PATIENCE, answer).await.map_err(|_| silent())??)
}

fn silent() -> Failure {
    let why: Arc<str> = "the database does not answer in time".into();
    Failure::Lost(why)
}
