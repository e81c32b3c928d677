//! JSON that means one thing only: no duplicate keys, no deep nesting, nothing after the end.

use std::{collections::HashSet, fmt};

use serde::{
    Deserializer,
    de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor},
};

/// How deep a body may nest.
const MAX_DEPTH: usize = 32;

/// Why a body is refused before anybody looks at what it says.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JsonError {
    /// The body is no JSON.
    #[error("the body is no JSON: line {line}, column {column}")]
    Syntax {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A key stands twice in one object: parsers disagree on what that means.
    #[error("a key stands twice in one object: line {line}, column {column}")]
    DuplicateKey {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// Nested deeper than the limit.
    #[error("the body nests deeper than 32 levels")]
    TooDeep,
}

impl JsonError {
    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "json.malformed",
            Self::DuplicateKey { .. } => "json.duplicate_key",
            Self::TooDeep => "json.too_deep",
        }
    }
}

const DUPLICATE: &str = "duplicate key";
const TOO_DEEP: &str = "too deep";

/// Checks a body without building anything.
pub(crate) fn check(body: &[u8]) -> Result<(), JsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let result = Checked { depth: 0 }.deserialize(&mut deserializer);
    result.and_then(|()| deserializer.end()).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let text = error.to_string();
        if text.starts_with(TOO_DEEP) || text.starts_with("recursion limit") {
            JsonError::TooDeep
        } else if text.starts_with(DUPLICATE) {
            JsonError::DuplicateKey { line, column }
        } else {
            JsonError::Syntax { line, column }
        }
    })
}

#[derive(Clone, Copy)]
struct Checked {
    depth: usize,
}

impl Checked {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(TOO_DEEP));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Checked {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checked {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut keys = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            if !keys.insert(key) {
                return Err(de::Error::custom(DUPLICATE));
            }
            entries.next_value_seed(inner)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "strict_json_tests.rs"]
mod tests;
