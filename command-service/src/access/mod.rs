//! The organisation, users and tokens: what may happen to them.

mod organization;
mod organization_commands;
mod user;
mod user_commands;
mod token;
mod token_commands;
mod owners;

pub use organization::Organization;
pub use organization_commands::{AcceptOlderLog, FoundOrganization};
pub(crate) use owners::{owner, owner_streams};
pub use token::Token;
pub use token_commands::{IssueToken, RevokeToken, Sha256Hex};
pub use user::User;
pub use user_commands::{AddUser, ChangeUser, DisableUser, EnableUser};

use crate::command::Entry;

/// The commands that callers can send; [`FoundOrganization`] and
/// [`AcceptOlderLog`] are for the product alone.
pub(crate) fn commands() -> Vec<Entry> {
    vec![
        Entry::admin::<AddUser>(),
        Entry::admin::<ChangeUser>(),
        Entry::admin::<DisableUser>(),
        Entry::admin::<EnableUser>(),
        Entry::admin::<IssueToken>(),
        Entry::admin::<RevokeToken>(),
    ]
}
