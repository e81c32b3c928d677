//! A note, as decisions need it.

use events::{customers::NoteEvent, ids::KeyId};

use crate::aggregate::Aggregate;

/// A note: its key, once it was added.
#[derive(Clone, Debug, Default)]
pub struct Note {
    key: Option<KeyId>,
}

impl Aggregate for Note {
    type Event = NoteEvent;

    fn evolve(&mut self, event: &NoteEvent) {
        let NoteEvent::Added(added) = event;
        self.key = Some(added.key);
    }

    fn key(&self) -> Option<KeyId> {
        self.key
    }
}
