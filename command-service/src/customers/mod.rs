//! Accounts, contacts, connections and notes: what may happen to them.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

use std::collections::BTreeMap;

use events::{
    access::Scope,
    customers::{Address, AddressKind},
    personal::Personal,
};

mod shared;
mod hierarchy;
mod account;
mod account_commands;
mod primary_contact;
mod parent_account;
mod contact;
mod contact_commands;
mod contact_parent;
mod customer_commands;
mod ownership;
mod connection_role;
mod connection_role_commands;
mod connection;
mod relate_records;
mod connection_commands;
mod note;
mod note_commands;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod laws_tests;
#[cfg(test)]
mod register_tests;

pub use account::Account;
pub use account_commands::{
    ChangeAccountDetails, CreateAccount, DeactivateAccount, ReactivateAccount,
};
pub use connection::Connection;
pub use connection_commands::{ChangeConnectionDetails, EndConnection, ReinstateConnection};
pub use connection_role::ConnectionRole;
pub use connection_role_commands::{
    ChangeConnectionRole, DefineConnectionRole, RetireConnectionRole,
};
pub use contact::Contact;
pub use contact_commands::{
    ChangeContactDetails, CreateContact, DeactivateContact, ReactivateContact,
};
pub use contact_parent::ChangeContactParent;
pub use customer_commands::{RemoveAddress, SetAddress, SetCommercialTerms, SetContactPreferences};
pub use note::Note;
pub use note_commands::AddNote;
pub use ownership::AssignOwner;
pub use parent_account::{BreakParentLoop, ClearParentAccount, SetParentAccount};
pub use primary_contact::{ClearPrimaryContact, ReleasePrimaryContact, SetPrimaryContact};
pub use relate_records::{RelateRecords, connection_between};

use crate::command::Entry;

/// The addresses of one customer, sealed; at most one of each kind.
pub type Addresses = BTreeMap<AddressKind, Personal<Address>>;

/// The commands that callers can send; [`ReleasePrimaryContact`] and [`BreakParentLoop`] are for
/// process managers alone.
pub(crate) fn commands() -> Vec<Entry> {
    vec![
        Entry::of::<CreateAccount>(),
        Entry::of::<ChangeAccountDetails>(),
        Entry::of::<SetPrimaryContact>(),
        Entry::of::<ClearPrimaryContact>(),
        Entry::of::<SetParentAccount>(),
        Entry::of::<ClearParentAccount>(),
        Entry::of::<DeactivateAccount>(),
        Entry::of::<ReactivateAccount>(),
        Entry::of::<CreateContact>(),
        Entry::of::<ChangeContactDetails>(),
        Entry::of::<ChangeContactParent>(),
        Entry::of::<DeactivateContact>(),
        Entry::of::<ReactivateContact>(),
        Entry::any::<SetAddress>("SetAddress", Scope::Write),
        Entry::any::<RemoveAddress>("RemoveAddress", Scope::Write),
        Entry::any::<SetCommercialTerms>("SetCommercialTerms", Scope::Write),
        Entry::any::<SetContactPreferences>("SetContactPreferences", Scope::Write),
        Entry::any::<AssignOwner>("AssignOwner", Scope::Write),
        Entry::of::<DefineConnectionRole>(),
        Entry::of::<ChangeConnectionRole>(),
        Entry::of::<RetireConnectionRole>(),
        Entry::of::<RelateRecords>(),
        Entry::of::<ChangeConnectionDetails>(),
        Entry::of::<EndConnection>(),
        Entry::of::<ReinstateConnection>(),
        Entry::any::<AddNote>("AddNote", Scope::Write),
    ]
}
