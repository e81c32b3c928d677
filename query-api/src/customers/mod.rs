//! Questions about accounts, contacts, and how they are related.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub(crate) mod connections;
pub(crate) mod lists;
pub(crate) mod timeline;
