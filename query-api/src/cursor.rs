//! The place where the next page of a list begins, as a text that only the same question takes.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use events::{Instant, Position, evidence::sha256};
use projection_service::table::Value;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::http::problem::Problem;

/// The form of the text. Cursors of another form are refused.
const FORM: u8 = 1;

/// Where a list goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The position the first page was answered at.
    pub(crate) position: Position,
    /// The instant the first page was about.
    pub(crate) instant: Instant,
    /// The key of the last item that was given out.
    pub(crate) key: Vec<Value>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    v: u8,
    /// The hash of the question, the caller and everything below.
    q: String,
    p: u64,
    t: i64,
    k: Vec<Part>,
}

#[derive(Deserialize, Serialize)]
enum Part {
    #[serde(rename = "n")]
    Null,
    #[serde(rename = "i")]
    Int(i64),
    #[serde(rename = "t")]
    Text(String),
    #[serde(rename = "u")]
    Id(Uuid),
}

impl From<&Value> for Part {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Int(number) => Self::Int(*number),
            Value::Text(text) => Self::Text(text.to_string()),
            Value::Id(id) => Self::Id(*id),
        }
    }
}

impl From<Part> for Value {
    fn from(part: Part) -> Self {
        match part {
            Part::Null => Self::Null,
            Part::Int(number) => Self::Int(number),
            Part::Text(text) => text.into(),
            Part::Id(id) => Self::Id(id),
        }
    }
}

/// Whose question it is that a cursor belongs to: the path, the parameters and the caller.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) path: String,
    pub(crate) parameters: String,
    pub(crate) caller: Uuid,
}

impl Question {
    fn hash(&self, written: &Written) -> Result<String, serde_json::Error> {
        let bound = serde_json::to_vec(&(
            (FORM, &self.path, &self.parameters, self.caller),
            (written.p, written.t, &written.k),
        ))?;
        Ok(URL_SAFE_NO_PAD.encode(&sha256(&bound)[..16]))
    }

    /// Writes a place down.
    pub(crate) fn cursor(&self, place: &Place) -> Result<String, Problem> {
        let mut written = Written {
            v: FORM,
            q: String::new(),
            p: place.position.0,
            t: place.instant.micros(),
            k: place.key.iter().map(Part::from).collect(),
        };
        written.q = self.hash(&written)?;
        Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(&written)?))
    }

    /// Reads a place, if it was written down for this very question and caller.
    pub(crate) fn place(&self, cursor: &str) -> Result<Place, Problem> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
        let written: Written = serde_json::from_slice(&bytes).map_err(|_| invalid())?;
        if written.v != FORM || self.hash(&written)? != written.q || !is_storable(&written.k) {
            return Err(invalid());
        }
        Ok(Place {
            position: Position(written.p),
            instant: Instant::from_micros(written.t),
            key: written.k.into_iter().map(Value::from).collect(),
        })
    }
}

/// PostgreSQL has no text with a zero in it.
fn is_storable(key: &[Part]) -> bool {
    key.iter().all(|part| !matches!(part, Part::Text(text) if text.contains('\0')))
}

/// The answer to a cursor that was not given to this caller for this question.
pub(crate) fn invalid() -> Problem {
    let detail = "the cursor belongs to another question or caller, or was changed";
    Problem::bad("cursor.invalid", detail)
}

#[cfg(test)]
#[path = "cursor_tests.rs"]
mod tests;
