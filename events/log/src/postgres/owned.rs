//! Schemas that are ours: how one is recognised, and made.
//!
//! Each has a table `meta` that says what it is, in which format, and of which log.

use std::{collections::HashMap, sync::Arc};

use events::ids::LogId;
use sqlx::{AssertSqlSafe, Executor as _, PgConnection, Row as _};

/// The advisory lock of whoever looks for a schema and may make it: one at a time.
const OPENING: i64 = 0x416E_6E4C;

/// One of our schemas, as this build makes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owned {
    /// Its name.
    pub(crate) schema: &'static str,
    /// What `meta` says that it is: `annals event log`.
    pub(crate) kind: &'static str,
    /// What refusals call it: `event log`.
    pub(crate) what: &'static str,
    /// The version of its tables.
    pub(crate) format: u32,
    /// The statements that make them.
    pub(crate) tables: &'static str,
}

/// What there is under the name of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing, or a schema that an administrator has made for us and that is empty.
    Nothing,
    /// What we made.
    Ours,
}

/// What `meta` says. Names that this build does not know are kept.
#[derive(Debug)]
pub(crate) struct Meta(HashMap<String, String>);

impl Meta {
    /// The log that the schema belongs to.
    pub(crate) fn log(&self) -> Result<LogId, Arc<str>> {
        let log = self.get("log_id").and_then(|log| log.parse().ok()).map(LogId);
        log.ok_or_else(|| "it is damaged: the id of its log is not an id".into())
    }

    /// The version of its tables.
    pub(crate) fn format(&self) -> u32 {
        self.get("format").and_then(|format| format.parse().ok()).unwrap_or(0)
    }

    /// Another line.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl Owned {
    /// Lets nobody else look before the transaction ends. What is there, or why it is refused.
    pub(crate) async fn find(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Result<Found, Arc<str>>, sqlx::Error> {
        let lock = sqlx::query("select pg_advisory_xact_lock($1)").bind(OPENING);
        lock.execute(&mut *connection).await?;
        let sql = "select exists (select from pg_class c join pg_namespace n \
                on n.oid = c.relnamespace where n.nspname = $1) as has_tables, \
            (select count(*) from information_schema.columns where table_schema = $1 \
             and table_name = 'meta' and column_name in ('name', 'value')) = 2 as has_meta";
        let row = sqlx::query(sql).bind(self.schema).fetch_one(&mut *connection).await?;
        if !row.try_get::<bool, _>("has_tables")? {
            return Ok(Ok(Found::Nothing));
        }
        let is_ours = row.try_get("has_meta")? && self.is_ours(connection).await?;
        let Self { schema, what, .. } = self;
        let foreign = || format!("its schema {schema} is no {what} of this product").into();
        Ok(if is_ours { Ok(Found::Ours) } else { Err(foreign()) })
    }

    async fn is_ours(&self, connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
        let sql = format!(
            "select exists (select from {}.meta where name = 'kind' and value = $1)",
            self.schema
        );
        sqlx::query_scalar(AssertSqlSafe(sql)).bind(self.kind).fetch_one(connection).await
    }

    /// Makes the schema, where it is missing, and its tables, with further lines of `meta`.
    pub(crate) async fn make(
        &self,
        connection: &mut PgConnection,
        log: LogId,
        lines: &[(&str, String)],
    ) -> Result<(), sqlx::Error> {
        let sql = "select exists (select from pg_namespace where nspname = $1)";
        let has_schema: bool =
            sqlx::query_scalar(sql).bind(self.schema).fetch_one(&mut *connection).await?;
        if !has_schema {
            let sql = format!("create schema {}", self.schema);
            connection.execute(AssertSqlSafe(sql)).await?;
        }
        connection
            .execute("create table meta (name text primary key, value text not null)")
            .await?;
        connection.execute(self.tables).await?;
        let own = [
            ("kind", self.kind.to_owned()),
            ("format", self.format.to_string()),
            ("log_id", log.0.to_string()),
        ];
        for (name, value) in own.iter().chain(lines) {
            let insert = sqlx::query("insert into meta values ($1, $2)").bind(*name).bind(value);
            insert.execute(&mut *connection).await?;
        }
        Ok(())
    }

    /// What a schema of ours says about itself, or why this build cannot use it. Its format may be an
    /// older one.
    pub(crate) async fn meta(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Result<Meta, Arc<str>>, sqlx::Error> {
        let mut lines = HashMap::new();
        for row in sqlx::query("select name, value from meta").fetch_all(connection).await? {
            lines.insert(row.try_get(0)?, row.try_get(1)?);
        }
        let meta = Meta(lines);
        let Self { what, format, .. } = self;
        let found = meta.format();
        Ok(if (1..=*format).contains(&found) {
            Ok(meta)
        } else if found > *format {
            let why = format!("its {what} has format {found}; this build knows up to {format}");
            Err(why.into())
        } else {
            Err(format!("its {what} is damaged: its format is not a format").into())
        })
    }
}
