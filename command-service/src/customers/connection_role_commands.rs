//! Defining connection roles, changing and retiring them.

use events::{
    customers::{
        ConnectionRoleCategory, ConnectionRoleChanged, ConnectionRoleDefined, ConnectionRoleEvent,
        ConnectionRoleRetired,
    },
    ids::{Category, CommandId, ConnectionRoleId, StreamName},
    values::Line,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ConnectionRole, connection_role::ConnectionRoleState};
use crate::{
    aggregate::{Decide, Facts, States},
    body::given,
    refusal::Refusal,
};

/// Defines a connection role: one side of a relationship, like "Supplier".
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DefineConnectionRole {
    /// The id of the new role; absent, one is derived from the id of the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_role_id: Option<ConnectionRoleId>,
    /// The name, as one side of a relationship: "Supplier".
    pub name: Line<100>,
    /// The type of relationship.
    pub category: ConnectionRoleCategory,
    /// The kinds of record that may have it: accounts, contacts, opportunities. Empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applies_to: Vec<Category>,
    /// The roles the other side may have; itself for a role that both sides have ("Friend").
    /// Where there is exactly one, it is filled in by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matching: Vec<ConnectionRoleId>,
}

impl Decide for DefineConnectionRole {
    const NAME: &'static str = "DefineConnectionRole";
    const MAKES_KEY: bool = true;
    type Aggregate = ConnectionRole;

    fn record(&self, command_id: CommandId) -> Uuid {
        self.connection_role_id.map_or_else(|| command_id.record(), |id| id.0)
    }

    fn needs(&self, _: &ConnectionRole, _: &States) -> Vec<StreamName> {
        other_roles(&self.matching, self.connection_role_id).map(ConnectionRoleId::stream).collect()
    }

    fn decide(
        &self,
        own: &ConnectionRole,
        facts: &Facts<'_>,
    ) -> Result<Vec<ConnectionRoleEvent>, Refusal> {
        if own.defined().is_some() {
            return Err(Refusal::Exists);
        }
        check_kinds(&self.applies_to)?;
        check_roles(other_roles(&self.matching, self.connection_role_id), facts.states)?;
        let defined = ConnectionRoleDefined {
            key: facts.key()?,
            name: self.name.clone(),
            category: self.category,
            applies_to: as_set(&self.applies_to),
            matching: as_set(&self.matching),
        };
        Ok(vec![defined.into()])
    }
}

/// Changes a connection role. What is absent stays as it is; connections that have it keep it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeConnectionRole {
    /// The role.
    pub connection_role_id: ConnectionRoleId,
    /// The name, as one side of a relationship.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Line<100>")]
    pub name: Option<Line<100>>,
    /// The type of relationship.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ConnectionRoleCategory")]
    pub category: Option<ConnectionRoleCategory>,
    /// The kinds of record that may have it: accounts, contacts, opportunities. Empty means all.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<Category>")]
    pub applies_to: Option<Vec<Category>>,
    /// The roles the other side may have. Where there is exactly one, it is filled in by itself.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<ConnectionRoleId>")]
    pub matching: Option<Vec<ConnectionRoleId>>,
}

impl ChangeConnectionRole {
    fn other_roles(&self) -> impl Iterator<Item = ConnectionRoleId> {
        other_roles(self.matching.as_deref().unwrap_or_default(), Some(self.connection_role_id))
    }
}

impl Decide for ChangeConnectionRole {
    const NAME: &'static str = "ChangeConnectionRole";
    type Aggregate = ConnectionRole;

    fn record(&self, _: CommandId) -> Uuid {
        self.connection_role_id.0
    }

    fn needs(&self, _: &ConnectionRole, _: &States) -> Vec<StreamName> {
        self.other_roles().map(ConnectionRoleId::stream).collect()
    }

    fn decide(
        &self,
        own: &ConnectionRole,
        facts: &Facts<'_>,
    ) -> Result<Vec<ConnectionRoleEvent>, Refusal> {
        let state = require(own)?;
        if state.retired {
            return Err(Refusal::RoleRetired);
        }
        check_kinds(self.applies_to.as_deref().unwrap_or_default())?;
        check_roles(self.other_roles(), facts.states)?;
        let applies_to = self.applies_to.as_deref().map(as_set);
        let matching = self.matching.as_deref().map(as_set);
        let changed = ConnectionRoleChanged {
            name: self.name.clone().filter(|name| *name != state.name),
            category: self.category.filter(|category| *category != state.category),
            applies_to: applies_to.filter(|kinds| *kinds != state.applies_to),
            matching: matching.filter(|roles| *roles != state.matching),
        };
        if changed == ConnectionRoleChanged::default() {
            return Ok(Vec::new());
        }
        Ok(vec![changed.into()])
    }
}

/// Retires a connection role: no new connection gets it, those that have it keep it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetireConnectionRole {
    /// The role.
    pub connection_role_id: ConnectionRoleId,
}

impl Decide for RetireConnectionRole {
    const NAME: &'static str = "RetireConnectionRole";
    type Aggregate = ConnectionRole;

    fn record(&self, _: CommandId) -> Uuid {
        self.connection_role_id.0
    }

    fn decide(
        &self,
        own: &ConnectionRole,
        _: &Facts<'_>,
    ) -> Result<Vec<ConnectionRoleEvent>, Refusal> {
        let offered = !require(own)?.retired;
        Ok(offered.then(|| ConnectionRoleRetired {}.into()).into_iter().collect())
    }
}

fn require(role: &ConnectionRole) -> Result<&ConnectionRoleState, Refusal> {
    role.defined().ok_or_else(|| Refusal::not_found(Category::ConnectionRole))
}

/// In order, each once: so that the same set never looks like a change.
fn as_set<T: Copy + Ord>(items: &[T]) -> Vec<T> {
    let mut set = items.to_vec();
    set.sort_unstable();
    set.dedup();
    set
}

/// The roles that are named beside the role itself.
fn other_roles(
    matching: &[ConnectionRoleId],
    own: Option<ConnectionRoleId>,
) -> impl Iterator<Item = ConnectionRoleId> {
    matching.iter().copied().filter(move |role| Some(*role) != own)
}

fn check_roles(
    mut roles: impl Iterator<Item = ConnectionRoleId>,
    states: &States,
) -> Result<(), Refusal> {
    if roles.all(|role| states.connection_role(role).is_some()) {
        return Ok(());
    }
    Err(Refusal::not_found(Category::ConnectionRole))
}

/// Only what can be an end of a connection can have a role in one.
fn check_kinds(kinds: &[Category]) -> Result<(), Refusal> {
    let can = |kind| matches!(kind, Category::Account | Category::Contact | Category::Opportunity);
    match kinds.iter().find(|kind| !can(**kind)) {
        Some(category) => Err(Refusal::UnsupportedType { category: *category }),
        None => Ok(()),
    }
}

#[cfg(test)]
#[path = "connection_role_commands_tests.rs"]
mod tests;
