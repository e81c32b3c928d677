//! Judges what a caller newly says: a walk over a parsed command, without writing anything.
//!
//! Stored events hold what was allowed when they were written, so the types read more than a new
//! command may say.

use std::fmt::Display;

use events::values::{Country, InvalidValue, judge_line};
use serde::{
    Serialize, Serializer,
    ser::{
        SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
        SerializeTupleStruct, SerializeTupleVariant,
    },
};
use uuid::Uuid;

use super::Wrong;

/// Judges an id that is new.
pub(crate) fn judge_id(id: Uuid) -> Result<(), &'static str> {
    if id.is_nil() || id.is_max() {
        return Err("must be the id of something, not one of only zeros or only ones");
    }
    Ok(())
}

/// The walk: what the text that comes next is, if it is one of some kind.
#[derive(Clone, Copy, Default)]
pub(super) struct Judge {
    is_line: bool,
    is_country: bool,
}

type Judged = Result<(), Wrong>;

macro_rules! nothing_to_judge {
    ($($method:ident: $type:ty),*) => { $(
        fn $method(self, _: $type) -> Judged {
            Ok(())
        }
    )* };
}

impl Serializer for Judge {
    type Ok = ();
    type Error = Wrong;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    nothing_to_judge! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32,
        serialize_i64: i64, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32,
        serialize_u64: u64, serialize_f32: f32, serialize_f64: f64, serialize_char: char,
        serialize_unit_struct: &'static str
    }

    // No reader is human, so that ids come as their bytes and not as any text.
    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Judged {
        // Ids are the only bytes of a command.
        let id = Uuid::from_slice(bytes);
        id.map_or(Ok(()), |id| judge_id(id).map_err(|why| Wrong(why.to_owned())))
    }

    fn serialize_str(self, text: &str) -> Judged {
        let wrong = |why: InvalidValue| Wrong(why.to_string());
        if self.is_line {
            judge_line(text).map_err(wrong)?;
        }
        if self.is_country {
            Country::judge(text).map_err(wrong)?;
        }
        Ok(())
    }

    fn collect_str<T: ?Sized + Display>(self, _: &T) -> Judged {
        Ok(())
    }

    fn serialize_none(self) -> Judged {
        Ok(())
    }

    fn serialize_unit(self) -> Judged {
        Ok(())
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Judged {
        value.serialize(self)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Judged {
        Ok(())
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        name: &'static str,
        value: &T,
    ) -> Judged {
        value.serialize(match name {
            "Line" => Self { is_line: true, ..self },
            "Country" => Self { is_country: true, ..self },
            _ => self,
        })
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Judged {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Wrong> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Wrong> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Wrong> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Wrong> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, Wrong> {
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Wrong> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Wrong> {
        Ok(self)
    }
}

macro_rules! parts {
    ($($part:ident: $method:ident),*) => { $(
        impl $part for Judge {
            type Ok = ();
            type Error = Wrong;

            fn $method<T: ?Sized + Serialize>(&mut self, value: &T) -> Judged {
                value.serialize(*self)
            }

            fn end(self) -> Judged {
                Ok(())
            }
        }
    )* };
}

parts! {
    SerializeSeq: serialize_element, SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field, SerializeTupleVariant: serialize_field
}

macro_rules! fields {
    ($($part:ident),*) => { $(
        impl $part for Judge {
            type Ok = ();
            type Error = Wrong;

            fn serialize_field<T: ?Sized + Serialize>(&mut self, _: &'static str, value: &T) -> Judged {
                value.serialize(*self)
            }

            fn end(self) -> Judged {
                Ok(())
            }
        }
    )* };
}

fields!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for Judge {
    type Ok = ();
    type Error = Wrong;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Judged {
        key.serialize(*self)
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Judged {
        value.serialize(*self)
    }

    fn end(self) -> Judged {
        Ok(())
    }
}
