//! Which fields of a record cannot be read, and whether for ever.

use std::collections::BTreeSet;

use events::{personal::Personal, values::Change as FieldChange};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The fields whose values cannot be read: those whose key was destroyed, for ever; and those whose
/// key is missing or damaged, until it is put back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Erased {
    /// The personal fields whose values were erased.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    erased: BTreeSet<String>,
    /// The personal fields whose values cannot be read now: their key is missing or damaged, and was
    /// not destroyed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    unreadable: BTreeSet<String>,
}

impl Erased {
    /// Whether every value can be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.erased.is_empty() && self.unreadable.is_empty()
    }

    /// Whether the value of a field was erased.
    #[must_use]
    pub fn contains(&self, field: &str) -> bool {
        self.erased.contains(field)
    }

    /// Whether the value of a field cannot be read now, though it was not erased.
    #[must_use]
    pub fn is_unreadable(&self, field: &str) -> bool {
        self.unreadable.contains(field)
    }

    /// The value of a field that was set; takes down whether it can still be read.
    pub fn open<T: Clone>(&mut self, field: &str, value: Option<&Personal<T>>) -> Option<T> {
        self.forget(field);
        match value? {
            Personal::Clear(value) => return Some(value.clone()),
            Personal::Erased => self.erased.insert(field.to_owned()),
            // What was never unsealed cannot be read either.
            Personal::Unreadable(_) | Personal::Sealed(_) => {
                self.unreadable.insert(field.to_owned())
            }
        };
        None
    }

    /// Applies a change to a field; takes down whether its value can still be read.
    pub fn change<T: Clone>(
        &mut self,
        field: &str,
        target: &mut Option<T>,
        change: &FieldChange<Personal<T>>,
    ) {
        match change {
            FieldChange::Keep => {}
            FieldChange::Clear => *target = self.open(field, None),
            FieldChange::Set(value) => *target = self.open(field, Some(value)),
        }
    }

    /// Sets a field that is never cleared, where the change names it.
    pub fn replace<T: Clone>(
        &mut self,
        field: &str,
        target: &mut Option<T>,
        value: Option<&Personal<T>>,
    ) {
        if value.is_some() {
            *target = self.open(field, value);
        }
    }

    /// Forgets a field that is no more.
    pub fn forget(&mut self, field: &str) {
        self.erased.remove(field);
        self.unreadable.remove(field);
    }
}
