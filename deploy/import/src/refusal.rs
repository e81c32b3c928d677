//! Why a row was refused: by the mapping, by the list itself, or by the service.

use std::{borrow::Cow, fmt};

use super::invisible::named;

/// Why one row was refused. The codes are stable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowRefusal {
    /// The stable code: `import.bad_date`, or the service's own.
    pub code: Cow<'static, str>,
    /// The column the trouble is in, where it is in one.
    pub column: Option<String>,
    /// What is wrong, for people.
    pub detail: String,
}

impl RowRefusal {
    pub(super) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code: Cow::Borrowed(code), column: None, detail: detail.into() }
    }

    /// The same with every invisible character named: what is wrong may be one of them.
    pub(super) fn readable(&self) -> Self {
        Self {
            code: self.code.clone(),
            column: self.column.as_deref().map(|column| named(column).into_owned()),
            detail: named(&self.detail).into_owned(),
        }
    }

    /// In that column, unless it is known already.
    pub(super) fn in_column(mut self, column: Option<&str>) -> Self {
        if self.column.is_none() {
            self.column = column.map(str::to_owned);
        }
        self
    }
}

impl fmt::Display for RowRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(column) = &self.column {
            write!(f, "{column}: ")?;
        }
        write!(f, "{}: {}", self.code, self.detail)
    }
}
