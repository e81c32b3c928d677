//! A sequence of document numbers: its version is the last number.

use events::{
    ids::{CommandId, KeyId, RecordRef},
    sales::{NumberAllocated, NumberKind, NumberSequence, NumberingEvent},
    values::{Day, Line},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    aggregate::{Aggregate, Decide, Facts},
    refusal::Refusal,
};

/// A sequence of numbers.
#[derive(Clone, Debug, Default)]
pub struct Numbering {
    /// The last number that was given.
    pub last: u64,
}

impl Aggregate for Numbering {
    type Event = NumberingEvent;

    fn evolve(&mut self, event: &NumberingEvent) {
        let NumberingEvent::NumberAllocated(allocated) = event;
        self.last = allocated.n;
    }

    fn key(&self) -> Option<KeyId> {
        None
    }
}

/// Gives the next number of a sequence to a record. Sent by the write loop only, under a command id
/// that follows from the record's, so that a repeat gets the number it got before.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AllocateNumber {
    /// The sequence.
    pub sequence: NumberSequence,
    /// Who gets the number.
    #[serde(rename = "for")]
    pub record: RecordRef,
}

impl Decide for AllocateNumber {
    const NAME: &'static str = "AllocateNumber";
    type Aggregate = Numbering;

    fn record(&self, _: CommandId) -> Uuid {
        self.sequence.id().0
    }

    fn decide(&self, own: &Numbering, _: &Facts<'_>) -> Result<Vec<NumberingEvent>, Refusal> {
        let n = own.last.checked_add(1).ok_or(Refusal::Internal)?;
        Ok(vec![NumberAllocated { sequence: self.sequence, n, record: self.record }.into()])
    }
}

/// The sequence of the documents of that kind that are made today.
pub(super) fn sequence_of(kind: NumberKind, today: Day) -> NumberSequence {
    NumberSequence { kind, year: today.date().year() }
}

/// The allocated number as people read it.
pub(super) fn document_number(kind: NumberKind, facts: &Facts<'_>) -> Result<Line<20>, Refusal> {
    let n = facts.number.ok_or(Refusal::Internal)?;
    let number = sequence_of(kind, facts.today()).number(n);
    Line::new(number.to_string()).map_err(|_| Refusal::Internal)
}

#[cfg(test)]
#[path = "numbering_tests.rs"]
mod tests;
