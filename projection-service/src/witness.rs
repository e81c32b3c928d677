//! How far the read models had come, asked before anything is opened: they remember a log that was
//! longer than the one that is there. Nothing is written.

use std::path::Path;

use events::{Leaf, Position, ids::LogId};
use events_log::{
    postgres::{Database, PostgresError, READ_SCHEMA, Server},
    store::sqlite::Untouched,
};
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use uuid::Uuid;

use crate::read_store::postgres::schema_of;

/// The last event that is in the rows of the live generation.
pub type Seen = Option<(Position, Leaf)>;

/// Asks the read models in a folder. What cannot be read bears no witness: it is made anew.
#[must_use]
pub fn of_folder(folder: &Path) -> Seen {
    match look(folder) {
        Ok(seen) => seen,
        Err(error) => {
            tracing::warn!(%error, "the read models cannot be asked how long the log was");
            None
        }
    }
}

fn look(folder: &Path) -> rusqlite::Result<Seen> {
    let Some(register) = Untouched::open(&folder.join("read.db"))? else { return Ok(None) };
    let sql = "select number from generation where state = 'live'";
    let Some(number) = register.row(sql, [], |row| row.get::<_, u32>(0))? else { return Ok(None) };
    let Some(rows) = Untouched::open(&folder.join(format!("read-{number}.db")))? else {
        return Ok(None);
    };
    let sql = "select position, leaf from checkpoint where id = 1";
    let seen = rows.row(sql, [], |row| {
        let leaf: Option<[u8; 32]> = row.get(1)?;
        Ok(leaf.map(|leaf| (Position::from_sql(row.get(0).unwrap_or(0)), Leaf(leaf))))
    })?;
    Ok(seen.flatten())
}

/// Asks the read models in a database, if they were made from that log.
///
/// # Errors
/// When the database cannot be asked.
pub async fn of_postgres(server: &Server, log: LogId) -> Result<Seen, PostgresError> {
    let database = Database::new(server, READ_SCHEMA, 1);
    let asked = database.run(move |connection| Box::pin(ask(connection, log))).await;
    database.close().await;
    asked.map_err(|error| server.cannot_connect(&error))
}

async fn ask(connection: &mut PgConnection, log: LogId) -> Result<Seen, sqlx::Error> {
    for table in ["installation", "generation"] {
        if !is_there(connection, &format!("{READ_SCHEMA}.{table}")).await? {
            return Ok(None);
        }
    }
    // Read models of another log bear no witness of this one. Whoever opens them refuses them.
    let sql = format!("select log_id from {READ_SCHEMA}.installation where id = 1");
    let made_from: Option<Uuid> =
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_optional(&mut *connection).await?;
    if made_from != Some(log.0) {
        return Ok(None);
    }
    let sql = format!("select number from {READ_SCHEMA}.generation where state = 'live'");
    let live: Option<i64> =
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_optional(&mut *connection).await?;
    let Some(number) = live.and_then(|number| u32::try_from(number).ok()) else { return Ok(None) };
    let table = format!("{}.checkpoint", schema_of(number));
    if !is_there(connection, &table).await? {
        return Ok(None);
    }
    let sql = format!("select position, leaf from {table} where id = 1");
    let Some(row) = sqlx::query(AssertSqlSafe(sql)).fetch_optional(connection).await? else {
        return Ok(None);
    };
    let leaf: Option<&[u8]> = row.try_get("leaf")?;
    let leaf = leaf.and_then(|leaf| leaf.try_into().ok()).map(Leaf);
    let position: i64 = row.try_get("position")?;
    Ok(leaf.map(|leaf| (Position::from_sql(position), leaf)))
}

async fn is_there(connection: &mut PgConnection, table: &str) -> Result<bool, sqlx::Error> {
    let sql = "select to_regclass($1) is not null";
    sqlx::query_scalar(sql).bind(table).fetch_one(connection).await
}
