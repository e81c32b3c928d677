//! The rows of one table during a batch: what was before it, what it changed, what is to be stored.

use std::{cmp::Ordering, collections::HashMap, mem};

use events::Position;

use super::cache::{Cache, Known};
use crate::{
    read_store::{Interval, TableChanges},
    table::{Keeping, Key, Row, Table, Value},
};

/// A change that contradicts what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Misfit(pub(super) &'static str);

/// The state of a row that was touched in this batch.
#[derive(Debug, Default)]
struct Touched {
    /// Where the state that was open before the batch ends, if there may be one.
    closed: Option<Position>,
    /// The state that holds now, if it began in this batch, and since when.
    open: Option<(Row, Position)>,
}

/// One table in memory.
#[derive(Debug)]
pub(super) struct Overlay {
    table: &'static Table,
    cache: Cache,
    /// Every row of the table that is not in the cache does not exist.
    complete: bool,
    touched: HashMap<Key, Touched>,
    /// States that began and ended within the batch; appended rows of an append-only table.
    done: Vec<Interval>,
}

impl Overlay {
    /// `empty` when the stored table holds no rows.
    pub(super) fn new(table: &'static Table, empty: bool) -> Self {
        let (cache, touched, done) = (Cache::default(), HashMap::new(), Vec::new());
        Self { table, cache, complete: empty, touched, done }
    }

    pub(super) const fn table(&self) -> &'static Table {
        self.table
    }

    pub(super) fn get(&self, key: &[Value]) -> Known<'_> {
        if self.table.keeping == Keeping::AppendOnly {
            if let Some(row) = self.appended(key) {
                return Known::Row(row);
            }
        } else if let Some(touched) = self.touched.get(key) {
            return touched.open.as_ref().map_or(Known::Absent, |(row, _)| Known::Row(row));
        }
        match self.cache.get(key) {
            Known::Unloaded if self.complete => Known::Absent,
            known => known,
        }
    }

    /// The rows of a batch are in the order of their positions, with which their keys begin.
    fn appended(&self, key: &[Value]) -> Option<&Row> {
        let position = key.first()?.int()?;
        let begin = self.done.partition_point(|done| done.from.sql() < position);
        self.done[begin..]
            .iter()
            .take_while(|done| done.from.sql() == position)
            .find(|done| done.row.starts_with(key))
            .map(|done| &done.row)
    }

    /// Remembers what the store answered.
    pub(super) fn learn(&mut self, key: Key, row: Option<Row>) {
        self.cache.insert(key, row);
    }

    pub(super) fn put(&mut self, row: Row, at: Position, is_first: bool) -> Result<(), Misfit> {
        if row.len() != self.table.key.len() + self.table.columns.len() {
            return Err(Misfit("has another number of values than its table has columns"));
        }
        let key = self.table.key_of(&row);
        match self.table.keeping {
            Keeping::AppendOnly => return self.append(&key, row, at, is_first),
            Keeping::Current => {
                self.touched.entry(key).or_default().open = Some((row, at));
                return Ok(());
            }
            Keeping::History => {}
        }
        if is_first && matches!(self.get(&key), Known::Row(_)) {
            return Err(Misfit("is not the first of its key"));
        }
        let touched = self.end(key, at, is_first);
        touched.open = Some((row, at));
        Ok(())
    }

    pub(super) fn remove(&mut self, key: Key, at: Position) -> Result<(), Misfit> {
        match self.table.keeping {
            Keeping::AppendOnly => Err(Misfit("cannot be removed: its table only grows")),
            Keeping::Current => {
                self.touched.entry(key).or_default().open = None;
                Ok(())
            }
            Keeping::History => {
                self.end(key, at, false);
                Ok(())
            }
        }
    }

    /// Ends the state that holds now. One that began with the same event never was.
    fn end(&mut self, key: Key, at: Position, is_first: bool) -> &mut Touched {
        let may_be_stored = !is_first && !matches!(self.get(&key), Known::Absent);
        let Self { touched, done, .. } = self;
        let touched = touched
            .entry(key)
            .or_insert_with(|| Touched { closed: may_be_stored.then_some(at), open: None });
        if let Some((row, from)) = touched.open.take()
            && from != at
        {
            done.push(Interval { row, from, to: Some(at) });
        }
        touched
    }

    fn append(
        &mut self,
        key: &[Value],
        row: Row,
        at: Position,
        is_first: bool,
    ) -> Result<(), Misfit> {
        if key.first().and_then(Value::int) != Some(at.sql()) {
            return Err(Misfit("does not begin with the position of its event"));
        }
        let twin = self
            .done
            .iter_mut()
            .rev()
            .take_while(|done| done.from == at)
            .find(|done| done.row.starts_with(key));
        match twin {
            Some(_) if is_first => return Err(Misfit("is not the first of its key")),
            Some(twin) => twin.row = row,
            None => self.done.push(Interval { row, from: at, to: None }),
        }
        Ok(())
    }

    /// What the batch changed. From now on it is what was before the next batch.
    pub(super) fn take(&mut self) -> Option<TableChanges> {
        if self.touched.is_empty() && self.done.is_empty() {
            self.settle();
            return None;
        }
        let table = self.table;
        let changes = match table.keeping {
            Keeping::AppendOnly => {
                let rows = mem::take(&mut self.done).into_iter().map(|done| done.row).collect();
                TableChanges::AppendOnly { table, rows }
            }
            Keeping::Current => self.take_current(),
            Keeping::History => self.take_history(),
        };
        self.settle();
        Some(changes)
    }

    fn take_current(&mut self) -> TableChanges {
        let (mut put, mut removed) = (Vec::new(), Vec::new());
        for (key, touched) in mem::take(&mut self.touched) {
            let row = touched.open.map(|(row, _)| row);
            match &row {
                Some(row) => put.push(row.clone()),
                None => removed.push(key.clone()),
            }
            self.cache.insert(key, row);
        }
        put.sort_unstable();
        removed.sort_unstable();
        TableChanges::Current { table: self.table, put, removed }
    }

    fn take_history(&mut self) -> TableChanges {
        let mut closed = Vec::new();
        let mut begun = mem::take(&mut self.done);
        for (key, touched) in mem::take(&mut self.touched) {
            closed.extend(touched.closed.map(|at| (key.clone(), at)));
            let row = touched.open.map(|(row, from)| {
                begun.push(Interval { row: row.clone(), from, to: None });
                row
            });
            self.cache.insert(key, row);
        }
        // In the order of the keys, so that neighbours in the trees are written together.
        closed.sort_unstable();
        begun.sort_unstable_by(|a, b| self.by_key(a, b));
        TableChanges::History { table: self.table, closed, begun }
    }

    fn by_key(&self, a: &Interval, b: &Interval) -> Ordering {
        let key = ..self.table.key.len();
        a.row.get(key).cmp(&b.row.get(key)).then(a.from.cmp(&b.from))
    }

    /// What the rows in memory weigh, about: those that came lately, and all.
    pub(super) const fn bytes(&self) -> (usize, usize) {
        self.cache.bytes()
    }

    /// Forgets rows that did not come lately.
    pub(super) fn forget(&mut self) {
        if self.cache.turn() {
            self.complete = false;
        }
    }

    /// Rows of append-only tables are remembered within a batch only.
    fn settle(&mut self) {
        if self.table.keeping == Keeping::AppendOnly {
            self.cache.clear();
            self.complete = false;
        }
    }
}
