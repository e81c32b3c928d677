//! Connections as they were at any moment, and each seen from both of its sides.

use events::{
    codec::CrmEvent,
    customers::{ConnectionEstablished, ConnectionEvent},
    ids::{Category, ConnectionId, ConnectionRoleId, PartyRef, RecordRef},
    values::{Day, Prose},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    projector::{Change, Changes, Fact, ProjectError, Projector, Rows},
    record::{
        Erased, Record, RecordState, day_value, project_record, record, reference_values, step,
        version_value,
    },
    table::{ColumnType, Keeping, Row, Table, Value, column, optional},
};

/// Every state of every connection.
pub static CONNECTIONS: Table = Table {
    name: "connections",
    key: &[column("id", ColumnType::Id)],
    columns: &[
        column("a_type", ColumnType::Text),
        column("a_id", ColumnType::Id),
        column("b_type", ColumnType::Text),
        column("b_id", ColumnType::Id),
        column("state", ColumnType::Text),
        optional("start_day", ColumnType::Int),
        optional("end_day", ColumnType::Int),
        column("created_at", ColumnType::Int),
        column("changed_at", ColumnType::Int),
        column("version", ColumnType::Int),
        column("document", ColumnType::Text),
    ],
    keeping: Keeping::History,
    indexes: &[],
};

/// Each connection twice: once from each side. Names of records and roles are looked up by the
/// question, so that a renamed role is renamed everywhere.
pub static CONNECTION_SIDES: Table = Table {
    name: "connection_sides",
    key: &[column("record_id", ColumnType::Id), column("connection_id", ColumnType::Id)],
    columns: &[
        column("record_type", ColumnType::Text),
        optional("role_id", ColumnType::Id),
        optional("description", ColumnType::Text),
        column("other_type", ColumnType::Text),
        column("other_id", ColumnType::Id),
        optional("other_role_id", ColumnType::Id),
        optional("other_description", ColumnType::Text),
        optional("start_day", ColumnType::Int),
        optional("end_day", ColumnType::Int),
        column("ended", ColumnType::Int),
    ],
    keeping: Keeping::History,
    indexes: &[],
};

/// One side of a connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionSideRecord {
    /// The record.
    pub record: PartyRef,
    /// Its role in the relationship.
    pub role: Option<ConnectionRoleId>,
    /// Whether the role was filled in because it is the only one that matches the other side's.
    pub role_is_reciprocal: bool,
    /// What is worth knowing about this side.
    pub description: Option<Prose>,
}

record! {
    /// A relationship between two records.
    ConnectionRecord(ConnectionId) {
        /// The side it was made from.
        a: ConnectionSideRecord,
        /// The other side.
        b: ConnectionSideRecord,
        /// First day.
        start: Option<Day>,
        /// Last day.
        end: Option<Day>,
        /// Whether it was ended.
        state: RecordState,
    }
}

impl ConnectionSideRecord {
    /// The role from now on. One that somebody chose was not filled in.
    fn take_role(&mut self, role: Option<ConnectionRoleId>) {
        if self.role != role {
            self.role = role;
            self.role_is_reciprocal = false;
        }
    }
}

impl ConnectionRecord {
    fn established(id: ConnectionId, made: &ConnectionEstablished, fact: &Fact<'_>) -> Self {
        let mut erased = Erased::default();
        let actor = fact.recorded.event.cause.actor;
        let mut side = |name: &str, side: &events::customers::ConnectionSide| {
            let field = format!("{name}.description");
            ConnectionSideRecord {
                record: side.record,
                role: side.role,
                role_is_reciprocal: side.role_is_reciprocal,
                description: erased.open(&field, side.description.as_ref()),
            }
        };
        let (a, b) = (side("a", &made.a), side("b", &made.b));
        Self {
            id,
            a,
            b,
            start: made.start,
            end: made.end,
            state: RecordState::Active,
            version: fact.recorded.version,
            created_at: fact.recorded.recorded_at,
            created_by: actor,
            changed_at: fact.recorded.recorded_at,
            changed_by: actor,
            erased,
        }
    }

    fn evolve(&mut self, event: &ConnectionEvent) {
        match event {
            // A stream has one beginning, and it made this record.
            ConnectionEvent::Established(_) => {}
            ConnectionEvent::DetailsChanged(changed) => {
                let (a, b) = (&mut self.a.description, &mut self.b.description);
                self.erased.change("a.description", a, &changed.description_a);
                self.erased.change("b.description", b, &changed.description_b);
                changed.start.apply_to(&mut self.start);
                changed.end.apply_to(&mut self.end);
            }
            ConnectionEvent::Ended(ended) => {
                self.end = Some(ended.end);
                self.state = RecordState::Inactive;
            }
            ConnectionEvent::Reinstated(reinstated) => {
                self.start = reinstated.start.or(self.start);
                self.a.take_role(reinstated.role_a);
                self.b.take_role(reinstated.role_b);
                self.end = None;
                self.state = RecordState::Active;
            }
        }
    }

    fn seen_from(&self, own: &ConnectionSideRecord, other: &ConnectionSideRecord) -> Row {
        let record = RecordRef::from(own.record);
        let [other_type, other_id] = reference_values(Some(other.record));
        Row::from(vec![
            record.id.into(),
            self.id.0.into(),
            record.category.name().into(),
            own.role.map(|role| role.0).into(),
            own.description.as_ref().map(Prose::as_str).into(),
            other_type,
            other_id,
            other.role.map(|role| role.0).into(),
            other.description.as_ref().map(Prose::as_str).into(),
            day_value(self.start),
            day_value(self.end),
            (self.state == RecordState::Inactive).into(),
        ])
    }
}

/// The connection after an event of its stream.
#[must_use]
pub fn fold_connection(
    before: Option<ConnectionRecord>,
    fact: &Fact<'_>,
) -> Option<ConnectionRecord> {
    let CrmEvent::Connection(event) = fact.event() else { return before };
    match (before, event) {
        (None, ConnectionEvent::Established(established)) => {
            let id = ConnectionId(fact.recorded.stream.id);
            Some(ConnectionRecord::established(id, established, fact))
        }
        (None, _) => None,
        (Some(mut connection), event) => {
            connection.evolve(event);
            Some(connection.stamped(fact))
        }
    }
}

impl Record for ConnectionRecord {
    const CATEGORY: Category = Category::Connection;
    const TABLE: &'static Table = &CONNECTIONS;

    fn fold(before: Option<Self>, fact: &Fact<'_>) -> Option<Self> {
        fold_connection(before, fact)
    }

    fn columns(&self) -> Vec<Value> {
        let [a_type, a_id] = reference_values(Some(self.a.record));
        let [b_type, b_id] = reference_values(Some(self.b.record));
        vec![
            a_type,
            a_id,
            b_type,
            b_id,
            self.state.name().into(),
            day_value(self.start),
            day_value(self.end),
            self.created_at.micros().into(),
            self.changed_at.micros().into(),
            version_value(self.version),
        ]
    }
}

/// How is, or was, a record related to others, and with which role on either side?
#[derive(Clone, Copy, Debug)]
pub struct Connections;

impl Projector for Connections {
    fn name(&self) -> &'static str {
        "connections"
    }

    fn tables(&self) -> &'static [&'static Table] {
        const TABLES: &[&Table] = &[&CONNECTIONS, &CONNECTION_SIDES];
        TABLES
    }

    fn project(&self, fact: &Fact<'_>, rows: &dyn Rows) -> Result<Changes, ProjectError> {
        let mut changes = project_record::<ConnectionRecord>(fact, rows)?;
        if changes.is_empty() {
            return Ok(changes);
        }
        let (before, Some(after)) = step::<ConnectionRecord>(fact, rows)? else {
            return Ok(changes);
        };
        for row in [after.seen_from(&after.a, &after.b), after.seen_from(&after.b, &after.a)] {
            changes.push(if before.is_none() {
                Change::Insert(&CONNECTION_SIDES, row)
            } else {
                Change::Put(&CONNECTION_SIDES, row)
            });
        }
        Ok(changes)
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
