//! Accounts, contacts, connections and notes: what may happen to them.

use std::collections::BTreeMap;

use events::{
    customers::{Address, AddressKind},
    personal::Personal,
};

mod shared;
mod account;
mod account_commands;
mod contact;
mod contact_commands;
mod connection;
mod note;
#[cfg(test)]
pub(crate) mod testing;

pub use account::Account;
pub use account_commands::{
    ChangeAccountDetails, CreateAccount, DeactivateAccount, ReactivateAccount,
};
pub use connection::{Connection, ConnectionRole};
pub use contact::Contact;
pub use contact_commands::{
    ChangeContactDetails, CreateContact, DeactivateContact, ReactivateContact,
};
pub use note::Note;

use crate::command::Entry;

/// The addresses of one customer, sealed; at most one of each kind.
pub type Addresses = BTreeMap<AddressKind, Personal<Address>>;

pub(crate) fn commands() -> Vec<Entry> {
    vec![
        Entry::of::<CreateAccount>(),
        Entry::of::<ChangeAccountDetails>(),
        Entry::of::<DeactivateAccount>(),
        Entry::of::<ReactivateAccount>(),
        Entry::of::<CreateContact>(),
        Entry::of::<ChangeContactDetails>(),
        Entry::of::<DeactivateContact>(),
        Entry::of::<ReactivateContact>(),
    ]
}
