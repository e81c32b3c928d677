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
    /// Of the younger half.
    bytes: usize,
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
        self.bytes += weight(&key, row.as_ref());
        self.young.insert(key, row);
    }

    /// Forgets the older half once the younger one weighs `bytes`; whether any row was forgotten.
    pub(super) fn turn(&mut self, bytes: usize) -> bool {
        if self.bytes < bytes {
            return false;
        }
        self.bytes = 0;
        !mem::replace(&mut self.old, mem::take(&mut self.young)).is_empty()
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

fn weight(key: &Key, row: Option<&Row>) -> usize {
    let values = |values: &[Value]| {
        let texts: usize = values.iter().filter_map(Value::text).map(str::len).sum();
        size_of_val(values) + texts
    };
    ENTRY + values(key) + row.map_or(0, |row| values(row))
}
