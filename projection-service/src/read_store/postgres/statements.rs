//! The statements about a described table: whole columns go in, as arrays.

use std::{collections::HashMap, sync::Arc};

use super::super::{OPEN, ddl};
use crate::table::{Column, ColumnType, Keeping, Table};

/// The statements about one table.
pub(super) struct TableStatements {
    /// Closes open rows: the keys, then where each row ends.
    pub(super) close: Arc<str>,
    /// Adds rows: every column, of a history table with the two positions.
    pub(super) insert: Arc<str>,
    /// Adds rows, or puts them in the place of those with the same key.
    pub(super) put: Arc<str>,
    /// Deletes rows by their keys.
    pub(super) remove: Arc<str>,
    /// Rows by their keys: the place of the key in the list, then every described column.
    pub(super) load: Arc<str>,
}

/// The statements about every table.
pub(super) struct Statements(HashMap<&'static str, TableStatements>);

impl Statements {
    pub(super) fn of(tables: &[&'static Table]) -> Self {
        Self(tables.iter().map(|table| (table.name, TableStatements::of(table))).collect())
    }

    /// Those about a table that this store was opened with.
    pub(super) fn about(&self, table: &Table) -> Option<&TableStatements> {
        self.0.get(table.name)
    }
}

impl TableStatements {
    fn of(table: &Table) -> Self {
        Self {
            close: close(table).into(),
            insert: insert(table).into(),
            put: put(table).into(),
            remove: remove(table).into(),
            load: load(table).into(),
        }
    }
}

const fn array_of(column: ColumnType) -> &'static str {
    match column {
        ColumnType::Int => "bigint[]",
        ColumnType::Text => "text[]",
        ColumnType::Id => "uuid[]",
    }
}

/// `$1::text[], $2::bigint[]`.
fn arrays(columns: impl Iterator<Item = ColumnType>) -> String {
    let list: Vec<_> =
        (1..).zip(columns).map(|(number, of)| format!("${number}::{}", array_of(of))).collect();
    list.join(", ")
}

fn key_arrays(table: &Table) -> String {
    arrays(table.key.iter().map(|column| column.of))
}

/// `k1, k2`: what the columns of a key are called in a list of keys.
fn key_names(key: &[Column]) -> String {
    let list: Vec<_> = (1..=key.len()).map(|number| format!("k{number}")).collect();
    list.join(", ")
}

fn key_matches(key: &[Column]) -> String {
    let equal: Vec<_> = (1..)
        .zip(key)
        .map(|(number, column)| format!("t.\"{}\" = l.k{number}", column.name))
        .collect();
    equal.join(" and ")
}

fn open(table: &Table) -> String {
    match table.keeping {
        Keeping::History => format!(" and t.to_position = {OPEN}"),
        Keeping::AppendOnly | Keeping::Current => String::new(),
    }
}

/// The rows are found first, then changed by where they lie. Were the keys compared with the table
/// that is changed, a plan from when it was empty would go through all of its open rows for each key,
/// and such a plan is kept.
fn close(table: &Table) -> String {
    let arrays = arrays(table.key.iter().map(|column| column.of).chain([ColumnType::Int]));
    format!(
        "update \"{0}\" t set to_position = l.at from \
         (select l.at, found.place from unnest({arrays}) as l({1}, at) cross join lateral \
         (select t.ctid as place from \"{0}\" t where {2}{3} offset 0) as found offset 0) as l \
         where t.ctid = l.place",
        table.name,
        key_names(table.key),
        key_matches(table.key),
        open(table)
    )
}

fn insert(table: &Table) -> String {
    let positions = if table.keeping == Keeping::History { 2 } else { 0 };
    let columns = table.key.iter().chain(table.columns).map(|column| column.of);
    format!(
        "insert into \"{}\" ({}) select * from unnest({})",
        table.name,
        ddl::all_columns(table),
        arrays(columns.chain(std::iter::repeat_n(ColumnType::Int, positions)))
    )
}

fn put(table: &Table) -> String {
    let set: Vec<_> = table
        .columns
        .iter()
        .map(|column| format!("\"{0}\" = excluded.\"{0}\"", column.name))
        .collect();
    let does = if set.is_empty() {
        "nothing".to_owned()
    } else {
        format!("update set {}", set.join(", "))
    };
    format!("{} on conflict ({}) do {does}", insert(table), ddl::names(table.key))
}

fn remove(table: &Table) -> String {
    format!(
        "delete from \"{}\" t using unnest({}) as l({}) where {}",
        table.name,
        key_arrays(table),
        key_names(table.key),
        key_matches(table.key)
    )
}

/// `offset 0`: key by key, for the same reason.
fn load(table: &Table) -> String {
    let columns: Vec<_> = table
        .key
        .iter()
        .chain(table.columns)
        .map(|column| format!("t.\"{}\"", column.name))
        .collect();
    format!(
        "select l.place, t.* from unnest({}) with ordinality as l({}, place) cross join lateral \
         (select {} from \"{}\" t where {}{} offset 0) as t",
        key_arrays(table),
        key_names(table.key),
        columns.join(", "),
        table.name,
        key_matches(table.key),
        open(table)
    )
}

/// The row that a page begins after is bound first, then the cut, then the limit.
pub(super) fn page(table: &Table, has_after: bool) -> String {
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
    let marks: Vec<_> = (1..=count).map(|number| format!("${number}")).collect();
    let after =
        if has_after { format!(" and ({key}) > ({})", marks.join(", ")) } else { String::new() };
    let cut = if has_after { count + 1 } else { 1 };
    format!(
        "select {} from \"{}\" where {position} <= ${cut}{after} order by {key} limit ${}",
        ddl::all_columns(table),
        table.name,
        cut + 1
    )
}
