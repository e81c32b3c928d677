//! A JSON tree as a source to parse from, whose errors keep what was expected.

use std::fmt;

use events::values::nearest;
use serde::{
    Deserializer,
    de::{
        self, Expected, IntoDeserializer, Unexpected, Visitor,
        value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer, StrDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::{Map, Value};

use super::{
    cut,
    explain::{Names, kind, must_be},
};

/// What is wrong, as a sentence about the field it is in.
#[derive(Debug)]
pub(crate) struct Wrong(pub(super) String);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Wrong {}

impl serde::ser::Error for Wrong {
    fn custom<T: fmt::Display>(told: T) -> Self {
        Self(told.to_string())
    }
}

/// ` (did you mean ..?)`, where one is like it.
fn hint(name: &str, known: &'static [&'static str]) -> String {
    let near = nearest(name, known.iter().copied());
    near.map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"))
}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(told: T) -> Self {
        Self(told.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self(format!("must be {}, not {}", must_be(expected), kind(&found)))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self(format!("must be {}", must_be(expected)))
    }

    fn invalid_length(length: usize, _: &dyn Expected) -> Self {
        Self(format!("must not have {length} items"))
    }

    fn unknown_variant(name: &str, known: &'static [&'static str]) -> Self {
        Self(format!("must be one of {}, not `{}`{}", Names(known), cut(name), hint(name, known)))
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        let none = format!("there is no field `{}` here", cut(name));
        let hint = hint(name, known);
        Self(match known {
            [] => format!("{none}: it takes none"),
            _ if hint.is_empty() => format!("{none}; the fields are {}", Names(known)),
            _ => format!("{none}{hint}"),
        })
    }

    fn missing_field(name: &'static str) -> Self {
        Self(format!("the field `{name}` is missing"))
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self(format!("the field `{name}` stands twice"))
    }
}

/// One value of the tree.
#[derive(Clone, Copy)]
pub(super) struct Node<'a>(pub(super) &'a Value);

impl<'de> IntoDeserializer<'de, Wrong> for Node<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

fn entries(map: &Map<String, Value>) -> impl Iterator<Item = (&str, Node<'_>)> {
    map.iter().map(|(name, value)| (name.as_str(), Node(value)))
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(yes) => visitor.visit_bool(*yes),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (None, Some(number)) => visitor.visit_i64(number),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => visitor.visit_seq(SeqDeserializer::new(items.iter().map(Node))),
            Value::Object(map) => visitor.visit_map(MapDeserializer::new(entries(map))),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self.0 {
            Value::String(text) => {
                let name: StrDeserializer<'de, Wrong> = text.as_str().into_deserializer();
                visitor.visit_enum(name)
            }
            Value::Object(map) => {
                visitor.visit_enum(MapAccessDeserializer::new(MapDeserializer::new(entries(map))))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
                Err(Wrong(format!("must be one of {}", Names(variants))))
            }
        }
    }

    /// Fields without names would be taken by their order: that is nobody's contract.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        if self.0.is_array() {
            return Err(de::Error::invalid_type(Unexpected::Seq, &visitor));
        }
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}
