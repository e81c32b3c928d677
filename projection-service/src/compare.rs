//! Compares two generations table by table, row by row, cut at one position.

use std::{fmt, future::ready, sync::Arc, vec};

use events::{Position, evidence::sha256};
use events_log::store::Answer;

use crate::{
    read_store::{ReadStoreError, Snapshot},
    table::{Column, Keeping, Table, Value},
};

/// How many rows are read at once.
const PAGE: usize = 2_048;

/// What a table holds at a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// How many rows.
    pub rows: u64,
    /// SHA-256, chained over the rows in the order of their keys.
    pub digest: [u8; 32],
}

/// How two generations of a table compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Byte for byte.
    Equal,
    /// They differ.
    Different(Difference),
    /// They could not be cut at one position: the table knows the present only.
    NotCompared,
    /// The rows that were live cannot be read, or an index of them leads elsewhere: what is wrong.
    Damaged(Arc<str>),
}

/// The first row, in the order of the keys, that is not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its key: ids and numbers. Texts may be personal, only their length is told.
    pub key: String,
    /// What is different about it.
    pub what: String,
}

/// One table of both generations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableReport {
    /// The table.
    pub table: &'static str,
    /// In the generation that was live.
    pub old: Contents,
    /// In the new one.
    pub new: Contents,
    /// What came of it.
    pub verdict: Verdict,
}

impl Verdict {
    /// Whether the rows that were live are not, or were not answered from as, what the events say.
    #[must_use]
    pub const fn is_wrong(&self) -> bool {
        match self {
            Self::Different(_) | Self::Damaged(_) => true,
            Self::Equal | Self::NotCompared => false,
        }
    }
}

/// Compares a table. Both snapshots must have reached `cut`. That the old one is damaged is a verdict:
/// what takes its place does not depend on it.
///
/// # Errors
/// When one of the two cannot be read now.
pub async fn compare(
    table: &'static Table,
    cut: Position,
    old: &mut dyn Snapshot,
    new: &mut dyn Snapshot,
) -> Result<TableReport, ReadStoreError> {
    let comparable =
        table.keeping != Keeping::Current || (old.position() == cut && new.position() == cut);
    let mut report = TableReport {
        table: table.name,
        old: Contents::default(),
        new: Contents::default(),
        verdict: if comparable { Verdict::Equal } else { Verdict::NotCompared },
    };
    // Questions go through indexes that a comparison of the rows does not touch.
    let mut damage = None;
    let found = unless_damaged(old.check(table).await, &mut damage)?.flatten();
    if comparable {
        compare_rows(
            &mut report,
            &mut damage,
            Cursor::new(table, cut, old),
            Cursor::new(table, cut, new),
        )
        .await?;
    }
    if let Some(damage) = damage.or(found) {
        report.verdict = Verdict::Damaged(damage);
    }
    Ok(report)
}

async fn compare_rows(
    report: &mut TableReport,
    damage: &mut Option<Arc<str>>,
    mut olds: Cursor<'_>,
    mut news: Cursor<'_>,
) -> Result<(), ReadStoreError> {
    let table = olds.table;
    let (mut left, mut right) =
        (unless_damaged(olds.next().await, damage)?.flatten(), news.next().await?);
    while left.is_some() || right.is_some() {
        if report.verdict == Verdict::Equal && left != right {
            let difference = difference(table, left.as_deref(), right.as_deref());
            report.verdict = Verdict::Different(difference);
        }
        if let Some(row) = &left {
            report.old.add(row);
            left = unless_damaged(olds.next().await, damage)?.flatten();
        }
        if let Some(row) = &right {
            report.new.add(row);
            right = news.next().await?;
        }
    }
    Ok(())
}

/// What was read, or none where that is damaged.
fn unless_damaged<T>(
    read: Result<T, ReadStoreError>,
    damage: &mut Option<Arc<str>>,
) -> Result<Option<T>, ReadStoreError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(ReadStoreError::Damaged(what)) => {
            damage.get_or_insert(what);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A generation of which nothing can be read.
pub(crate) struct Unreadable {
    /// Where the other one is cut.
    pub(crate) position: Position,
    /// What is wrong.
    pub(crate) what: Arc<str>,
}

impl Snapshot for Unreadable {
    fn position(&self) -> Position {
        self.position
    }

    fn page(
        &mut self,
        _: &'static Table,
        _: Position,
        _: Option<Vec<Value>>,
        _: usize,
    ) -> Answer<'_, Result<Vec<Vec<Value>>, ReadStoreError>> {
        Box::pin(ready(Err(ReadStoreError::Damaged(self.what.clone()))))
    }
}

impl Contents {
    fn add(&mut self, row: &[Value]) {
        let mut bytes = self.digest.to_vec();
        for value in row {
            match value {
                Value::Null => bytes.push(0),
                Value::Int(number) => {
                    bytes.push(1);
                    bytes.extend(number.to_be_bytes());
                }
                Value::Text(text) => {
                    bytes.push(2);
                    bytes.extend(text.len().to_be_bytes());
                    bytes.extend(text.as_bytes());
                }
                Value::Id(id) => {
                    bytes.push(3);
                    bytes.extend(id.as_bytes());
                }
            }
        }
        self.rows += 1;
        self.digest = sha256(&bytes);
    }
}

/// Reads a table to its end, page by page.
struct Cursor<'a> {
    table: &'static Table,
    cut: Position,
    snapshot: &'a mut dyn Snapshot,
    page: vec::IntoIter<Vec<Value>>,
    last: Option<Vec<Value>>,
    is_last_page: bool,
}

impl<'a> Cursor<'a> {
    fn new(table: &'static Table, cut: Position, snapshot: &'a mut dyn Snapshot) -> Self {
        let page = Vec::new().into_iter();
        Self { table, cut, snapshot, page, last: None, is_last_page: false }
    }

    async fn next(&mut self) -> Result<Option<Vec<Value>>, ReadStoreError> {
        if self.page.len() == 0 && !self.is_last_page {
            let after = self.last.take();
            let page = self.snapshot.page(self.table, self.cut, after, PAGE).await?;
            self.is_last_page = page.len() < PAGE;
            self.last = page.last().map(|row| full_key(self.table, row));
            self.page = page.into_iter();
        }
        Ok(self.page.next())
    }
}

/// The key of a row; of a history table with the position from which on it holds.
fn full_key(table: &Table, row: &[Value]) -> Vec<Value> {
    let mut key: Vec<_> = row.iter().take(table.key.len()).cloned().collect();
    if table.keeping == Keeping::History {
        key.extend(row.get(table.key.len() + table.columns.len()).cloned());
    }
    key
}

/// Names the first difference, where at least one of the two is a row.
fn difference(table: &Table, old: Option<&[Value]>, new: Option<&[Value]>) -> Difference {
    let (old_key, new_key) =
        (old.map(|row| full_key(table, row)), new.map(|row| full_key(table, row)));
    let is_missing_in_old = match (&old_key, &new_key) {
        (Some(old), Some(new)) => new < old,
        (old, _) => old.is_none(),
    };
    let (key, what) = if is_missing_in_old {
        (new_key, "only in the new generation".to_owned())
    } else if old_key == new_key {
        (old_key, format!("different in {}", different_columns(table, old, new)))
    } else {
        (old_key, "only in the old generation".to_owned())
    };
    Difference { key: show_key(table, &key.unwrap_or_default()), what }
}

fn different_columns(table: &Table, old: Option<&[Value]>, new: Option<&[Value]>) -> String {
    let names = table.key.iter().chain(table.columns).map(|column| column.name);
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    let different: Vec<_> = names
        .chain(["from_position", "to_position"])
        .zip(old.iter().zip(new))
        .filter(|(_, (old, new))| old != new)
        .map(|(name, _)| name)
        .collect();
    different.join(", ")
}

fn show_key(table: &Table, key: &[Value]) -> String {
    let names = table.key.iter().map(|Column { name, .. }| *name).chain(["from_position"]);
    let parts: Vec<_> =
        names.zip(key).map(|(name, value)| format!("{name} {}", Shown(value))).collect();
    parts.join(", ")
}

struct Shown<'a>(&'a Value);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Null => f.write_str("none"),
            Value::Int(number) => number.fmt(f),
            Value::Text(text) => write!(f, "(text of {} bytes)", text.len()),
            Value::Id(id) => id.fmt(f),
        }
    }
}
