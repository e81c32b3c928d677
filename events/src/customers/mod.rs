//! Accounts and contacts, the relationships between them, and notes.

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
