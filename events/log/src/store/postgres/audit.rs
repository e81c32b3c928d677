//! The thorough check of a log in a database, by an ordinary login.
//!
//! The pages are the server's own affair (data checksums, `amcheck`); what an index leads to is compared
//! here with what the table holds, by asking both and comparing.

use std::time::Duration;

use events::{envelope::Position, ids::LogId};
use sqlx::{AssertSqlSafe, Executor as _, PgConnection, Row as _, postgres::PgRow};
use uuid::Uuid;

use super::{
    failure::Failure,
    reader::Reader,
    rows::{self, attempt_columns, ledger_columns},
    schema::{number, sql},
};
use crate::store::{
    StoreError,
    audit::{Audited, CHECKS, Check, Finding, HearAudit, Refers},
};

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// How many rows are read at a time.
const PAGE: u64 = 4_096;

/// Each index, what of the table it holds, and the table.
const INDEXES: [(&str, &str, &str); 8] = [
    ("events_pkey", "position", "events"),
    ("events_by_stream", "stream_key, version", "events"),
    ("streams_pkey", "stream_key", "streams"),
    ("streams_by_name", "id, category", "streams"),
    ("commands_pkey", "command_id", "commands"),
    ("attempts_pkey", "number", "attempts"),
    ("process_checkpoints_pkey", "name", "process_checkpoints"),
    ("meta_pkey", "name", "meta"),
];

/// Checks the log.
pub(super) async fn audit(
    reader: &Reader,
    log: LogId,
    hear: HearAudit,
) -> Result<Audited, StoreError> {
    let database = reader.database().clone().within(PATIENCE);
    let audited = database.run(move |connection| {
        Box::pin(async move {
            let mut audit = Audit { connection, log, audited: Audited::default() };
            audit.check_indexes(&hear).await?;
            for check in &CHECKS {
                hear(check.kind, 0, 0);
                audit.ask(check).await?;
            }
            audit.check_ledger(&hear).await?;
            audit.check_attempts(&hear).await?;
            audit.check_checkpoints().await?;
            Ok(audit.audited)
        })
    });
    Ok(audited.await.map_err(Failure::from)?)
}

struct Audit<'c> {
    connection: &'c mut PgConnection,
    log: LogId,
    audited: Audited,
}

impl Audit<'_> {
    /// What each index leads to is what its table holds; `amcheck` looks closer where it may.
    async fn check_indexes(&mut self, hear: &HearAudit) -> Result<(), sqlx::Error> {
        let sql = "select exists (select from pg_extension where extname = 'amcheck') \
                   and coalesce(has_function_privilege(to_regprocedure( \
                       'bt_index_check(regclass, boolean)')::oid, 'execute'), false)";
        let has_amcheck: bool = sqlx::query_scalar(sql).fetch_one(&mut *self.connection).await?;
        for (done, (index, columns, table)) in (0..).zip(INDEXES) {
            hear("indexes", done, INDEXES.len() as u64);
            let (by_table, by_index) = self.both_ways(columns, table).await?;
            if by_table != by_index {
                let what = format!("the index {index} leads elsewhere than its table {table}");
                self.audited.add("database", Finding::of(what));
            }
            if has_amcheck {
                let sql = "select bt_index_check($1::regclass, true)";
                let check = sqlx::query(sql).bind(index).execute(&mut *self.connection).await;
                if let Err(sqlx::Error::Database(said)) = check {
                    self.audited.add("database", Finding::of(said.message()));
                }
            }
        }
        Ok(())
    }

    /// How many rows there are and what they sum to: by the table, and by the index. In one
    /// transaction that sees one moment.
    async fn both_ways(
        &mut self,
        columns: &str,
        table: &str,
    ) -> Result<((i64, Option<i64>), (i64, Option<i64>)), sqlx::Error> {
        self.connection.execute("begin isolation level repeatable read read only").await?;
        let by_table = self.sum(columns, table, ("on", "off")).await;
        let by_index = self.sum(columns, table, ("off", "on")).await;
        self.connection.execute("rollback").await?;
        Ok((by_table?, by_index?))
    }

    async fn sum(
        &mut self,
        columns: &str,
        table: &str,
        (by_table, by_index): (&str, &str),
    ) -> Result<(i64, Option<i64>), sqlx::Error> {
        let settings = format!(
            "set local enable_seqscan = {by_table}; set local enable_indexscan = {by_index}; \
             set local enable_indexonlyscan = {by_index}; set local enable_bitmapscan = off; \
             set local max_parallel_workers_per_gather = 0"
        );
        self.connection.execute(AssertSqlSafe(settings)).await?;
        // Ordered, so that the index is of use: its order is what lookups go by.
        let sql = format!(
            "select count(*), bit_xor(hash_record_extended(row({columns}), 0)) \
             from (select {columns} from {table} order by {columns}) as all_rows"
        );
        let row = self.connection.fetch_one(AssertSqlSafe(sql)).await?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }

    async fn ask(&mut self, check: &Check) -> Result<(), sqlx::Error> {
        // Whole tables are compared: joined in the way that is best for that.
        self.connection
            .execute(
                "begin read only; set local enable_seqscan = on; set local enable_hashjoin = on; \
                 set local enable_mergejoin = on",
            )
            .await?;
        let found = sqlx::query(check.sql).fetch_all(&mut *self.connection).await;
        self.connection.execute("rollback").await?;
        let (mut count, mut first) = (0, Vec::new());
        for row in found? {
            count = match row.try_get::<i64, _>(0) {
                Ok(count) => u64::try_from(count).unwrap_or(1),
                // A literal is a number of another size.
                Err(_) => 1,
            };
            let found = row.try_get::<i64, _>(1).unwrap_or(0);
            first.push(self.finding(check, found).await?);
        }
        self.audited.add_some(check.kind, count, first);
        Ok(())
    }

    async fn finding(&mut self, check: &Check, found: i64) -> Result<Finding, sqlx::Error> {
        let what = check.what.to_owned();
        let (sql, position) = match check.refers {
            Refers::Nothing => return Ok(Finding::of(what)),
            Refers::Stream => ("select category, id from streams where stream_key = $1", None),
            Refers::Position => (
                "select s.category, s.id from events e join streams s \
                 on s.stream_key = e.stream_key where e.position = $1",
                u64::try_from(found).ok(),
            ),
        };
        let named = sqlx::query(sql).bind(found).fetch_optional(&mut *self.connection).await?;
        Ok(Finding { position, stream: named.and_then(|row| stream_name(&row, 0)), what })
    }

    async fn check_ledger(&mut self, hear: &HearAudit) -> Result<(), sqlx::Error> {
        let sql = "select (select count(*) from streams), (select count(*) from commands)";
        let row = self.connection.fetch_one(sql).await?;
        self.audited.streams = number(&row, 0)?;
        let total = number(&row, 1)?;
        let read = concat!(
            ledger_columns!(),
            " where c.command_id > $1 or $2 order by c.command_id limit $3"
        );
        let mut after: Option<Uuid> = None;
        loop {
            hear("ledger", self.audited.commands, total);
            let page = sqlx::query(read)
                .bind(after.unwrap_or_default())
                .bind(after.is_none())
                .bind(self::sql(PAGE))
                .fetch_all(&mut *self.connection)
                .await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.try_get(0)?);
            self.audited.commands += page.len() as u64;
            for row in &page {
                if let Err(failure) = rows::ledger_entry(row, self.log) {
                    let position = row.try_get(7).ok().map(|at| Position::from_sql(at).0);
                    let (stream, what) = (stream_name(row, 4), what_of(failure));
                    self.audited.add("ledger", Finding { position, stream, what });
                }
            }
        }
    }

    async fn check_attempts(&mut self, hear: &HearAudit) -> Result<(), sqlx::Error> {
        let head = self.connection.fetch_one("select attempts from log_head").await?;
        let total = number(&head, 0)?;
        let read = concat!(
            "select ",
            attempt_columns!(),
            " from attempts where number > $1 order by number limit $2"
        );
        let mut after = i64::MIN;
        loop {
            hear("attempts", self.audited.attempts, total);
            let page = sqlx::query(read).bind(after).bind(sql(PAGE));
            let page = page.fetch_all(&mut *self.connection).await?;
            if page.is_empty() {
                return Ok(());
            }
            for row in &page {
                after = row.try_get(0)?;
                self.audited.attempts += 1;
                if let Err(failure) = rows::attempt(row, self.log) {
                    self.audited.add("attempts", Finding::of(what_of(failure)));
                }
                if after != sql(self.audited.attempts) {
                    let what = format!("attempt {} is missing", self.audited.attempts);
                    self.audited.add("attempts", Finding::of(what));
                    self.audited.attempts = u64::try_from(after).unwrap_or(0);
                }
            }
        }
    }

    async fn check_checkpoints(&mut self) -> Result<(), sqlx::Error> {
        let read = "select name, position, checksum from process_checkpoints where $1";
        let page = sqlx::query(read).bind(true).fetch_all(&mut *self.connection).await?;
        for row in &page {
            if let Err(failure) = rows::checkpoint(row, self.log) {
                self.audited.add("checkpoints", Finding::of(what_of(failure)));
            }
        }
        Ok(())
    }
}

fn stream_name(row: &PgRow, column: usize) -> Option<String> {
    Some(rows::stream_name(row, column).ok()?.to_string())
}

fn what_of(failure: Failure) -> String {
    match StoreError::from(failure) {
        StoreError::Damaged(what) | StoreError::Unavailable(what) => what.to_string(),
        StoreError::Full => "no room is left".to_owned(),
    }
}
