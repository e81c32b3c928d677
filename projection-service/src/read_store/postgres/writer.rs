//! What the PostgreSQL read store does on one connection.

use std::sync::Arc;

use events::{Leaf, Position};
use sqlx::{AssertSqlSafe, PgConnection, Row as _, postgres::PgArguments};

use super::{
    super::{Checkpoint, Commit, Interval, OPEN, ReadStoreError, TableChanges, Wanted},
    columns::{add_columns, add_numbers, add_value, read_row, types},
    errors::{not_taken, refuse},
    statements::{Statements, TableStatements, page as page_sql},
};
use crate::table::{Column, ColumnType, Keeping, Key, Row, Table, Value};

/// How far the read models in this schema have come.
pub(super) async fn checkpoint(connection: &mut PgConnection) -> Result<Checkpoint, sqlx::Error> {
    let sql = "select position, leaf, zone from checkpoint where id = 1";
    let row = sqlx::query(sql).fetch_one(connection).await?;
    let leaf: Option<&[u8]> = row.try_get("leaf")?;
    let leaf = leaf.map(<[u8; 32]>::try_from).transpose();
    let leaf = leaf.map_err(|_| damaged("a leaf has not 32 bytes"))?;
    Ok(Checkpoint {
        position: Position::from_sql(row.try_get("position")?),
        leaf: leaf.map(Leaf),
        zone: row.try_get("zone")?,
    })
}

/// Applies a batch, in the transaction of the caller.
pub(super) async fn apply(
    connection: &mut PgConnection,
    statements: &Statements,
    writer: i64,
    commit: &Commit,
) -> Result<(), sqlx::Error> {
    move_checkpoint(connection, writer, commit).await?;
    write_all(connection, statements, commit).await
}

/// Writes the rows of a batch.
pub(super) async fn write_all(
    connection: &mut PgConnection,
    statements: &Statements,
    commit: &Commit,
) -> Result<(), sqlx::Error> {
    for changes in &commit.tables {
        write(connection, statements, changes).await?;
    }
    Ok(())
}

/// Whoever finds the checkpoint elsewhere than it left it is not alone, and must not write.
pub(super) async fn move_checkpoint(
    connection: &mut PgConnection,
    writer: i64,
    commit: &Commit,
) -> Result<(), sqlx::Error> {
    let Checkpoint { position, leaf, zone } = &commit.reached;
    let sql = "update checkpoint set position = $1, leaf = $2, zone = $3 \
               where id = 1 and position = $4 and writer = $5";
    let moved = sqlx::query(sql)
        .bind(position.sql())
        .bind(leaf.as_ref().map(|leaf| leaf.0.as_slice()))
        .bind(zone.as_deref())
        .bind(commit.expected.sql())
        .bind(writer)
        .execute(&mut *connection)
        .await?;
    if moved.rows_affected() == 1 {
        return Ok(());
    }
    let sql = "select position, writer = $1 from checkpoint where id = 1";
    let row = sqlx::query(sql).bind(writer).fetch_one(connection).await?;
    let (position, is_ours): (i64, bool) = (row.try_get(0)?, row.try_get(1)?);
    Err(refuse(if is_ours {
        ReadStoreError::Fenced { actual: Position::from_sql(position) }
    } else {
        ReadStoreError::Superseded
    }))
}

async fn write(
    connection: &mut PgConnection,
    statements: &Statements,
    changes: &TableChanges,
) -> Result<(), sqlx::Error> {
    match changes {
        TableChanges::History { table, closed, begun } => {
            let about = about(statements, table)?;
            close(connection, table, about, closed).await?;
            begin(connection, table, about, begun).await
        }
        TableChanges::AppendOnly { table, rows } => {
            let about = about(statements, table)?;
            add(connection, table, &about.insert, rows).await
        }
        TableChanges::Current { table, put, removed } => {
            let about = about(statements, table)?;
            remove(connection, table, about, removed).await?;
            add(connection, table, &about.put, put).await
        }
    }
}

async fn close(
    connection: &mut PgConnection,
    table: &'static Table,
    about: &TableStatements,
    closed: &[(Key, Position)],
) -> Result<(), sqlx::Error> {
    if closed.is_empty() {
        return Ok(());
    }
    let mut arguments = PgArguments::default();
    let keys: Vec<_> = closed.iter().map(|(key, _)| &**key).collect();
    add_columns(&mut arguments, table, table.key.iter(), &keys)?;
    add_numbers(&mut arguments, closed.iter().map(|(_, at)| at.sql()).collect())?;
    execute(connection, table, &about.close, arguments).await
}

async fn begin(
    connection: &mut PgConnection,
    table: &'static Table,
    about: &TableStatements,
    begun: &[Interval],
) -> Result<(), sqlx::Error> {
    if begun.is_empty() {
        return Ok(());
    }
    let mut arguments = PgArguments::default();
    let rows: Vec<_> = begun.iter().map(|interval| &*interval.row).collect();
    add_columns(&mut arguments, table, described(table).iter().copied(), &rows)?;
    add_numbers(&mut arguments, begun.iter().map(|interval| interval.from.sql()).collect())?;
    let ends = begun.iter().map(|interval| interval.to.map_or(OPEN, Position::sql));
    add_numbers(&mut arguments, ends.collect())?;
    execute(connection, table, &about.insert, arguments).await
}

async fn add(
    connection: &mut PgConnection,
    table: &'static Table,
    sql: &Arc<str>,
    rows: &[Row],
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut arguments = PgArguments::default();
    let rows: Vec<_> = rows.iter().map(|row| &**row).collect();
    add_columns(&mut arguments, table, described(table).iter().copied(), &rows)?;
    execute(connection, table, sql, arguments).await
}

async fn remove(
    connection: &mut PgConnection,
    table: &'static Table,
    about: &TableStatements,
    removed: &[Key],
) -> Result<(), sqlx::Error> {
    if removed.is_empty() {
        return Ok(());
    }
    let mut arguments = PgArguments::default();
    let keys: Vec<_> = removed.iter().map(|key| &**key).collect();
    add_columns(&mut arguments, table, table.key.iter(), &keys)?;
    execute(connection, table, &about.remove, arguments).await
}

async fn execute(
    connection: &mut PgConnection,
    table: &'static Table,
    sql: &Arc<str>,
    arguments: PgArguments,
) -> Result<(), sqlx::Error> {
    let statement = sqlx::query_with(AssertSqlSafe(Arc::clone(sql)), arguments);
    let done = statement.execute(connection).await;
    done.map(drop).map_err(|error| not_taken(table.name, error))
}

/// Loads rows, all of a table in one go.
pub(super) async fn load(
    connection: &mut PgConnection,
    statements: &Statements,
    wanted: &[Wanted],
) -> Result<Vec<Vec<Option<Row>>>, sqlx::Error> {
    let mut all = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        all.push(load_table(connection, statements, wanted).await?);
    }
    Ok(all)
}

async fn load_table(
    connection: &mut PgConnection,
    statements: &Statements,
    Wanted { table, keys }: &Wanted,
) -> Result<Vec<Option<Row>>, sqlx::Error> {
    let sql = &about(statements, table)?.load;
    let mut arguments = PgArguments::default();
    let columns: Vec<_> = keys.iter().map(|key| &**key).collect();
    add_columns(&mut arguments, table, table.key.iter(), &columns)?;
    let statement = sqlx::query_with(AssertSqlSafe(Arc::clone(sql)), arguments);
    let mut rows = vec![None; keys.len()];
    for row in statement.fetch_all(connection).await? {
        let place: i64 = row.try_get(0)?;
        let place = usize::try_from(place - 1).ok().and_then(|place| rows.get_mut(place));
        *place.ok_or_else(|| damaged("a row that was not asked for"))? =
            Some(read_row(&row, 1, types(table))?.into());
    }
    Ok(rows)
}

/// See [`super::Snapshot::page`].
pub(super) async fn page(
    connection: &mut PgConnection,
    table: &'static Table,
    cut: Position,
    after: Option<&[Value]>,
    limit: usize,
) -> Result<Vec<Vec<Value>>, sqlx::Error> {
    let mut arguments = PgArguments::default();
    for value in after.unwrap_or_default() {
        add_value(&mut arguments, value)?;
    }
    for number in [cut.sql(), i64::try_from(limit).unwrap_or(i64::MAX)] {
        add_value(&mut arguments, &Value::Int(number))?;
    }
    let sql = AssertSqlSafe(page_sql(table, after.is_some()));
    let is_history = table.keeping == Keeping::History;
    let positions = if is_history { 2 } else { 0 };
    let mut page = Vec::new();
    for row in sqlx::query_with(sql, arguments).fetch_all(connection).await? {
        let columns = types(table).chain(std::iter::repeat_n(ColumnType::Int, positions));
        let mut row = read_row(&row, 0, columns)?;
        if is_history
            && let Some(Value::Int(to)) = row.last_mut()
            && *to > cut.sql()
        {
            *to = OPEN;
        }
        page.push(row);
    }
    Ok(page)
}

fn described(table: &'static Table) -> Vec<&'static Column> {
    table.key.iter().chain(table.columns).collect()
}

fn about<'s>(
    statements: &'s Statements,
    table: &Table,
) -> Result<&'s TableStatements, sqlx::Error> {
    statements.about(table).ok_or_else(|| damaged("a table that this store does not keep"))
}

fn damaged(what: &str) -> sqlx::Error {
    refuse(ReadStoreError::Damaged(what.into()))
}
