//! Adding notes to records of any kind.

use events::{
    CrmEvent,
    customers::{NoteAdded, NoteEvent},
    ids::{Category, CommandId, NoteId, RecordRef, StreamName},
    personal::Clear,
    sales::NumberSequence,
    values::{Day, Prose},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Note;
use crate::{
    aggregate::{Aggregate, AsRecord, Command, Facts, Record, States},
    refusal::Refusal,
};

/// Adds a note to a record of any kind, in use or not.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddNote {
    /// The id of the new note; absent, one is derived from the id of the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note_id: Option<NoteId>,
    /// The record it is about.
    pub regarding: RecordRef,
    /// The text. Sealed under the key of the record, so it goes when the person is erased.
    pub text: Clear<Prose>,
}

impl AddNote {
    /// Whether records of that kind have no key that a note on them could be sealed under.
    const fn is_keyless(category: Category) -> bool {
        matches!(category, Category::Organization | Category::Numbering)
    }
}

impl Command for AddNote {
    fn stream(&self, command_id: CommandId) -> StreamName {
        self.note_id.unwrap_or_else(|| NoteId(command_id.record())).stream()
    }

    fn needs(&self, _: &Record, _: &States) -> Vec<StreamName> {
        vec![self.regarding.stream()]
    }

    fn makes_key(&self) -> bool {
        Self::is_keyless(self.regarding.category)
    }

    fn number(&self, _: &Record, _: CommandId, _: Day) -> Option<NumberSequence> {
        None
    }

    fn effective_day(&self) -> Option<Day> {
        None
    }

    fn decide(&self, own: &Record, facts: &Facts<'_>) -> Result<Vec<CrmEvent>, Refusal> {
        let note = Note::of(own).ok_or(Refusal::Internal)?;
        if note.key().is_some() {
            return Err(Refusal::Exists);
        }
        let regarding = facts.states.record(self.regarding);
        let regarding = regarding.ok_or_else(|| Refusal::not_found(self.regarding.category))?;
        let key = regarding.key().map_or_else(|| facts.key(), Ok)?;
        let text = self.text.clone().into();
        Ok(vec![NoteEvent::from(NoteAdded { key, regarding: self.regarding, text }).into()])
    }

    fn canonical(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

#[cfg(test)]
#[path = "note_commands_tests.rs"]
mod tests;
