//! Connection roles as they were at any moment.

use events::{
    codec::CrmEvent,
    customers::{ConnectionRoleCategory, ConnectionRoleDefined, ConnectionRoleEvent},
    ids::{Category, ConnectionRoleId},
    values::Line,
};

use crate::{
    projector::Fact,
    record::serde_name,
    record::{Erased, Record, RecordState, folded, record, record_projector, version_value},
    table::{ColumnType, Keeping, Table, Value, column},
};

/// Every state of every connection role.
pub static CONNECTION_ROLES: Table = Table {
    name: "connection_roles",
    key: &[column("id", ColumnType::Id)],
    columns: &[
        column("name", ColumnType::Text),
        column("name_folded", ColumnType::Text),
        column("category", ColumnType::Text),
        column("state", ColumnType::Text),
        column("created_at", ColumnType::Int),
        column("changed_at", ColumnType::Int),
        column("version", ColumnType::Int),
        column("document", ColumnType::Text),
    ],
    keeping: Keeping::History,
    indexes: &[&["name_folded", "id"]],
};

record! {
    /// A connection role: the definition of one side of a relationship.
    ConnectionRoleRecord(ConnectionRoleId) {
        /// The name.
        name: Line<100>,
        /// The type of relationship.
        category: ConnectionRoleCategory,
        /// The kinds of record that may have it; empty means all.
        applies_to: Vec<Category>,
        /// The roles the other side may have.
        matching: Vec<ConnectionRoleId>,
        /// Whether it is offered. Connections keep a role that is not.
        state: RecordState,
    }
}

record_projector! {
    /// Which roles can, or could, records have towards each other?
    ConnectionRoles, ConnectionRoleRecord, "connection_roles"
}

impl ConnectionRoleRecord {
    fn defined(id: ConnectionRoleId, defined: &ConnectionRoleDefined, fact: &Fact<'_>) -> Self {
        let actor = fact.recorded.event.cause.actor;
        Self {
            id,
            name: defined.name.clone(),
            category: defined.category,
            applies_to: defined.applies_to.clone(),
            matching: defined.matching.clone(),
            state: RecordState::Active,
            version: fact.recorded.version,
            created_at: fact.recorded.recorded_at,
            created_by: actor,
            changed_at: fact.recorded.recorded_at,
            changed_by: actor,
            erased: Erased::default(),
        }
    }

    fn evolve(&mut self, event: &ConnectionRoleEvent) {
        match event {
            // A stream has one definition, and it made this record.
            ConnectionRoleEvent::Defined(_) => {}
            ConnectionRoleEvent::Changed(changed) => {
                if let Some(name) = &changed.name {
                    self.name = name.clone();
                }
                if let Some(category) = changed.category {
                    self.category = category;
                }
                if let Some(applies_to) = &changed.applies_to {
                    self.applies_to.clone_from(applies_to);
                }
                if let Some(matching) = &changed.matching {
                    self.matching.clone_from(matching);
                }
            }
            ConnectionRoleEvent::Retired(_) => self.state = RecordState::Inactive,
        }
    }
}

/// The connection role after an event of its stream.
#[must_use]
pub fn fold_connection_role(
    before: Option<ConnectionRoleRecord>,
    fact: &Fact<'_>,
) -> Option<ConnectionRoleRecord> {
    let CrmEvent::ConnectionRole(event) = fact.event() else { return before };
    match (before, event) {
        (None, ConnectionRoleEvent::Defined(defined)) => {
            let id = ConnectionRoleId(fact.recorded.stream.id);
            Some(ConnectionRoleRecord::defined(id, defined, fact))
        }
        (None, _) => None,
        (Some(mut role), event) => {
            role.evolve(event);
            Some(role.stamped(fact))
        }
    }
}

impl Record for ConnectionRoleRecord {
    const CATEGORY: Category = Category::ConnectionRole;
    const TABLE: &'static Table = &CONNECTION_ROLES;

    fn fold(before: Option<Self>, fact: &Fact<'_>) -> Option<Self> {
        fold_connection_role(before, fact)
    }

    fn columns(&self) -> Vec<Value> {
        vec![
            self.name.as_str().into(),
            folded(self.name.as_str()).into(),
            serde_name(&self.category).into(),
            self.state.name().into(),
            self.created_at.micros().into(),
            self.changed_at.micros().into(),
            version_value(self.version),
        ]
    }
}
