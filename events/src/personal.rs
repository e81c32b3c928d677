//! Personal values: clear in a command, sealed in an event, gone once their key is destroyed.
#![expect(clippy::ptr_arg, reason = "a path that is static is kept without a copy")]

use std::{borrow::Cow, fmt};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, ser};

use crate::ids::{EventId, KeyId};

/// A personal value as a caller sent it. `Debug` never shows it, so no log line can.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Clear<T>(pub T);

impl<T> fmt::Debug for Clear<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(personal)")
    }
}

/// A personal value as an event carries it.
///
/// It is made clear by `decide`, sealed before it reaches any store, and stays sealed in every
/// state: deciding never depends on it. Who shows it to people unseals it first
/// (`Unsealer::unseal` of the log): it is clear then, or erased.
#[derive(Clone, PartialEq, Eq)]
pub enum Personal<T> {
    /// Not sealed yet, or unsealed. Refuses to be serialised.
    Clear(T),
    /// Sealed under the key it names.
    Sealed(Sealed),
    /// Unsealed without success: its key was destroyed. Refuses to be serialised.
    Erased,
    /// Unsealed without success: its key is missing or damaged, and was not destroyed. It is to be had
    /// again once the key is. Refuses to be serialised.
    Unreadable(KeyId),
}

/// The ciphertext of one personal value: AES-256-GCM over its JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The key.
    pub key: KeyId,
    /// The random nonce.
    pub nonce: [u8; 12],
    /// The ciphertext with its tag.
    pub ciphertext: Vec<u8>,
    /// Where it was sealed; the seal opens nowhere else. Known once the event was decoded.
    pub origin: Option<Origin>,
}

/// The event and the field a value was sealed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The event.
    pub event: EventId,
    /// The field path, for instance `changes.email`.
    pub path: Cow<'static, str>,
}

impl<T> Personal<T> {
    /// The sealed form, if it has been sealed.
    #[must_use]
    pub const fn sealed(&self) -> Option<&Sealed> {
        match self {
            Self::Clear(_) | Self::Erased | Self::Unreadable(_) => None,
            Self::Sealed(sealed) => Some(sealed),
        }
    }

    /// The value, if it is clear: what projectors and answers read after the batch was unsealed.
    #[must_use]
    pub const fn clear(&self) -> Option<&T> {
        match self {
            Self::Clear(value) => Some(value),
            Self::Sealed(_) | Self::Erased | Self::Unreadable(_) => None,
        }
    }
}

impl Sealed {
    /// What is written in place of a copy whose original was erased before it could be copied.
    ///
    /// No cipher makes an empty ciphertext (the tag alone has 16 bytes), so it reads as erased for
    /// ever, also where an old backup of the keys brought the key back.
    #[must_use]
    pub const fn tombstone(key: KeyId, origin: Origin) -> Self {
        Self { key, nonce: [0; 12], ciphertext: Vec::new(), origin: Some(origin) }
    }

    /// Whether it is a [`Self::tombstone`].
    #[must_use]
    pub const fn is_tombstone(&self) -> bool {
        self.ciphertext.is_empty()
    }
}

impl<T> From<Clear<T>> for Personal<T> {
    fn from(clear: Clear<T>) -> Self {
        Self::Clear(clear.0)
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(personal)")
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SealedJson {
    /// The key's id.
    k: KeyId,
    /// The nonce, base64 without padding.
    n: String,
    /// The ciphertext, base64 without padding.
    c: String,
}

impl<T> Serialize for Personal<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Clear(_) | Self::Erased | Self::Unreadable(_) => {
                Err(ser::Error::custom("a personal value that is not sealed"))
            }
            Self::Sealed(sealed) => SealedJson {
                k: sealed.key,
                n: STANDARD_NO_PAD.encode(sealed.nonce),
                c: STANDARD_NO_PAD.encode(&sealed.ciphertext),
            }
            .serialize(serializer),
        }
    }
}

impl<'de, T> Deserialize<'de> for Personal<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let SealedJson { k, n, c } = SealedJson::deserialize(deserializer)?;
        let nonce = STANDARD_NO_PAD.decode(n).map_err(D::Error::custom)?;
        let nonce = nonce.try_into().map_err(|_| D::Error::custom("a nonce has 12 bytes"))?;
        let ciphertext = STANDARD_NO_PAD.decode(c).map_err(D::Error::custom)?;
        Ok(Self::Sealed(Sealed { key: k, nonce, ciphertext, origin: None }))
    }
}

impl<T> JsonSchema for Personal<T> {
    fn schema_name() -> Cow<'static, str> {
        "Personal".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let inner = SealedJson::json_schema(generator);
        let mut schema = json_schema!({ "description": "A sealed personal value." });
        for (name, value) in inner.as_object().into_iter().flatten() {
            schema.insert(name.clone(), value.clone());
        }
        schema
    }
}

/// What walks over the personal values of an event, in declared order.
pub trait PersonalVisitor {
    /// Why the walk may stop.
    type Error;

    /// Visits one value; `path` is its field path (`bill_to`, `changes.email`).
    ///
    /// # Errors
    /// Whatever the visitor cannot do with the value.
    fn visit<T: Serialize + DeserializeOwned>(
        &mut self,
        path: &Cow<'static, str>,
        value: &mut Personal<T>,
    ) -> Result<(), Self::Error>;
}

/// Something that may hold personal values.
pub trait PersonalFields {
    /// Shows every personal value to `visitor`; `path` is the path of this thing, empty at the top.
    ///
    /// # Errors
    /// The visitor's.
    fn visit_personal<V: PersonalVisitor>(
        &mut self,
        path: &Cow<'static, str>,
        visitor: &mut V,
    ) -> Result<(), V::Error>;
}

impl<T: Serialize + DeserializeOwned> PersonalFields for Personal<T> {
    fn visit_personal<V: PersonalVisitor>(
        &mut self,
        path: &Cow<'static, str>,
        visitor: &mut V,
    ) -> Result<(), V::Error> {
        visitor.visit(path, self)
    }
}

impl<T: PersonalFields> PersonalFields for Option<T> {
    fn visit_personal<V: PersonalVisitor>(
        &mut self,
        path: &Cow<'static, str>,
        visitor: &mut V,
    ) -> Result<(), V::Error> {
        self.as_mut().map_or(Ok(()), |value| value.visit_personal(path, visitor))
    }
}

impl<T: PersonalFields> PersonalFields for Vec<T> {
    fn visit_personal<V: PersonalVisitor>(
        &mut self,
        path: &Cow<'static, str>,
        visitor: &mut V,
    ) -> Result<(), V::Error> {
        for (index, value) in self.iter_mut().enumerate() {
            value.visit_personal(&Cow::Owned(format!("{path}.{index}")), visitor)?;
        }
        Ok(())
    }
}

/// The path of a field within the thing at `path`.
pub(crate) fn field_path(path: &Cow<'static, str>, field: &'static str) -> Cow<'static, str> {
    if path.is_empty() { Cow::Borrowed(field) } else { Cow::Owned(format!("{path}.{field}")) }
}

/// Names the fields of a payload that hold personal values. A field left out cannot be stored:
/// a clear value refuses to be serialised.
macro_rules! personal_fields {
    ($($type:ty { $($field:ident),* $(,)? })*) => {$(
        impl $crate::personal::PersonalFields for $type {
            fn visit_personal<V: $crate::personal::PersonalVisitor>(
                &mut self,
                path: &std::borrow::Cow<'static, str>,
                visitor: &mut V,
            ) -> Result<(), V::Error> {
                let _ = (&path, &visitor);
                $(
                    let field = $crate::personal::field_path(path, stringify!($field));
                    $crate::personal::PersonalFields::visit_personal(&mut self.$field, &field, visitor)?;
                )*
                Ok(())
            }
        }
    )*};
}
pub(crate) use personal_fields;
