//! Opportunities, quotes and orders: one sale in different states of transition.

mod opportunity;
mod document;
mod quote;
mod order;
mod numbering;

pub use document::*;
pub use numbering::*;
pub use opportunity::*;
pub use order::*;
pub use quote::*;
