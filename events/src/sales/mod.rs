//! Opportunities, quotes and orders: one sale in different states of transition.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

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
