//! One identity type per kind of record, and the ids that are derived instead of drawn.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use uuid::Uuid;

/// The namespace of every derived id (uuid v5). Changing it would change every derived id.
pub const NAMESPACE: Uuid = Uuid::from_u128(0x6a1f_0e3c_52c4_5d0b_9f6e_8d1c_a77a_1500);

/// An id in the one form it is written in: 32 hexadecimal digits in five groups, in either case.
#[must_use]
pub fn parse_id(text: &str) -> Option<Uuid> {
    // The other forms of a UUID have other lengths.
    Uuid::try_parse(text).ok().filter(|_| text.len() == 36)
}

/// Reads an id; see [`parse_id`].
///
/// # Errors
/// When it has another form.
pub fn hyphenated<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    parse_id(&text).ok_or_else(|| {
        de::Error::custom("is no UUID of the form 01234567-89ab-4cde-8f01-23456789abcd")
    })
}

macro_rules! id {
    ($($(#[$meta:meta])* $name:ident in $category:ident;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(#[serde(deserialize_with = "hyphenated")] pub Uuid);

        impl $name {
            /// The stream that holds the whole life of this record.
            #[must_use]
            pub const fn stream(self) -> StreamName {
                StreamName { category: Category::$category, id: self.0 }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$name> for RecordRef {
            fn from(id: $name) -> Self {
                Self { category: Category::$category, id: id.0 }
            }
        }
    )*};
}

id! {
    /// A company that might do business with the organisation.
    AccountId in Account;
    /// A person.
    ContactId in Contact;
    /// The definition of one side of a relationship.
    ConnectionRoleId in ConnectionRole;
    /// A relationship between two records.
    ConnectionId in Connection;
    /// A deal in the making.
    OpportunityId in Opportunity;
    /// A quote with all its revisions.
    QuoteId in Quote;
    /// A confirmed request for delivery.
    OrderId in Order;
    /// A note on any record.
    NoteId in Note;
    /// Someone who works with the product.
    UserId in User;
    /// An API token.
    TokenId in Token;
    /// The organisation of this installation.
    OrganizationId in Organization;
    /// One sequence of document numbers.
    NumberingId in Numbering;
    /// The acts of administration of one installation: the id of its log.
    AdministrationId in Administration;
}

/// The kind of a stream. Stored names are for ever and hold no hyphen.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(extend("x-open" = true))]
#[expect(missing_docs, reason = "each is the record of the same name")]
pub enum Category {
    Account,
    Contact,
    ConnectionRole,
    Connection,
    Opportunity,
    Quote,
    Order,
    Note,
    User,
    Token,
    Organization,
    Numbering,
    // The acts of administration. No payload names them.
    #[serde(skip_deserializing)]
    #[schemars(skip)]
    Administration,
}

impl Category {
    /// Every category, in the order of declaration.
    pub const ALL: [Self; 13] = [
        Self::Account,
        Self::Contact,
        Self::ConnectionRole,
        Self::Connection,
        Self::Opportunity,
        Self::Quote,
        Self::Order,
        Self::Note,
        Self::User,
        Self::Token,
        Self::Organization,
        Self::Numbering,
        Self::Administration,
    ];

    /// The name in stream names, subjects and event types.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Contact => "contact",
            Self::ConnectionRole => "connectionrole",
            Self::Connection => "connection",
            Self::Opportunity => "opportunity",
            Self::Quote => "quote",
            Self::Order => "order",
            Self::Note => "note",
            Self::User => "user",
            Self::Token => "token",
            Self::Organization => "organization",
            Self::Numbering => "numbering",
            Self::Administration => "administration",
        }
    }

    /// The category of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.name() == name)
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name of a stream: `category-uuid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName {
    /// The kind of record.
    pub category: Category,
    /// The record.
    pub id: Uuid,
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.category, self.id)
    }
}

/// A text that is no stream name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stream is named `category-uuid`, with a known category")]
pub struct NotAStream;

impl FromStr for StreamName {
    type Err = NotAStream;

    fn from_str(text: &str) -> Result<Self, NotAStream> {
        let (category, id) = text.split_once('-').ok_or(NotAStream)?;
        let category = Category::from_name(category).ok_or(NotAStream)?;
        let id = parse_id(id).ok_or(NotAStream)?;
        Ok(Self { category, id })
    }
}

/// Names any record: `{"type": "account", "id": ".."}`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct RecordRef {
    /// The kind of record.
    #[serde(rename = "type")]
    pub category: Category,
    /// The record.
    #[serde(deserialize_with = "hyphenated")]
    pub id: Uuid,
}

impl RecordRef {
    /// The stream that holds the whole life of this record.
    #[must_use]
    pub const fn stream(self) -> StreamName {
        StreamName { category: self.category, id: self.id }
    }
}

impl From<StreamName> for RecordRef {
    fn from(stream: StreamName) -> Self {
        Self { category: stream.category, id: stream.id }
    }
}

macro_rules! one_of {
    ($($(#[$meta:meta])* $name:ident { $($variant:ident($id:ident)),* })*) => {$(
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(tag = "type", content = "id", rename_all = "lowercase", deny_unknown_fields)]
        $(#[$meta])*
        #[expect(missing_docs, reason = "each names the record of the same name")]
        pub enum $name { $($variant($id)),* }

        impl From<$name> for RecordRef {
            fn from(reference: $name) -> Self {
                match reference { $($name::$variant(id) => id.into()),* }
            }
        }

        impl $name {
            /// The stream of the record that is named.
            #[must_use]
            pub fn stream(self) -> StreamName {
                RecordRef::from(self).stream()
            }
        }
    )*};
}

one_of! {
    /// Who buys: an account or a contact (Dynamics's `Customer` look-up).
    CustomerRef { Account(AccountId), Contact(ContactId) }
    /// Who owns a record.
    #[schemars(extend("x-open" = true))]
    Principal { User(UserId) }
    /// What a sale can be started from, and what a connection can end at.
    #[schemars(extend("x-open" = true))]
    PartyRef { Account(AccountId), Contact(ContactId), Opportunity(OpportunityId) }
}

/// A request to change something: its id makes the change happen once.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct CommandId(#[serde(deserialize_with = "hyphenated")] pub Uuid);

impl CommandId {
    /// The id of the event at `ordinal` among the events of this command. The same for every retry.
    #[must_use]
    pub fn event(self, ordinal: u32) -> EventId {
        EventId(Uuid::new_v5(&self.0, &ordinal.to_be_bytes()))
    }

    /// The id of the record that a create without an id makes.
    #[must_use]
    pub fn record(self) -> Uuid {
        Uuid::new_v5(&self.0, b"record")
    }
}

/// One event.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct EventId(#[serde(deserialize_with = "hyphenated")] pub Uuid);

impl EventId {
    /// The id of the command that this event makes a process manager send.
    #[must_use]
    pub fn reaction(self, command_name: &str) -> CommandId {
        CommandId(Uuid::new_v5(&self.0, command_name.as_bytes()))
    }
}

/// One log: one installation, one organisation.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct LogId(#[serde(deserialize_with = "hyphenated")] pub Uuid);

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One key of the key store.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct KeyId(#[serde(deserialize_with = "hyphenated")] pub Uuid);

/// An id that follows from a natural key: `derived("order:<quote>:<revision>")`.
///
/// Never of a personal value: the id would outlive the erasure of the person.
#[must_use]
pub fn derived(natural_key: &str) -> Uuid {
    Uuid::new_v5(&NAMESPACE, natural_key.as_bytes())
}
