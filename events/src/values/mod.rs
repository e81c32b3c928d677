//! Values that are parsed once, at the door, and valid ever after.

mod calendar;
mod change;
mod country;
mod email;
mod instant;
mod name;
mod near;
mod text;

pub use calendar::{Day, Zone};
pub use change::Change;
pub use country::{Country, Website};
pub use email::Email;
pub use name::{judge_line, line_pattern};
pub use near::nearest;
pub use text::{Line, Prose};

use std::borrow::Cow;

/// Why a text is no valid value. The message is fit for the sender and never repeats the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidValue(pub Cow<'static, str>);

fn invalid(reason: impl Into<Cow<'static, str>>) -> InvalidValue {
    InvalidValue(reason.into())
}

#[cfg(test)]
#[path = "values_tests.rs"]
mod tests;
