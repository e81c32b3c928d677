//! All read models together: their projectors, their tables, and what makes a generation theirs.

use std::{collections::HashSet, sync::Arc};

use crate::{
    access, customers,
    projector::Projector,
    read_store::ddl::{self, Dialect},
    sales,
    table::{Keeping, Table},
    unreadable,
};

/// The read models that are kept.
pub struct ReadModels {
    projectors: Vec<Box<dyn Projector>>,
    tables: Vec<&'static Table>,
    shape: Arc<str>,
}

/// Tables that cannot be kept together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("table `{table}` {what}")]
pub struct BadTable {
    /// The table.
    pub table: &'static str,
    /// What is wrong with it.
    pub what: &'static str,
}

impl ReadModels {
    /// Puts projectors together. `version` goes up whenever a projector writes other rows into
    /// tables of the same description: the rows are made again then.
    ///
    /// # Errors
    /// When two tables have one name, or a description makes no sense.
    pub fn new(version: u32, projectors: Vec<Box<dyn Projector>>) -> Result<Self, BadTable> {
        let tables: Vec<_> =
            projectors.iter().flat_map(|projector| projector.tables()).copied().collect();
        let mut names = HashSet::new();
        for table in &tables {
            if !names.insert(table.name) {
                return Err(BadTable { table: table.name, what: "is described twice" });
            }
            check(table)?;
        }
        let mut shape = format!("version {version}");
        for statement in
            ddl::tables(Dialect::Sqlite, &tables).into_iter().chain(ddl::indexes(&tables))
        {
            shape.push('\n');
            shape.push_str(&statement);
        }
        Ok(Self { projectors, tables, shape: shape.into() })
    }

    /// The projectors.
    #[must_use]
    pub fn projectors(&self) -> &[Box<dyn Projector>] {
        &self.projectors
    }

    /// The tables of all of them.
    #[must_use]
    pub fn tables(&self) -> &[&'static Table] {
        &self.tables
    }

    /// What rows look like: a generation of another shape has to be made again.
    #[must_use]
    pub const fn shape(&self) -> &Arc<str> {
        &self.shape
    }
}

fn check(table: &Table) -> Result<(), BadTable> {
    let bad = |what| Err(BadTable { table: table.name, what });
    let is_word = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let mut columns = HashSet::new();
    if !is_word(table.name) || table.name == "checkpoint" {
        return bad("has a name that is taken, or other letters than a-z, 0-9 and _");
    }
    for column in table.key.iter().chain(table.columns) {
        if !is_word(column.name) || !columns.insert(column.name) {
            return bad("has a column twice, or with other letters than a-z, 0-9 and _");
        }
    }
    if table.key.is_empty() || table.key.iter().any(|column| column.nullable) {
        return bad("has no key, or one that may hold nothing");
    }
    if table.keeping == Keeping::AppendOnly
        && table.key.first().is_some_and(|column| column.of != crate::table::ColumnType::Int)
    {
        return bad("is append-only and its key does not begin with a position");
    }
    if table.indexes.iter().any(|index| index.iter().any(|name| !columns.contains(name))) {
        return bad("has an index on a column it has not");
    }
    Ok(())
}

/// Goes up whenever a projector writes other rows into tables of the same description.
const VERSION: u32 = 1;

/// Every read model there is: the one list. All of them see every event, in this order.
///
/// # Errors
/// When two tables have one name, or a description makes no sense.
pub fn all() -> Result<ReadModels, BadTable> {
    ReadModels::new(
        VERSION,
        vec![
            Box::new(access::Organization),
            Box::new(access::Users),
            Box::new(access::Tokens),
            Box::new(customers::Accounts),
            Box::new(customers::Contacts),
            Box::new(customers::ConnectionRoles),
            Box::new(customers::Connections),
            Box::new(customers::Notes),
            Box::new(customers::Timelines),
            Box::new(sales::Opportunities),
            Box::new(sales::Quotes),
            Box::new(sales::Orders),
            Box::new(sales::Chains),
            Box::new(sales::Revenue),
            Box::new(unreadable::UnreadableKeys),
        ],
    )
}

#[cfg(test)]
#[path = "models_tests.rs"]
mod tests;
