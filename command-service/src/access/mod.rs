//! The organisation, users and tokens: what may happen to them.

mod organization;
mod user;
mod token;

pub use organization::Organization;
pub use token::Token;
pub use user::User;

use crate::command::Entry;

pub(crate) fn commands() -> Vec<Entry> {
    Vec::new()
}
