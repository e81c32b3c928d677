//! The keys that were missing or damaged when events were projected: what the rows lack because of
//! them can be had again once the keys are.

use crate::{
    projector::{Change, Changes, Fact, ProjectError, Projector, Rows},
    table::{ColumnType, Keeping, Row, Table, Value, column},
};

/// Each such key, and the first record that needed it.
pub static UNREADABLE_KEYS: Table = Table {
    name: "unreadable_keys",
    key: &[column("key_id", ColumnType::Id)],
    columns: &[column("record_type", ColumnType::Text), column("record_id", ColumnType::Id)],
    keeping: Keeping::History,
    indexes: &[],
};

/// Which keys are missing or damaged? Nearly always none.
#[derive(Clone, Copy, Debug)]
pub struct UnreadableKeys;

impl Projector for UnreadableKeys {
    fn name(&self) -> &'static str {
        "unreadable_keys"
    }

    fn tables(&self) -> &'static [&'static Table] {
        const TABLES: &[&Table] = &[&UNREADABLE_KEYS];
        TABLES
    }

    fn project(&self, fact: &Fact<'_>, rows: &dyn Rows) -> Result<Changes, ProjectError> {
        let mut changes = Changes::new();
        for key in fact.unreadable {
            if rows.get(&UNREADABLE_KEYS, &[key.0.into()])?.is_none() {
                let record = fact.recorded.stream;
                let row = vec![key.0.into(), Value::from(record.category.name()), record.id.into()];
                changes.push(Change::Insert(&UNREADABLE_KEYS, Row::from(row)));
            }
        }
        Ok(changes)
    }
}
