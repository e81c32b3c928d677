//! The read store on PostgreSQL: one schema per generation.

use std::{sync::Arc, time::Duration};

use events::Position;
use events_log::{
    postgres::{Database, READ_SCHEMA, Server, Session},
    store::Answer,
};
use sqlx::{AssertSqlSafe, Executor, PgConnection};
use tokio::sync::Mutex;

use super::{
    Checkpoint, Commit, ReadStore, ReadStoreError, Snapshot, Wanted,
    ddl::{self, Dialect},
};
use crate::table::{Row, Table, Value};

mod columns;
mod errors;
#[cfg(feature = "planted")]
mod planted;
mod statements;
mod writer;

pub(crate) use errors::{failed, refuse};
use statements::Statements;

/// One that writes, and one for each side of a comparison.
const CONNECTIONS: u32 = 3;
/// How long a batch may take: a replay's are large.
const BATCH: Duration = Duration::from_secs(30);
/// How long the indexes of a whole generation may take.
const INDEXES: Duration = Duration::from_hours(2);

/// How the sessions of a read store differ from others.
///
/// Its rows can be made again from the log, and the checkpoint goes with them: a commit need not
/// wait for the disk. After a crash of the server the last moments are folded again.
///
/// Every statement looks rows up by their keys. A plan is made while the tables are still empty and
/// kept: left to itself the planner would take to reading all of a table for it.
///
/// A writer that was put to sleep in the middle of a transaction must not hold up the next one.
const SETTINGS: [(&str, &str); 8] = [
    ("synchronous_commit", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
    ("idle_in_transaction_session_timeout", "5s"),
    ("client_min_messages", "warning"),
];

/// A comparison goes to and fro between two snapshots: neither is asked all the time.
const SNAPSHOT: &str = "begin isolation level repeatable read read only; \
     set local idle_in_transaction_session_timeout = '60s'";

/// The schema of a generation.
#[must_use]
pub fn schema_of(number: u32) -> String {
    format!("{READ_SCHEMA}_{number}")
}

/// A schema with all read models of one generation.
pub struct PostgresReadStore {
    database: Database,
    tables: Vec<&'static Table>,
    statements: Arc<Statements>,
    /// Whoever opens the rows after this one has the next number, and writes from then on.
    writer: i64,
    /// One writes at a time, and none while indexes are made.
    writing: Arc<Mutex<()>>,
}

impl PostgresReadStore {
    /// Opens the schema of a generation and makes what is missing in it, except the indexes that
    /// only questions need.
    ///
    /// # Errors
    /// When the schema cannot be used.
    pub async fn open(
        server: &Server,
        number: u32,
        tables: &[&'static Table],
    ) -> Result<Self, ReadStoreError> {
        let schema = schema_of(number);
        let database = Database::tuned(server, &schema, CONNECTIONS, &SETTINGS).within(BATCH);
        let mut ddl = vec![format!("create schema if not exists {schema}")];
        ddl.extend(ddl::tables(Dialect::Postgres, tables));
        let is_made = format!("select to_regclass('{schema}.checkpoint') is not null");
        let made = database.transaction("begin", |connection| {
            Box::pin(async move {
                // A checkpoint that was lost does not begin again beside the rows that are there.
                let is_made = sqlx::query_scalar(AssertSqlSafe(is_made));
                if !is_made.fetch_one(&mut *connection).await? {
                    execute_all(connection, ddl).await?;
                }
                let sql = "update checkpoint set writer = writer + 1 returning writer";
                sqlx::query_scalar(sql).fetch_one(connection).await
            })
        });
        let writer = made.await.map_err(failed)?;
        let statements = Arc::new(Statements::of(tables));
        let tables = tables.to_vec();
        Ok(Self { database, tables, statements, writer, writing: Arc::default() })
    }
}

async fn execute_all(
    connection: &mut PgConnection,
    statements: Vec<String>,
) -> Result<(), sqlx::Error> {
    for statement in statements {
        connection.execute(AssertSqlSafe(statement)).await?;
    }
    Ok(())
}

impl ReadStore for PostgresReadStore {
    fn checkpoint(&self) -> Answer<'_, Result<Checkpoint, ReadStoreError>> {
        Box::pin(async move {
            let read = self.database.run(|connection| Box::pin(writer::checkpoint(connection)));
            read.await.map_err(failed)
        })
    }

    fn load(
        &self,
        wanted: Vec<Wanted>,
    ) -> Answer<'_, Result<Vec<Vec<Option<Row>>>, ReadStoreError>> {
        Box::pin(async move {
            let statements = Arc::clone(&self.statements);
            let loaded = self.database.run(move |connection| {
                Box::pin(async move { writer::load(connection, &statements, &wanted).await })
            });
            loaded.await.map_err(failed)
        })
    }

    fn commit(&self, commit: Commit) -> Answer<'_, Result<(), ReadStoreError>> {
        Box::pin(async move {
            let (statements, writer) = (Arc::clone(&self.statements), self.writer);
            #[cfg(feature = "planted")]
            if events_log::planted::Mistake::CheckpointApart.is_planted() {
                return planted::commit(&self.database, statements, writer, commit).await;
            }
            let turn = Arc::clone(&self.writing).lock_owned().await;
            let committed = self.database.transaction("begin", move |connection| {
                Box::pin(async move {
                    let _turn = turn;
                    writer::apply(connection, &statements, writer, &commit).await
                })
            });
            committed.await.map_err(failed)
        })
    }

    fn make_indexes(&self) -> Answer<'_, Result<(), ReadStoreError>> {
        Box::pin(async move {
            let statements = ddl::indexes(&self.tables);
            let tables: Vec<_> = self.tables.iter().map(|table| table.name).collect();
            let turn = Arc::clone(&self.writing).lock_owned().await;
            let patient = self.database.clone().within(INDEXES);
            let made = patient.run(move |connection| {
                Box::pin(async move {
                    let _turn = turn;
                    make_indexes(connection, statements, tables).await
                })
            });
            made.await.map_err(failed)
        })
    }

    fn snapshot(&self) -> Answer<'_, Result<Box<dyn Snapshot>, ReadStoreError>> {
        Box::pin(async move {
            let session = Session::begin(&self.database, SNAPSHOT).await.map_err(failed)?;
            let checkpoint = session.run(|connection| Box::pin(writer::checkpoint(connection)));
            let position = checkpoint.await.map_err(failed)?.position;
            Ok(Box::new(PostgresSnapshot { session, position }) as Box<dyn Snapshot>)
        })
    }

    fn close(&self) -> Answer<'_, ()> {
        Box::pin(self.database.close())
    }
}

/// New indexes go with fresh statistics: the first questions come before the server's own round.
async fn make_indexes(
    connection: &mut PgConnection,
    statements: Vec<String>,
    tables: Vec<&'static str>,
) -> Result<(), sqlx::Error> {
    let before = count_indexes(connection).await?;
    execute_all(connection, statements).await?;
    if count_indexes(connection).await? == before {
        return Ok(());
    }
    let analyze = tables.iter().map(|table| format!("analyze \"{table}\"")).collect();
    execute_all(connection, analyze).await
}

async fn count_indexes(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    let sql = "select count(*) from pg_indexes where schemaname = current_schema()";
    sqlx::query_scalar(sql).fetch_one(connection).await
}

/// A read transaction that is kept open.
struct PostgresSnapshot {
    session: Session,
    position: Position,
}

impl Snapshot for PostgresSnapshot {
    fn position(&self) -> Position {
        self.position
    }

    fn page(
        &mut self,
        table: &'static Table,
        cut: Position,
        after: Option<Vec<Value>>,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Vec<Value>>, ReadStoreError>> {
        Box::pin(async move {
            let page = self.session.run(move |connection| {
                Box::pin(async move {
                    writer::page(connection, table, cut, after.as_deref(), limit).await
                })
            });
            page.await.map_err(failed)
        })
    }
}
