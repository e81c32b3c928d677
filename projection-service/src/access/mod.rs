//! The organisation, its users and their API tokens, as they were at any moment.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

mod organization;
mod token;
mod user;

pub use organization::*;
pub use token::*;
pub use user::*;
