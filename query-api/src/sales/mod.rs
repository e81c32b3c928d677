//! Questions about deals, documents, and the revenue to expect of them.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub(crate) mod chains;
pub(crate) mod checkpoints;
pub(crate) mod ledger;
pub(crate) mod lists;
pub(crate) mod revenue;
