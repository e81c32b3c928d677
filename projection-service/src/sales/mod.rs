//! Opportunities, quotes and orders, the chains they form, and the revenue to expect of them.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

mod opportunity;
mod quote;
mod quote_columns;
mod order;
mod chain;
mod chain_booked;
mod chain_fact;
mod chain_known;
mod chain_state;
mod chain_worth;
mod revenue;

pub use chain::*;
pub use opportunity::*;
pub use order::*;
pub use quote::*;
pub use quote_columns::*;
pub use revenue::*;
