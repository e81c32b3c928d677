//! The schema of a file: made once, and compared at each later open.
//!
//! SQLite takes a table whose entry was lost for one that was never there. Made again, it would be empty,
//! and the checkpoint would still say that its rows had been written.

use std::collections::BTreeSet;

use rusqlite::{Connection, TransactionBehavior};

use super::{ReadStoreError, failed};
use crate::{
    read_store::ddl::{self, Dialect},
    table::Table,
};

/// A table or an index: its name, and the statement that makes it where it has one.
type Entry = (String, Option<String>);

/// Makes the tables in a new file.
///
/// # Errors
/// [`ReadStoreError::Damaged`] when a file that is not new holds other tables than these.
pub(super) fn make_or_check(
    connection: &mut Connection,
    tables: &[&'static Table],
) -> Result<(), ReadStoreError> {
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let found = entries(&transaction).map_err(failed)?;
    if found.is_empty() {
        for statement in ddl::tables(Dialect::Sqlite, tables) {
            transaction.execute_batch(&statement).map_err(failed)?;
        }
    } else if !fits(&found, tables).map_err(failed)? {
        return Err(ReadStoreError::Damaged("its tables are not those of the read models".into()));
    }
    transaction.commit().map_err(failed)
}

fn entries(connection: &Connection) -> rusqlite::Result<BTreeSet<Entry>> {
    let mut select = connection.prepare("select name, sql from sqlite_schema")?;
    let entries = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    entries.collect()
}

/// Whether all tables are there as they are made today, and beside them nothing but their indexes, of
/// which those that only questions need may be missing.
fn fits(found: &BTreeSet<Entry>, tables: &[&'static Table]) -> rusqlite::Result<bool> {
    let model = Connection::open_in_memory()?;
    model.execute_batch(&ddl::tables(Dialect::Sqlite, tables).join(";"))?;
    let least = entries(&model)?;
    model.execute_batch(&ddl::indexes(tables).join(";"))?;
    let most = entries(&model)?;
    Ok(found.is_superset(&least) && found.is_subset(&most))
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
