//! Any event, and the bytes that are stored of it.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    access::{AdministrationEvent, OrganizationEvent, TokenEvent, UserEvent},
    category::{CategoryEvents as _, Published, Stamp},
    customers::{AccountEvent, ConnectionEvent, ConnectionRoleEvent, ContactEvent, NoteEvent},
    envelope::{EventType, NewEvent, Version},
    ids::{Category, EventId},
    personal::{Personal, PersonalFields, PersonalVisitor},
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

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
