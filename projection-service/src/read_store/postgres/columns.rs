//! Rows as PostgreSQL takes and gives them: many in, column by column; each out by itself.

use sqlx::{
    Arguments, Row as _,
    postgres::{PgArguments, PgRow},
};
use uuid::Uuid;

use super::{super::ReadStoreError, errors::refuse};
use crate::table::{Column, ColumnType, Table, Value};

/// Adds the columns of rows that all begin with these, each as an array.
///
/// # Errors
/// [`ReadStoreError::Conflict`] when a row is not of that length, or a value of another type.
pub(super) fn add_columns<'c>(
    arguments: &mut PgArguments,
    table: &Table,
    columns: impl ExactSizeIterator<Item = &'c Column>,
    rows: &[&[Value]],
) -> Result<(), sqlx::Error> {
    let expected = columns.len();
    if rows.iter().any(|row| row.len() != expected) {
        let what = format!("it has not the {expected} values of its table").into();
        return Err(refuse(ReadStoreError::Conflict { table: table.name, what }));
    }
    for (index, column) in columns.enumerate() {
        let values = rows.iter().filter_map(|row| row.get(index));
        let added = match column.of {
            ColumnType::Int => arguments.add(array(table, column, values, Value::int)?),
            ColumnType::Text => arguments.add(array(table, column, values, Value::text)?),
            ColumnType::Id => arguments.add(array(table, column, values, Value::id)?),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    Ok(())
}

fn array<'v, T>(
    table: &Table,
    column: &Column,
    values: impl Iterator<Item = &'v Value>,
    of: impl Fn(&'v Value) -> Option<T>,
) -> Result<Vec<Option<T>>, sqlx::Error> {
    values
        .map(|value| match (value, of(value)) {
            (Value::Null, _) => Ok(None),
            (_, Some(value)) => Ok(Some(value)),
            (_, None) => {
                let what = format!("`{}` holds something else", column.name).into();
                Err(refuse(ReadStoreError::Conflict { table: table.name, what }))
            }
        })
        .collect()
}

/// Adds numbers as an array.
pub(super) fn add_numbers(
    arguments: &mut PgArguments,
    numbers: Vec<i64>,
) -> Result<(), sqlx::Error> {
    arguments.add(numbers).map_err(sqlx::Error::Encode)
}

/// Adds one value of a key.
pub(super) fn add_value(arguments: &mut PgArguments, value: &Value) -> Result<(), sqlx::Error> {
    let added = match value {
        Value::Null => arguments.add(None::<i64>),
        Value::Int(number) => arguments.add(number),
        Value::Text(text) => arguments.add(&**text),
        Value::Id(id) => arguments.add(id),
    };
    added.map_err(sqlx::Error::Encode)
}

/// Reads the columns of a row from the place `from` on.
pub(super) fn read_row(
    row: &PgRow,
    from: usize,
    columns: impl Iterator<Item = ColumnType>,
) -> Result<Vec<Value>, sqlx::Error> {
    (from..)
        .zip(columns)
        .map(|(index, of)| {
            Ok(match of {
                ColumnType::Int => row.try_get::<Option<i64>, _>(index)?.into(),
                ColumnType::Text => row.try_get::<Option<&str>, _>(index)?.into(),
                ColumnType::Id => row.try_get::<Option<Uuid>, _>(index)?.into(),
            })
        })
        .collect()
}

/// What the described columns of a table hold, in order.
pub(super) fn types(table: &Table) -> impl Iterator<Item = ColumnType> {
    table.key.iter().chain(table.columns).map(|column| column.of)
}
