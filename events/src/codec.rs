//! How events are written down: published names, versions and JSON, for ever.

use std::{borrow::Cow, collections::BTreeMap, convert::Infallible};

use schemars::Schema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{
    access::{AdministrationEvent, OrganizationEvent, TokenEvent, UserEvent},
    customers::{AccountEvent, ConnectionEvent, ConnectionRoleEvent, ContactEvent, NoteEvent},
    envelope::{EventType, NewEvent, Version},
    ids::{Category, EventId},
    personal::{Origin, Personal, PersonalFields, PersonalVisitor},
    sales::{NumberingEvent, OpportunityEvent, OrderEvent, QuoteEvent},
    values::Prose,
};

/// A stored payload that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A type or version that this build does not know.
    #[error("the event type `{name}` version {version} is not known to this build")]
    UnknownType {
        /// The wire name.
        name: String,
        /// The schema version.
        version: u16,
    },
    /// The bytes are not what the schema says.
    #[error("the payload of `{name}` version {version} does not match its schema")]
    Payload {
        /// The wire name.
        name: String,
        /// The schema version.
        version: u16,
        /// What JSON says of it.
        #[source]
        source: serde_json::Error,
    },
}

/// A payload that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("the event cannot be written down")]
pub struct EncodeError(#[from] serde_json::Error);

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

        impl $crate::codec::CategoryEvents for $events {
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
                        $crate::codec::stored(data, event).map(Self::$variant),
                    ),)*
                    $($($(($name, $old_version) => Some(
                        $crate::codec::stored::<$old>(data, event)
                            .map(|old| Self::$variant(old.into())),
                    ),)*)?)*
                    _ => None,
                }
            }

            fn published() -> Vec<$crate::codec::Published> {
                vec![$($($($crate::codec::Published {
                    event_type: $crate::envelope::EventType::new($name, $old_version),
                    schema: $crate::schema::of::<$old>(),
                },)*)?
                $crate::codec::Published {
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

macro_rules! crm_event {
    ($($category:ident($events:ident),)*) => {
        /// Any event of the CRM: the sum of all categories.
        #[derive(Clone, Debug, PartialEq)]
        #[expect(missing_docs, reason = "each holds the events of the category of the same name")]
        pub enum CrmEvent {
            $($category($events),)*
        }

        impl CrmEvent {
            /// The category of the stream it belongs to.
            #[must_use]
            pub const fn category(&self) -> Category {
                match self { $(Self::$category(_) => Category::$category,)* }
            }

            /// Its published type.
            #[must_use]
            pub fn event_type(&self) -> EventType {
                match self { $(Self::$category(event) => event.event_type(),)* }
            }

            fn encode_data(&self) -> Result<Box<RawValue>, serde_json::Error> {
                match self { $(Self::$category(event) => event.encode(),)* }
            }

            fn decode_data(
                category: &str,
                name: &str,
                version: u16,
                data: &str,
                event: EventId,
            ) -> Option<Result<Self, serde_json::Error>> {
                match Category::from_name(category)? {
                    $(Category::$category => <$events>::decode(name, version, data, event)
                        .map(|event| event.map(Self::$category)),)*
                }
            }

            /// Every published type, with its schema.
            #[must_use]
            pub fn published() -> Vec<Published> {
                let mut all = Vec::new();
                $(all.extend(<$events>::published());)*
                all
            }
        }

        impl PersonalFields for CrmEvent {
            fn visit_personal<V: PersonalVisitor>(
                &mut self,
                path: &Cow<'static, str>,
                visitor: &mut V,
            ) -> Result<(), V::Error> {
                match self { $(Self::$category(event) => event.visit_personal(path, visitor),)* }
            }
        }

        $(impl From<$events> for CrmEvent {
            fn from(event: $events) -> Self {
                Self::$category(event)
            }
        })*
    };
}

crm_event! {
    Account(AccountEvent),
    Contact(ContactEvent),
    ConnectionRole(ConnectionRoleEvent),
    Connection(ConnectionEvent),
    Opportunity(OpportunityEvent),
    Quote(QuoteEvent),
    Order(OrderEvent),
    Note(NoteEvent),
    User(UserEvent),
    Token(TokenEvent),
    Organization(OrganizationEvent),
    Numbering(NumberingEvent),
    Administration(AdministrationEvent),
}

/// The whole payload of an event: what happened, and what `decide` went by.
#[derive(Clone, Debug, PartialEq)]
pub struct Payload {
    /// What happened.
    pub event: CrmEvent,
    /// Why, in the words of who did it. Sealed like every free text.
    pub reason: Option<Personal<Prose>>,
    /// The other streams that `decide` read, and how long they were: they were not locked.
    pub seen: BTreeMap<String, Version>,
}

/// The path of the reason.
const REASON: Cow<'static, str> = Cow::Borrowed("reason");

impl PersonalFields for Payload {
    fn visit_personal<V: PersonalVisitor>(
        &mut self,
        path: &Cow<'static, str>,
        visitor: &mut V,
    ) -> Result<(), V::Error> {
        self.event.visit_personal(path, visitor)?;
        self.reason.visit_personal(&REASON, visitor)
    }
}

#[derive(Serialize)]
struct PayloadOut<'a> {
    data: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: &'a Option<Personal<Prose>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    seen: &'a BTreeMap<String, Version>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PayloadIn<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(default)]
    reason: Option<Personal<Prose>>,
    #[serde(default)]
    seen: BTreeMap<String, Version>,
}

impl From<CrmEvent> for Payload {
    fn from(event: CrmEvent) -> Self {
        Self { event, reason: None, seen: BTreeMap::new() }
    }
}

impl Payload {
    /// The bytes that are stored and hashed.
    ///
    /// # Errors
    /// When a personal value is not sealed.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let data = self.event.encode_data()?;
        let out = PayloadOut { data: &data, reason: &self.reason, seen: &self.seen };
        Ok(serde_json::to_vec(&out)?)
    }

    /// Reads the stored payload of any published type and version.
    ///
    /// # Errors
    /// When the type is not known or the bytes are not what its schema says.
    pub fn decode(event: &NewEvent) -> Result<Self, DecodeError> {
        let EventType { name, version } = &event.event_type;
        let failed = |source| DecodeError::Payload {
            name: name.clone().into_owned(),
            version: *version,
            source,
        };
        let PayloadIn { data, reason, seen } =
            serde_json::from_slice(&event.payload).map_err(failed)?;
        let category = name.split('.').next().unwrap_or_default();
        let decoded = CrmEvent::decode_data(category, name, *version, data.get(), event.event_id)
            .ok_or_else(|| DecodeError::UnknownType {
                name: name.clone().into_owned(),
                version: *version,
            })?
            .map_err(failed)?;
        let mut payload = Self { event: decoded, reason, seen };
        let Ok(()) = payload.reason.visit_personal(&REASON, &mut Stamp(event.event_id));
        Ok(payload)
    }
}

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
struct Stamp(EventId);

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
#[path = "codec_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "upcast_tests.rs"]
mod upcast_tests;
