//! The statements of the SQLite read store, on one connection.

use std::sync::Arc;

use events::{Leaf, Position};
use rusqlite::{
    CachedStatement, Connection, Error, ErrorCode, Row as SqlRow, ToSql, TransactionBehavior,
    types::{ToSqlOutput, ValueRef},
};
use uuid::Uuid;

use super::{Checkpoint, Commit, OPEN, ReadStoreError, TableChanges, Wanted, ddl};
use crate::table::{Column, Keeping, Row, Table, Value};

/// How far the read models in this file have come.
pub(super) fn checkpoint(connection: &Connection) -> Result<Checkpoint, ReadStoreError> {
    let read = |row: &SqlRow<'_>| {
        let leaf: Option<[u8; 32]> = row.get(1)?;
        Ok(Checkpoint {
            position: Position::from_sql(row.get(0)?),
            leaf: leaf.map(Leaf),
            zone: row.get(2)?,
        })
    };
    connection
        .prepare_cached("select position, leaf, zone from checkpoint where id = 1")
        .and_then(|mut select| select.query_row([], read))
        .map_err(failed)
}

/// Applies a batch in one transaction.
pub(super) fn apply(connection: &mut Connection, commit: &Commit) -> Result<(), ReadStoreError> {
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    move_checkpoint(&transaction, commit)?;
    for changes in &commit.tables {
        write(&transaction, changes)?;
    }
    transaction.commit().map_err(failed)
}

/// Whoever finds the checkpoint elsewhere than it left it is not alone, and must not write.
fn move_checkpoint(connection: &Connection, commit: &Commit) -> Result<(), ReadStoreError> {
    let Checkpoint { position, leaf, zone } = &commit.reached;
    let sql = "update checkpoint set position = $1, leaf = $2, zone = $3 \
               where id = 1 and position = $4";
    let leaf = leaf.as_ref().map(|leaf| leaf.0.as_slice());
    let moved = connection
        .prepare_cached(sql)
        .and_then(|mut update| update.execute((position.sql(), leaf, zone, commit.expected.sql())))
        .map_err(failed)?;
    if moved == 1 {
        return Ok(());
    }
    Err(ReadStoreError::Fenced { actual: checkpoint(connection)?.position })
}

fn write(connection: &Connection, changes: &TableChanges) -> Result<(), ReadStoreError> {
    match changes {
        TableChanges::History { table, closed, begun } => {
            let mut close = Statement::prepare(connection, table, &close_sql(table))?;
            for (key, at) in closed {
                close.run(key, &[at.sql()])?;
            }
            let mut insert = Statement::prepare(connection, table, &insert_sql(table, "insert"))?;
            for interval in begun {
                let to = interval.to.map_or(OPEN, Position::sql);
                insert.run(&interval.row, &[interval.from.sql(), to])?;
            }
        }
        TableChanges::AppendOnly { table, rows } => {
            let mut insert = Statement::prepare(connection, table, &insert_sql(table, "insert"))?;
            for row in rows {
                insert.run(row, &[])?;
            }
        }
        TableChanges::Current { table, put, removed } => {
            let mut delete = Statement::prepare(connection, table, &delete_sql(table))?;
            for key in removed {
                delete.run(key, &[])?;
            }
            let mut replace = Statement::prepare(connection, table, &insert_sql(table, "replace"))?;
            for row in put {
                replace.run(row, &[])?;
            }
        }
    }
    Ok(())
}

/// Loads rows key by key: a prepared look-up takes a few microseconds and no round trip.
pub(super) fn load(
    connection: &Connection,
    wanted: &[Wanted],
) -> Result<Vec<Vec<Option<Row>>>, ReadStoreError> {
    wanted.iter().map(|wanted| load_table(connection, wanted)).collect()
}

fn load_table(
    connection: &Connection,
    Wanted { table, keys }: &Wanted,
) -> Result<Vec<Option<Row>>, ReadStoreError> {
    let mut select = Statement::prepare(connection, table, &load_sql(table))?;
    let columns = table.key.len() + table.columns.len();
    keys.iter()
        .map(|key| {
            select.bind(key, &[])?;
            let mut rows = select.statement.raw_query();
            match rows.next().map_err(failed)? {
                Some(row) => Ok(Some(read_row(row, columns)?.into())),
                None => Ok(None),
            }
        })
        .collect()
}

/// See [`super::Snapshot::page`].
pub(super) fn page(
    connection: &Connection,
    table: &'static Table,
    cut: Position,
    after: Option<&[Value]>,
    limit: usize,
) -> Result<Vec<Vec<Value>>, ReadStoreError> {
    let mut select = Statement::prepare(connection, table, &page_sql(table, after.is_some()))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    select.bind(after.unwrap_or_default(), &[cut.sql(), limit])?;
    let positions = if table.keeping == Keeping::History { 2 } else { 0 };
    let columns = table.key.len() + table.columns.len() + positions;
    let mut rows = select.statement.raw_query();
    let mut page = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let mut row = read_row(row, columns)?;
        if positions > 0
            && let Some(Value::Int(to)) = row.last_mut()
            && *to > cut.sql()
        {
            *to = OPEN;
        }
        page.push(row);
    }
    Ok(page)
}

/// See [`super::Snapshot::check`]. What is said names rows by number, never a value.
pub(super) fn check(
    connection: &Connection,
    table: &Table,
) -> Result<Option<Arc<str>>, ReadStoreError> {
    let sql = format!("pragma integrity_check(\"{}\")", table.name);
    let said: String = connection.query_row(&sql, [], |row| row.get(0)).map_err(failed)?;
    Ok((said != "ok").then(|| said.into()))
}

fn read_row(row: &SqlRow<'_>, columns: usize) -> Result<Vec<Value>, ReadStoreError> {
    (0..columns).map(|column| read_value(row.get_ref(column).map_err(failed)?)).collect()
}

fn read_value(value: ValueRef<'_>) -> Result<Value, ReadStoreError> {
    match value {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(number) => Ok(Value::Int(number)),
        ValueRef::Text(text) => {
            std::str::from_utf8(text).map(Value::from).map_err(|_| damaged("a text is not UTF-8"))
        }
        ValueRef::Blob(bytes) => {
            Uuid::from_slice(bytes).map(Value::Id).map_err(|_| damaged("an id has not 16 bytes"))
        }
        ValueRef::Real(_) => Err(damaged("a value is a float")),
    }
}

/// A prepared statement about one table.
struct Statement<'c> {
    statement: CachedStatement<'c>,
    table: &'static str,
}

impl<'c> Statement<'c> {
    fn prepare(
        connection: &'c Connection,
        table: &Table,
        sql: &str,
    ) -> Result<Self, ReadStoreError> {
        let statement = connection.prepare_cached(sql).map_err(failed)?;
        Ok(Self { statement, table: table.name })
    }

    fn bind(&mut self, values: &[Value], numbers: &[i64]) -> Result<(), ReadStoreError> {
        let expected = self.statement.parameter_count();
        if values.len() + numbers.len() != expected {
            return Err(self.conflict(&format!("it has not the {expected} values of its table")));
        }
        for (index, value) in values.iter().enumerate() {
            self.statement.raw_bind_parameter(index + 1, Bound(value)).map_err(failed)?;
        }
        for (index, number) in numbers.iter().enumerate() {
            let index = values.len() + index + 1;
            self.statement.raw_bind_parameter(index, number).map_err(failed)?;
        }
        Ok(())
    }

    fn run(&mut self, values: &[Value], numbers: &[i64]) -> Result<(), ReadStoreError> {
        self.bind(values, numbers)?;
        match self.statement.raw_execute() {
            Ok(_) => Ok(()),
            Err(Error::SqliteFailure(error, message))
                if error.code == ErrorCode::ConstraintViolation =>
            {
                Err(self.conflict(message.as_deref().unwrap_or("a constraint")))
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn conflict(&self, what: &str) -> ReadStoreError {
        ReadStoreError::Conflict { table: self.table, what: what.into() }
    }
}

struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Value::Null => ValueRef::Null,
            Value::Int(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Id(id) => ValueRef::Blob(id.as_bytes()),
        }))
    }
}

fn close_sql(table: &Table) -> String {
    let to = table.key.len() + 1;
    format!(
        "update \"{}\" set to_position = ?{to} where {} and to_position = {OPEN}",
        table.name,
        key_matches(table.key)
    )
}

fn insert_sql(table: &Table, verb: &str) -> String {
    let positions = if table.keeping == Keeping::History { 2 } else { 0 };
    let count = table.key.len() + table.columns.len() + positions;
    format!(
        "{verb} into \"{}\" ({}) values ({})",
        table.name,
        ddl::all_columns(table),
        placeholders(count)
    )
}

fn delete_sql(table: &Table) -> String {
    format!("delete from \"{}\" where {}", table.name, key_matches(table.key))
}

fn load_sql(table: &Table) -> String {
    let open = match table.keeping {
        Keeping::History => format!(" and to_position = {OPEN}"),
        Keeping::AppendOnly | Keeping::Current => String::new(),
    };
    format!(
        "select {} from \"{}\" where {}{open}",
        ddl::all_columns(table),
        table.name,
        key_matches(table.key)
    )
}

/// The row that a page begins after is bound first, then the cut, then the limit.
fn page_sql(table: &Table, has_after: bool) -> String {
    let (mut key, mut count) = (ddl::names(table.key), table.key.len());
    let position = match table.keeping {
        Keeping::History => {
            key += ", from_position";
            count += 1;
            "from_position"
        }
        Keeping::AppendOnly => table.key.first().map_or("0", |column| column.name),
        Keeping::Current => "0",
    };
    let after =
        if has_after { format!(" and ({key}) > ({})", placeholders(count)) } else { String::new() };
    let cut = if has_after { count + 1 } else { 1 };
    format!(
        "select {} from \"{}\" where {position} <= ?{cut}{after} order by {key} limit ?{}",
        ddl::all_columns(table),
        table.name,
        cut + 1
    )
}

fn key_matches(key: &[Column]) -> String {
    let equal: Vec<_> = key
        .iter()
        .enumerate()
        .map(|(index, column)| format!("\"{}\" = ?{}", column.name, index + 1))
        .collect();
    equal.join(" and ")
}

fn placeholders(count: usize) -> String {
    let list: Vec<_> = (1..=count).map(|index| format!("?{index}")).collect();
    list.join(", ")
}

fn damaged(what: &str) -> ReadStoreError {
    ReadStoreError::Damaged(what.into())
}

/// What an error of SQLite means for the read side. Its messages hold no values.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(crate) fn failed(error: Error) -> ReadStoreError {
    let text: Arc<str> = error.to_string().into();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => ReadStoreError::Full,
        // Our own statements fit our own tables: where they do not, the schema is another. Nobody but
        // its header makes a private file read only.
        Some(
            ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase
            | ErrorCode::Unknown
            | ErrorCode::ReadOnly,
        ) => ReadStoreError::Damaged(text),
        // A row is missing that is always there, or holds something else than it can.
        _ if is_misfit(&error) => ReadStoreError::Damaged(text),
        _ => ReadStoreError::Unavailable(text),
    }
}

const fn is_misfit(error: &Error) -> bool {
    matches!(
        error,
        Error::QueryReturnedNoRows
            | Error::InvalidColumnType(..)
            | Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::Utf8Error(..)
    )
}
