//! The numbers of documents: one stream per kind and year, one event per number.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    category::category_events,
    ids::{NumberingId, RecordRef, derived},
    personal::personal_fields,
};

category_events! {
    /// Something that happened to one sequence of numbers.
    NumberingEvent in Numbering {
        /// A number was given to a record.
        NumberAllocated(NumberAllocated) = "numbering.number_allocated" v 1,
    }
}

/// What is numbered.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(extend("x-open" = true))]
pub enum NumberKind {
    /// Quotes, `Q-2026-000001`.
    Quote,
    /// Orders, `SO-2026-000001`.
    Order,
}

/// One sequence of numbers: the documents of one kind in one year.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct NumberSequence {
    /// What is numbered.
    pub kind: NumberKind,
    /// The year in which the documents are made.
    pub year: i16,
}

impl NumberSequence {
    /// The sequence's stream.
    #[must_use]
    pub fn id(self) -> NumberingId {
        NumberingId(derived(&format!("numbering:{}:{}", self.prefix(), self.year)))
    }

    const fn prefix(self) -> &'static str {
        match self.kind {
            NumberKind::Quote => "Q",
            NumberKind::Order => "SO",
        }
    }

    /// The `n`th number as people read it.
    #[must_use]
    pub fn number(self, n: u64) -> DocumentNumber {
        DocumentNumber { sequence: self, n }
    }
}

/// A number as people read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentNumber {
    sequence: NumberSequence,
    n: u64,
}

impl fmt::Display for DocumentNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{:06}", self.sequence.prefix(), self.sequence.year, self.n)
    }
}

/// A number was given to a record. The number is the version of this event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NumberAllocated {
    /// Of which sequence.
    pub sequence: NumberSequence,
    /// The number.
    pub n: u64,
    /// Who got it.
    #[serde(rename = "for")]
    pub record: RecordRef,
}

personal_fields! {
    NumberAllocated {}
}
