//! Accounts, contacts, connections and notes: what may happen to them.

mod account;
mod contact;
mod connection;
mod note;

pub use account::Account;
pub use connection::{Connection, ConnectionRole};
pub use contact::Contact;
pub use note::Note;

use crate::command::Entry;

pub(crate) fn commands() -> Vec<Entry> {
    Vec::new()
}
