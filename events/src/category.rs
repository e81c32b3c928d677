//! What the events of one category are: published names, versions and shapes, for ever.

use std::{borrow::Cow, convert::Infallible};

use schemars::Schema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{
    envelope::EventType,
    ids::{Category, EventId},
    personal::{Origin, Personal, PersonalFields, PersonalVisitor},
};

/// One published schema: a wire name, a version and what it looks like.
pub struct Published {
    /// The name and version.
    pub event_type: EventType,
    /// Its JSON Schema.
    pub schema: Schema,
}

/// What the events of every category have in common.
pub trait CategoryEvents: Sized + PersonalFields {
    /// The category of their streams.
    const CATEGORY: Category;

    /// The published type of this event.
    fn event_type(&self) -> EventType;

    /// The JSON of the data.
    ///
    /// # Errors
    /// When a personal value is not sealed.
    fn encode(&self) -> Result<Box<RawValue>, serde_json::Error>;

    /// Reads the data of a published type, of that event; `None` when this build does not know the type.
    fn decode(
        name: &str,
        version: u16,
        data: &str,
        event: EventId,
    ) -> Option<Result<Self, serde_json::Error>>;

    /// Every published type of the category, with its schema.
    fn published() -> Vec<Published>;
}

/// Declares the events of one category: variant, payload, **wire name**, schema version.
///
/// The wire names are the storage format. A name or version that was published never changes; a
/// new shape is a new version, and the payload of each older one (`after { 1: Old }`) turns `Into`
/// the newest: stored events of every version are read, only the newest is written.
macro_rules! category_events {
    ($(#[$meta:meta])* $events:ident in $category:ident {
        $($(#[$variant_meta:meta])* $variant:ident($payload:ty) = $name:literal v $version:literal
            $(after { $($old_version:literal: $old:ty),* })?,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $events {
            $($(#[$variant_meta])* $variant($payload),)*
        }

        impl $crate::category::CategoryEvents for $events {
            const CATEGORY: $crate::ids::Category = $crate::ids::Category::$category;

            fn event_type(&self) -> $crate::envelope::EventType {
                match self {
                    $(Self::$variant(_) => $crate::envelope::EventType::new($name, $version),)*
                }
            }

            fn encode(&self) -> Result<Box<serde_json::value::RawValue>, serde_json::Error> {
                match self {
                    $(Self::$variant(payload) => serde_json::value::to_raw_value(payload),)*
                }
            }

            fn decode(
                name: &str,
                version: u16,
                data: &str,
                event: $crate::ids::EventId,
            ) -> Option<Result<Self, serde_json::Error>> {
                match (name, version) {
                    $(($name, $version) => Some(
                        $crate::category::stored(data, event).map(Self::$variant),
                    ),)*
                    $($($(($name, $old_version) => Some(
                        $crate::category::stored::<$old>(data, event)
                            .map(|old| Self::$variant(old.into())),
                    ),)*)?)*
                    _ => None,
                }
            }

            fn published() -> Vec<$crate::category::Published> {
                vec![$($($($crate::category::Published {
                    event_type: $crate::envelope::EventType::new($name, $old_version),
                    schema: $crate::schema::of::<$old>(),
                },)*)?
                $crate::category::Published {
                    event_type: $crate::envelope::EventType::new($name, $version),
                    schema: $crate::schema::of::<$payload>(),
                },)*]
            }
        }

        impl $crate::personal::PersonalFields for $events {
            fn visit_personal<V: $crate::personal::PersonalVisitor>(
                &mut self,
                path: &std::borrow::Cow<'static, str>,
                visitor: &mut V,
            ) -> Result<(), V::Error> {
                match self {
                    $(Self::$variant(payload) => payload.visit_personal(path, visitor),)*
                }
            }
        }

        $(impl From<$payload> for $events {
            fn from(payload: $payload) -> Self {
                Self::$variant(payload)
            }
        })*
    };
}
pub(crate) use category_events;

/// Reads data in the shape it is stored in. Each sealed value learns where it was sealed before an older
/// shape turns into the newest, which may call its field something else.
pub(crate) fn stored<T: DeserializeOwned + PersonalFields>(
    data: &str,
    event: EventId,
) -> Result<T, serde_json::Error> {
    let mut stored: T = serde_json::from_str(data)?;
    let Ok(()) = stored.visit_personal(&Cow::Borrowed(""), &mut Stamp(event));
    Ok(stored)
}

/// Tells every sealed value where it was sealed.
pub(crate) struct Stamp(pub(crate) EventId);

impl PersonalVisitor for Stamp {
    type Error = Infallible;

    fn visit<T: Serialize + DeserializeOwned>(
        &mut self,
        path: &Cow<'static, str>,
        value: &mut Personal<T>,
    ) -> Result<(), Infallible> {
        if let Personal::Sealed(sealed) = value {
            sealed.origin = Some(Origin { event: self.0, path: path.clone() });
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "upcast_tests.rs"]
mod tests;
