//! The words for what is wrong with a value: what it must be, never how a program calls that.

use std::fmt;

use serde::de::{Expected, Unexpected};

/// How many names a message lists.
const LISTED: usize = 40;

/// What a value must be, from what the types of the program expect.
pub(super) fn must_be(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    let whole = |from: &str, to: String| format!("a whole number from {from} to {to}");
    match text.as_str() {
        "u8" => whole("0", u8::MAX.to_string()),
        "u16" => whole("0", u16::MAX.to_string()),
        "u32" => whole("0", u32::MAX.to_string()),
        "u64" | "usize" => whole("0", u64::MAX.to_string()),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "unit" | "null" => "null".to_owned(),
        _ if is_text(&text) => "a text".to_owned(),
        _ if text.starts_with("adjacently tagged") => "an object with `type` and `id`".to_owned(),
        _ if is_object(&text) => "an object".to_owned(),
        _ => "of another form".to_owned(),
    }
}

fn is_text(expected: &str) -> bool {
    matches!(expected, "a string" | "str" | "string" | "a borrowed string" | "variant identifier")
        || expected.starts_with("a formatted UUID")
}

fn is_object(expected: &str) -> bool {
    matches!(expected, "a map" | "map")
        || ["struct ", "internally tagged", "tuple struct "]
            .iter()
            .any(|it| expected.starts_with(it))
}

/// What a value is. It is never repeated: it may be somebody's name.
pub(super) fn kind(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "true or false",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "a whole number",
        Unexpected::Float(_) => "a number with a fraction",
        Unexpected::Char(_) | Unexpected::Str(_) | Unexpected::Bytes(_) => "a text",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "a list",
        Unexpected::Map => "an object",
        Unexpected::NewtypeStruct
        | Unexpected::Enum
        | Unexpected::UnitVariant
        | Unexpected::NewtypeVariant
        | Unexpected::TupleVariant
        | Unexpected::StructVariant
        | Unexpected::Other(_) => "something else",
    }
}

/// Names in a row: `a, b, c`.
pub(super) struct Names(pub(super) &'static [&'static str]);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().take(LISTED).enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(name)?;
        }
        if self.0.len() > LISTED { f.write_str(", ..") } else { Ok(()) }
    }
}
