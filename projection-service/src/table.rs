//! How a read model's tables are described. Statements and DDL are derived from the description.

use std::sync::Arc;

use uuid::Uuid;

/// One value of a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// No value.
    Null,
    /// A number: an amount in minor units, a day number, microseconds, a position, 0 or 1.
    Int(i64),
    /// A text.
    Text(Arc<str>),
    /// An id, 16 bytes.
    Id(Uuid),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(value.into())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value.into())
    }
}

impl From<Uuid> for Value {
    fn from(value: Uuid) -> Self {
        Self::Id(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl Value {
    /// The number, if it is one.
    #[must_use]
    pub const fn int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            Self::Null | Self::Text(_) | Self::Id(_) => None,
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(value) => Some(value),
            Self::Null | Self::Int(_) | Self::Id(_) => None,
        }
    }

    /// The id, if it is one.
    #[must_use]
    pub const fn id(&self) -> Option<Uuid> {
        match self {
            Self::Id(value) => Some(*value),
            Self::Null | Self::Int(_) | Self::Text(_) => None,
        }
    }
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// `bigint`.
    Int,
    /// `text`.
    Text,
    /// `blob` of 16 bytes in SQLite, `uuid` in PostgreSQL.
    Id,
}

/// One column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub of: ColumnType,
    /// Whether it may hold nothing.
    pub nullable: bool,
}

/// A column that always holds a value.
#[must_use]
pub const fn column(name: &'static str, of: ColumnType) -> Column {
    Column { name, of, nullable: false }
}

/// A column that may hold nothing.
#[must_use]
pub const fn optional(name: &'static str, of: ColumnType) -> Column {
    Column { name, of, nullable: true }
}

/// How the rows of a table live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// Every state a row ever had, each with the half-open interval of positions
    /// `[from_position, to_position)` in which it held. `to_position` of an open row is `i64::MAX`.
    /// The two columns come by themselves, after the described ones.
    History,
    /// Rows are added and never change. The key must begin with the position of the event.
    AppendOnly,
    /// Only the present state. For what folds need and no question asks.
    Current,
}

/// One table of a read model.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The columns that name a row; with [`Keeping::History`] one open row each.
    pub key: &'static [Column],
    /// The other columns.
    pub columns: &'static [Column],
    /// How its rows live.
    pub keeping: Keeping,
    /// The further indexes, each a list of columns, for the questions that are asked.
    pub indexes: &'static [&'static [&'static str]],
}

/// The values of a row: the key's, then the other columns', in described order.
pub type Row = Arc<[Value]>;

/// The values of a key, in described order.
pub type Key = Arc<[Value]>;

impl Table {
    /// The place of a column in a row.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.key.iter().chain(self.columns).position(|column| column.name == name)
    }

    /// The key of a row.
    #[must_use]
    pub fn key_of(&self, row: &[Value]) -> Key {
        row.iter().take(self.key.len()).cloned().collect()
    }
}
