//! Accounts and contacts, the relationships between them, notes, and timelines.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

mod shared;
mod account;
mod contact;
mod connection_role;
mod connection;
mod note;
mod timeline_entry;
mod timeline_sales;
mod timeline;

pub use account::*;
pub use connection::*;
pub use connection_role::*;
pub use contact::*;
pub use note::*;
pub use timeline::*;
