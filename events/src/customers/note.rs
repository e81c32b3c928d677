//! Notes on records of any kind. Each is a stream of its own, so that writing one disturbs nobody.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    category::category_events,
    ids::{KeyId, RecordRef},
    personal::{Personal, personal_fields},
    values::Prose,
};

category_events! {
    /// Something that happened to one note.
    NoteEvent in Note {
        /// The note was added.
        Added(NoteAdded) = "note.added" v 1,
    }
}

/// The note was added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteAdded {
    /// The key of the record it is about: the person's, where it is about a person.
    pub key: KeyId,
    /// The record it is about.
    pub regarding: RecordRef,
    /// The text.
    pub text: Personal<Prose>,
}

personal_fields! {
    NoteAdded { text }
}
