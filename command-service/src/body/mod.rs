//! From a body to a command: parsed at once, judged as something new, explained where it is wrong.
//!
//! What events hold is read by the same types and is for ever; what a caller newly says is judged
//! more strictly (`judge`). The way of a good command costs one pass of JSON and one walk. A body that
//! is refused, or holds a list, is read again by a reader that is stricter and says what is wrong in
//! words that people understand (`explain`).

mod explain;
mod judge;
mod node;

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use serde_path_to_error::{Path, Segment};

pub(crate) use judge::judge_id;
pub(crate) use node::Wrong;

/// The most characters of a caller's own text that an answer repeats.
pub const ECHO_MAX: usize = 64;

/// A body that is no such command.
#[derive(Debug)]
pub struct ParseError {
    /// Which field, as a JSON pointer; empty for the body as a whole.
    pub pointer: String,
    /// What is wrong with it, and what is allowed.
    pub detail: String,
}

/// Parses something a caller newly says.
///
/// # Errors
/// Where it is wrong, and how.
pub(crate) fn parse<T: DeserializeOwned + Serialize>(body: &RawValue) -> Result<T, ParseError> {
    // A list would be taken for the fields in their order: that is nobody's contract.
    if !is_object(body) {
        let detail = "must be a JSON object".to_owned();
        return Err(ParseError { pointer: String::new(), detail });
    }
    let parsed: T = serde_json::from_str(body.get()).map_err(|error| explain::<T>(body, &error))?;
    // Few bodies hold a list; those are looked at once more for one in place of an object.
    if body.get().contains('[')
        && let Ok(tree) = serde_json::from_str(body.get())
        && let Some(wrong) = explain_tree::<T>(&tree)
    {
        return Err(wrong);
    }
    serde_path_to_error::serialize(&parsed, judge::Judge::default()).map_err(|error| {
        ParseError { pointer: pointer(error.path()), detail: error.inner().to_string() }
    })?;
    Ok(parsed)
}

/// What is wrong with a body that `error` refused, in words that people understand.
pub(crate) fn explain<T: DeserializeOwned>(
    body: &RawValue,
    error: &serde_json::Error,
) -> ParseError {
    let Ok(tree) = serde_json::from_str(body.get()) else {
        let place = format!("line {}, column {}", error.line(), error.column());
        let detail = format!("cannot be read at {place}: a number is too large, most likely");
        return ParseError { pointer: String::new(), detail };
    };
    explain_tree::<T>(&tree).unwrap_or_else(|| {
        // The tree is not what the text was: a number that no computer holds, most likely.
        let place = format!("line {}, column {}", error.line(), error.column());
        ParseError { pointer: String::new(), detail: format!("cannot be read at {place}") }
    })
}

/// What is wrong with a tree of values that is no `T`; none where it is one.
#[must_use]
pub fn explain_tree<T: DeserializeOwned>(tree: &serde_json::Value) -> Option<ParseError> {
    let error = serde_path_to_error::deserialize::<_, T>(node::Node(tree)).err()?;
    Some(ParseError { pointer: pointer(error.path()), detail: error.inner().to_string() })
}

/// Reads a field of a change that keeps its value where it is left out: there is none to take away,
/// so that `null` is refused.
pub(crate) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Whether it is a JSON object.
pub(crate) fn is_object(value: &RawValue) -> bool {
    value.get().trim_start().starts_with('{')
}

/// At most [`ECHO_MAX`] characters of a text.
#[must_use]
pub fn cut(text: &str) -> String {
    match text.char_indices().nth(ECHO_MAX) {
        Some((end, _)) => format!("{}..", &text[..end.saturating_sub(2)]),
        None => text.to_owned(),
    }
}

/// A place in a body as a JSON pointer (RFC 6901).
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        if !matches!(segment, Segment::Unknown) {
            pointer.push('/');
            let text = cut(&segment.to_string());
            pointer.push_str(&text.replace('~', "~0").replace('/', "~1"));
        }
    }
    pointer
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
