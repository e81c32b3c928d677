//! Finds the records that earlier steps made, by the natural keys their lists hold.

use std::collections::HashMap;

use command_service::body::cut;
use uuid::Uuid;

use super::refusal::RowRefusal;

/// Separates the values of a key of several columns. Control characters are not allowed in keys.
const SEPARATOR: &str = "\u{1F}";

/// One text for the values of a key; two different keys never have the same.
pub(super) fn key_text<'a>(values: impl Iterator<Item = &'a str>) -> String {
    values.collect::<Vec<_>>().join(SEPARATOR)
}

/// A key as people read it.
fn shown(key: &str) -> String {
    cut(key).replace(SEPARATOR, "`, `")
}

/// What is known of one natural key.
#[derive(Clone, Debug)]
enum Entry {
    /// A row has it; the service has not answered yet.
    Announced(Uuid),
    /// The record is there.
    There(Uuid),
    /// Several records have it.
    Many,
    /// The row that has it made no record, for this reason.
    Missing(String),
}

/// Which columns of which entity's file identify its records in look-ups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) entity: String,
    pub(super) by: Vec<String>,
}

/// The natural keys of every slot.
#[derive(Debug, Default)]
pub(super) struct Index {
    slots: Vec<HashMap<String, Entry>>,
}

impl Index {
    pub(super) fn new(slots: usize) -> Self {
        Self { slots: vec![HashMap::new(); slots] }
    }

    /// A row with this natural key is going to make a record.
    pub(super) fn announce(&mut self, slot: usize, key: &str, id: Uuid) {
        let entries = &mut self.slots[slot];
        match entries.get(key) {
            None => {
                entries.insert(key.to_owned(), Entry::Announced(id));
            }
            Some(Entry::Announced(other) | Entry::There(other)) if *other == id => {}
            // Even when one of the rows is refused: whoever wrote the key may have meant it.
            Some(_) => {
                entries.insert(key.to_owned(), Entry::Many);
            }
        }
    }

    /// What became of the row: a record, or the reason why there is none.
    pub(super) fn settle(&mut self, slot: usize, key: &str, outcome: Result<(), &str>) {
        if let Some(entry) = self.slots[slot].get_mut(key)
            && let Entry::Announced(id) = *entry
        {
            *entry = match outcome {
                Ok(()) => Entry::There(id),
                Err(reason) => Entry::Missing(reason.to_owned()),
            };
        }
    }

    /// The record with this natural key.
    pub(super) fn find(&self, slot: usize, entity: &str, key: &str) -> Result<Uuid, RowRefusal> {
        let refuse = |code, detail| Err(RowRefusal::new(code, detail));
        let key_shown = shown(key);
        match self.slots[slot].get(key) {
            Some(Entry::There(id) | Entry::Announced(id)) => Ok(*id),
            Some(Entry::Many) => refuse(
                "import.lookup_ambiguous",
                format!("several rows of `{entity}` have `{key_shown}`"),
            ),
            Some(Entry::Missing(reason)) => refuse(
                "import.lookup_not_found",
                format!("the row of `{entity}` with `{key_shown}` made no record: {reason}"),
            ),
            None => {
                refuse("import.lookup_not_found", format!("no row of `{entity}` has `{key_shown}`"))
            }
        }
    }
}

#[cfg(test)]
#[path = "lookup_tests.rs"]
mod tests;
