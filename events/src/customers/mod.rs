//! Accounts and contacts, the relationships between them, and notes.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

mod shared;
mod account;
mod contact;
mod connection;
mod periods;
mod note;

pub use account::*;
pub use connection::*;
pub use contact::*;
pub use note::*;
pub use periods::*;
pub use shared::*;
