//! Opportunities, quotes, orders and their numbers: what may happen to them.

mod shared;
mod opportunity;
mod quote;
mod order;
mod numbering;
#[cfg(test)]
mod fixtures;

pub use numbering::Numbering;
pub use opportunity::*;
pub use order::Order;
pub use quote::*;

use crate::command::Entry;

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
    ]
}
