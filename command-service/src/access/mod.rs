//! The organisation, users and tokens: what may happen to them.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

mod organization;
mod organization_commands;
mod user;
mod user_commands;
mod token;
mod token_commands;
mod owners;
mod administration;

pub use administration::{Act, Administration, RecordAct};
pub use organization::Organization;
pub use organization_commands::{AcceptOlderLog, ConfirmClock, FoundOrganization};
pub(crate) use owners::{owner, owner_streams};
pub use token::{Standing, Token};
pub use token_commands::{AcceptToken, IssueToken, RecoverToken, RevokeToken, Sha256Hex};
pub use user::User;
pub use user_commands::{AddUser, ChangeUser, DisableUser, EnableUser, GiveToken};

use crate::command::Entry;

/// The commands that callers can send; [`FoundOrganization`], [`AcceptOlderLog`], [`RecoverToken`],
/// [`GiveToken`] and [`RecordAct`] are for the product alone.
pub(crate) fn commands() -> Vec<Entry> {
    vec![
        Entry::admin::<AddUser>(),
        Entry::admin::<ChangeUser>(),
        Entry::admin::<DisableUser>(),
        Entry::admin::<EnableUser>(),
        Entry::admin::<IssueToken>(),
        Entry::admin::<RevokeToken>(),
        Entry::of_any_token::<AcceptToken>(),
        Entry::admin::<ConfirmClock>(),
    ]
}
