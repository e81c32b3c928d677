//! Notes: one row each, with its text.

use events::{
    codec::CrmEvent,
    customers::NoteEvent,
    ids::{Category, NoteId, RecordRef},
    values::Prose,
};

use crate::{
    projector::Fact,
    record::{Erased, Record, record, record_projector, reference_values, version_value},
    table::{ColumnType, Keeping, Table, Value, column},
};

/// Every note.
pub static NOTES: Table = Table {
    name: "notes",
    key: &[column("id", ColumnType::Id)],
    columns: &[
        column("regarding_type", ColumnType::Text),
        column("regarding_id", ColumnType::Id),
        column("author_id", ColumnType::Id),
        column("created_at", ColumnType::Int),
        column("changed_at", ColumnType::Int),
        column("version", ColumnType::Int),
        column("document", ColumnType::Text),
    ],
    keeping: Keeping::History,
    indexes: &[&["regarding_id", "created_at"]],
};

record! {
    /// A note on a record.
    NoteRecord(NoteId) {
        /// The record it is about.
        regarding: RecordRef,
        /// The text; none once it was erased.
        text: Option<Prose>,
    }
}

record_projector! {
    /// What was noted on a record?
    Notes, NoteRecord, "notes"
}

/// The note after an event of its stream.
#[must_use]
pub fn fold_note(before: Option<NoteRecord>, fact: &Fact<'_>) -> Option<NoteRecord> {
    let CrmEvent::Note(NoteEvent::Added(added)) = fact.event() else { return before };
    if before.is_some() {
        return before.map(|note| note.stamped(fact));
    }
    let mut erased = Erased::default();
    let actor = fact.recorded.event.cause.actor;
    Some(NoteRecord {
        id: NoteId(fact.recorded.stream.id),
        regarding: added.regarding,
        text: erased.open("text", Some(&added.text)),
        version: fact.recorded.version,
        created_at: fact.recorded.recorded_at,
        created_by: actor,
        changed_at: fact.recorded.recorded_at,
        changed_by: actor,
        erased,
    })
}

impl Record for NoteRecord {
    const CATEGORY: Category = Category::Note;
    const TABLE: &'static Table = &NOTES;

    fn fold(before: Option<Self>, fact: &Fact<'_>) -> Option<Self> {
        fold_note(before, fact)
    }

    fn columns(&self) -> Vec<Value> {
        let [regarding_type, regarding_id] = reference_values(Some(self.regarding));
        vec![
            regarding_type,
            regarding_id,
            self.created_by.id.into(),
            self.created_at.micros().into(),
            self.changed_at.micros().into(),
            version_value(self.version),
        ]
    }
}
