//! Rows that folding has seen lately, so that the live path rarely loads any.

use std::{collections::HashMap, mem};

use crate::table::{Key, Row, Value};

/// What a row and its place in the map weigh besides its values, about.
const ENTRY: usize = 128;

/// What is known of a row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Known<'a> {
    Row(&'a Row),
    Absent,
    Unloaded,
}

/// The rows of one table that are known: as they are now, or that there is none.
///
/// Two halves take turns: what did not change while one half filled up is forgotten.
#[derive(Debug, Default)]
pub(super) struct Cache {
    young: HashMap<Key, Option<Row>>,
    old: HashMap<Key, Option<Row>>,
    young_bytes: usize,
    old_bytes: usize,
}

impl Cache {
    pub(super) fn get(&self, key: &[Value]) -> Known<'_> {
        match self.young.get(key).or_else(|| self.old.get(key)) {
            Some(Some(row)) => Known::Row(row),
            Some(None) => Known::Absent,
            None => Known::Unloaded,
        }
    }

    pub(super) fn insert(&mut self, key: Key, row: Option<Row>) {
        let key_weight = ENTRY + weight(&key);
        self.young_bytes += key_weight + row.as_ref().map_or(0, |row| weight(row));
        if let Some(replaced) = self.young.insert(key, row) {
            self.young_bytes -= key_weight + replaced.map_or(0, |row| weight(&row));
        }
    }

    /// What the rows weigh, about: the younger half, and both.
    pub(super) const fn bytes(&self) -> (usize, usize) {
        (self.young_bytes, self.young_bytes + self.old_bytes)
    }

    /// Forgets the older half, and lets the younger one take its place; whether any row is gone.
    pub(super) fn turn(&mut self) -> bool {
        self.old_bytes = mem::take(&mut self.young_bytes);
        !mem::replace(&mut self.old, mem::take(&mut self.young)).is_empty()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

fn weight(values: &[Value]) -> usize {
    let texts: usize = values.iter().filter_map(Value::text).map(str::len).sum();
    size_of_val(values) + texts
}
