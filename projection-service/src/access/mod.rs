//! The organisation, its users and their API tokens, as they were at any moment.

mod organization;
mod token;
mod user;

pub use organization::*;
pub use token::*;
pub use user::*;
