//! Connection roles, and the connections that are made with them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    category::category_events,
    ids::{Category, ConnectionRoleId, KeyId, PartyRef},
    personal::{Personal, personal_fields},
    values::{Change, Day, Line, Prose},
};

category_events! {
    /// Something that happened to one connection role.
    ConnectionRoleEvent in ConnectionRole {
        /// The role was defined.
        Defined(ConnectionRoleDefined) = "connectionrole.defined" v 1,
        /// The role was changed.
        Changed(ConnectionRoleChanged) = "connectionrole.changed" v 1,
        /// The role is not offered any more. Connections keep it.
        Retired(ConnectionRoleRetired) = "connectionrole.retired" v 1,
    }
}

category_events! {
    /// Something that happened to one connection.
    ConnectionEvent in Connection {
        /// Two records were related.
        Established(ConnectionEstablished) = "connection.established" v 1,
        /// Descriptions or dates changed.
        DetailsChanged(ConnectionDetailsChanged) = "connection.details_changed" v 1,
        /// The relationship ended.
        Ended(ConnectionEnded) = "connection.ended" v 1,
        /// The relationship was taken up again.
        Reinstated(ConnectionReinstated) = "connection.reinstated" v 1,
    }
}

/// Dynamics's categories of connection roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are Dynamics's own")]
pub enum ConnectionRoleCategory {
    Business,
    Family,
    Social,
    Sales,
    Other,
    Stakeholder,
    SalesTeam,
    Service,
}

/// The role was defined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionRoleDefined {
    /// The key of what is written about it.
    pub key: KeyId,
    /// The name, as one side of a relationship: "Supplier".
    pub name: Line<100>,
    /// The type of relationship.
    pub category: ConnectionRoleCategory,
    /// The kinds of record that may have it; empty means all.
    #[serde(default)]
    pub applies_to: Vec<Category>,
    /// The roles the other side may have; exactly one is filled in by itself.
    #[serde(default)]
    pub matching: Vec<ConnectionRoleId>,
}

/// The role was changed; what is absent stays as it was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConnectionRoleChanged {
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Line<100>>,
    /// The type of relationship.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<ConnectionRoleCategory>,
    /// The kinds of record that may have it; empty means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applies_to: Option<Vec<Category>>,
    /// The roles the other side may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matching: Option<Vec<ConnectionRoleId>>,
}

/// The role is not offered any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionRoleRetired {}

/// One side of a connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionSide {
    /// The record.
    pub record: PartyRef,
    /// Its role in the relationship.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<ConnectionRoleId>,
    /// Whether the role was filled in because it is the only one that matches the other side's.
    #[serde(default)]
    pub role_is_reciprocal: bool,
    /// What is worth knowing about this side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Personal<Prose>>,
}

/// Two records were related.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionEstablished {
    /// The key of the descriptions.
    pub key: KeyId,
    /// The side it was made from: the primary record.
    pub a: ConnectionSide,
    /// The other side.
    pub b: ConnectionSide,
    /// First day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Day>,
    /// Last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Day>,
}

/// Descriptions or dates changed; what is absent stays as it was, `null` is no value any more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConnectionDetailsChanged {
    /// What is worth knowing about side a.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub description_a: Change<Personal<Prose>>,
    /// What is worth knowing about side b.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub description_b: Change<Personal<Prose>>,
    /// First day.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub start: Change<Day>,
    /// Last day.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub end: Change<Day>,
}

/// The relationship ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionEnded {
    /// Its last day.
    pub end: Day,
}

/// The relationship was taken up again, without a last day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionReinstated {
    /// Its first day; absent, it stays as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Day>,
    /// The role of side a from now on; absent, it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_a: Option<ConnectionRoleId>,
    /// The role of side b from now on; absent, it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_b: Option<ConnectionRoleId>,
}

personal_fields! {
    ConnectionRoleDefined {}
    ConnectionRoleChanged {}
    ConnectionRoleRetired {}
    ConnectionSide { description }
    ConnectionEstablished { a, b }
    ConnectionDetailsChanged { description_a, description_b }
    ConnectionEnded {}
    ConnectionReinstated {}
}
