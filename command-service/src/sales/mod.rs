//! Opportunities, quotes, orders and their numbers: what may happen to them.

mod opportunity;
mod quote;
mod order;
mod numbering;

pub use numbering::Numbering;
pub use opportunity::Opportunity;
pub use order::Order;
pub use quote::Quote;

use crate::command::Entry;

pub(crate) fn commands() -> Vec<Entry> {
    Vec::new()
}
