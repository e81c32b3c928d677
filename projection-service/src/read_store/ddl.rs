//! Derives the DDL of described tables. The only place where the databases' dialects differ.

use crate::table::{Column, ColumnType, Keeping, Table};

use super::OPEN;

/// A database's way to say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite, strict tables.
    Sqlite,
    /// PostgreSQL. Texts are ordered by their bytes, as in SQLite.
    Postgres,
}

impl Dialect {
    const fn type_of(self, column: ColumnType) -> &'static str {
        match (self, column) {
            (Self::Sqlite, ColumnType::Int) => "integer",
            (Self::Sqlite, ColumnType::Text) => "text",
            (Self::Sqlite, ColumnType::Id) => "blob",
            (Self::Postgres, ColumnType::Int) => "bigint",
            (Self::Postgres, ColumnType::Text) => "text collate \"C\"",
            (Self::Postgres, ColumnType::Id) => "uuid",
        }
    }

    /// Tables whose key is all their order live in the key's tree. History rows are wide and their
    /// keys random: they are appended, and a slim index finds them, so that a new state of a
    /// record does not rewrite a page of its neighbours. (Measured: a rebuild of 30,000 records
    /// with 200,000 changes is two to three times as quick so as in the key's tree.)
    ///
    /// PostgreSQL writes a changed row anew, on its page where there is room: then no index is
    /// touched. Tables of the present get that room. It would not help history tables: the end of a
    /// row is in their indexes.
    const fn table_options(self, keeping: Keeping) -> &'static str {
        match (self, keeping) {
            (Self::Postgres, Keeping::History | Keeping::AppendOnly) => "",
            (Self::Postgres, Keeping::Current) => " with (fillfactor = 80)",
            (Self::Sqlite, Keeping::History) => " strict",
            (Self::Sqlite, Keeping::AppendOnly | Keeping::Current) => " strict, without rowid",
        }
    }
}

/// The statements that make what folding needs: the checkpoint, the tables, their keys.
#[must_use]
pub fn tables(dialect: Dialect, tables: &[&'static Table]) -> Vec<String> {
    let (int, text) = (dialect.type_of(ColumnType::Int), dialect.type_of(ColumnType::Text));
    // The one row that every commit changes has a page to itself.
    let (bytes, options) = match dialect {
        Dialect::Sqlite => ("blob", ""),
        Dialect::Postgres => ("bytea", " with (fillfactor = 10)"),
    };
    // A file is one process's. Of several on a database the last that opened the rows writes.
    let writer = match dialect {
        Dialect::Sqlite => "",
        Dialect::Postgres => ", writer bigint not null default 0",
    };
    let checkpoint = format!(
        "create table if not exists checkpoint (id {int} primary key check (id = 1), \
         position {int} not null, leaf {bytes}, zone {text}{writer}){options}"
    );
    let start = "insert into checkpoint (id, position) values (1, 0) on conflict (id) do nothing";
    let mut statements = vec![checkpoint, start.to_owned()];
    for table in tables {
        statements.push(create_table(dialect, table));
        if table.keeping == Keeping::History {
            statements.push(format!(
                "create unique index if not exists \"{0}_open\" on \"{0}\" ({1}) \
                 where to_position = {OPEN}",
                table.name,
                names(table.key)
            ));
        }
    }
    statements
}

/// The statements that make the indexes which only questions need.
#[must_use]
pub fn indexes(tables: &[&'static Table]) -> Vec<String> {
    let index = |table: &Table, columns: &[&str]| {
        let ending = match table.keeping {
            Keeping::History => ", from_position, to_position",
            Keeping::AppendOnly | Keeping::Current => "",
        };
        let quoted: Vec<_> = columns.iter().map(|name| format!("\"{name}\"")).collect();
        format!(
            "create index if not exists \"{0}_{1}\" on \"{0}\" ({2}{ending})",
            table.name,
            columns.join("_"),
            quoted.join(", ")
        )
    };
    let of = |table: &&'static Table| {
        table.indexes.iter().map(|columns| index(table, columns)).collect::<Vec<_>>()
    };
    tables.iter().flat_map(of).collect()
}

/// Every column of a row, quoted, in described order; with the positions of a history table.
#[must_use]
pub(crate) fn all_columns(table: &Table) -> String {
    let mut list = names(table.key);
    if !table.columns.is_empty() {
        list = format!("{list}, {}", names(table.columns));
    }
    if table.keeping == Keeping::History { list + ", from_position, to_position" } else { list }
}

/// The names of columns, quoted.
#[must_use]
pub(crate) fn names(columns: &[Column]) -> String {
    let quoted: Vec<_> = columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
    quoted.join(", ")
}

fn create_table(dialect: Dialect, table: &Table) -> String {
    let mut lines: Vec<_> = table
        .key
        .iter()
        .chain(table.columns)
        .map(|column| {
            let filled = if column.nullable { "" } else { " not null" };
            format!("\"{}\" {}{filled}", column.name, dialect.type_of(column.of))
        })
        .collect();
    let mut key = names(table.key);
    if table.keeping == Keeping::History {
        let int = dialect.type_of(ColumnType::Int);
        lines.push(format!("from_position {int} not null"));
        lines.push(format!("to_position {int} not null"));
        key += ", from_position";
    }
    format!(
        "create table if not exists \"{}\" ({}, primary key ({key})){}",
        table.name,
        lines.join(", "),
        dialect.table_options(table.keeping)
    )
}

#[cfg(test)]
#[path = "ddl_tests.rs"]
mod tests;
