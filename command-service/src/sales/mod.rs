//! Opportunities, quotes, orders and their numbers: what may happen to them.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

mod shared;
mod opportunity;
mod quote;
mod order;
mod numbering;
#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
#[path = "laws_tests.rs"]
mod laws;

pub use numbering::{AllocateNumber, Numbering};
pub use opportunity::*;
pub use order::{Order, OrderState, PlaceOrder, order_id};
pub use quote::*;

use crate::command::Entry;

/// The commands of this area that callers can send. `PlaceOrder`, `NoteQuote` and `AllocateNumber`
/// are sent by the product itself.
pub(crate) fn commands() -> Vec<Entry> {
    vec![
        Entry::of::<CreateOpportunity>(),
        Entry::of::<ChangeOpportunityDetails>(),
        Entry::of::<ChangeOpportunityStage>(),
        Entry::of::<ChangeOpportunityProbability>(),
        Entry::of::<ChangeOpportunityEstimate>(),
        Entry::of::<MoveCloseDate>(),
        Entry::of::<WinOpportunity>(),
        Entry::of::<LoseOpportunity>(),
        Entry::of::<ReopenOpportunity>(),
        Entry::of::<StartQuote>(),
        Entry::of::<AddQuoteLine>(),
        Entry::of::<ChangeQuoteLine>(),
        Entry::of::<RemoveQuoteLine>(),
        Entry::of::<SetQuoteDiscount>(),
        Entry::of::<SetQuoteFreight>(),
        Entry::of::<SetQuoteTax>(),
        Entry::of::<SetQuoteValidity>(),
        Entry::of::<ActivateQuote>(),
        Entry::of::<ReviseQuote>(),
        Entry::of::<AcceptQuote>(),
        Entry::of::<CloseQuote>(),
        Entry::of::<DiscardQuoteDraft>(),
    ]
}
