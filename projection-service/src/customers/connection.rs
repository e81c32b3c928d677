//! Connections as they were at any moment, and each seen from both of its sides.

use events::{
    Actor, Instant, Version,
    codec::CrmEvent,
    customers::{
        ConnectionEstablished, ConnectionEvent, ConnectionSide, Period, Periods, Standing,
    },
    ids::{Category, ConnectionId, ConnectionRoleId, PartyRef, RecordRef},
    values::{Day, Prose},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    projector::{Change, Changes, Fact, ProjectError, Projector, Rows, day_in},
    record::{
        Erased, Record, RecordState, day_value, happened_by, project_record, record,
        reference_values, step, version_value,
    },
    table::{ColumnType, Keeping, Row, Table, Value, column, optional},
};

/// Every state of every connection. How it stands on a day is no part of it: that follows from its
/// periods when somebody asks.
pub static CONNECTIONS: Table = Table {
    name: "connections",
    key: &[column("id", ColumnType::Id)],
    columns: &[
        column("a_type", ColumnType::Text),
        column("a_id", ColumnType::Id),
        column("b_type", ColumnType::Text),
        column("b_id", ColumnType::Id),
        column("created_at", ColumnType::Int),
        column("changed_at", ColumnType::Int),
        column("version", ColumnType::Int),
        column("document", ColumnType::Text),
    ],
    keeping: Keeping::History,
    indexes: &[],
};

/// Each period of each connection twice: once from each side. Names of records and roles are looked
/// up by the question, so that a renamed role is renamed everywhere.
///
/// On every day exactly one period of a connection is shown: that with
/// `shown_from <= day <= shown_to`. The connection holds on that day if the day lies in the period; it
/// is over if the period is the last one and has ended.
pub static CONNECTION_SIDES: Table = Table {
    name: "connection_sides",
    key: &[
        column("record_id", ColumnType::Id),
        column("connection_id", ColumnType::Id),
        // From 0, in the order of their days.
        column("period", ColumnType::Int),
    ],
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
        column("shown_from", ColumnType::Int),
        column("shown_to", ColumnType::Int),
        column("is_last", ColumnType::Int),
    ],
    keeping: Keeping::History,
    indexes: &[],
};

/// One side of a connection, as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "KeptConnectionSide")]
pub struct ConnectionSideRecord {
    /// The record.
    pub record: PartyRef,
    /// The role that was filled in because it was the only one that matched the other side's.
    pub reciprocal_role: Option<ConnectionRoleId>,
    /// What is worth knowing about this side.
    pub description: Option<Prose>,
}

record! {
    /// A relationship between two records, as it is kept: on whatever day one looks at it.
    #[schemars(rename = "KeptConnection")]
    ConnectionRecord(ConnectionId) {
        /// The side it was made from.
        a: ConnectionSideRecord,
        /// The other side.
        b: ConnectionSideRecord,
        /// When it holds, and with which roles.
        periods: Periods,
    }
}

/// One side of a connection on a day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ConnectionSideRecord")]
pub struct ConnectionSideView {
    /// The record.
    pub record: PartyRef,
    /// Its role in the relationship.
    pub role: Option<ConnectionRoleId>,
    /// Whether the role was filled in because it is the only one that matches the other side's.
    pub role_is_reciprocal: bool,
    /// What is worth knowing about this side.
    pub description: Option<Prose>,
}

/// A relationship between two records, as it is on the day of the question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ConnectionRecord")]
pub struct ConnectionView {
    /// Its id.
    pub id: ConnectionId,
    /// The side it was made from.
    pub a: ConnectionSideView,
    /// The other side.
    pub b: ConnectionSideView,
    /// First day of the period that holds, or else of the one before that day.
    pub start: Option<Day>,
    /// Last day of that period.
    pub end: Option<Day>,
    /// Active on the days of its periods, Inactive on all others.
    pub state: RecordState,
    /// Every period in which it holds, the earliest first.
    pub periods: Periods,
    /// How many events made it what it is.
    pub version: Version,
    /// When its first event was recorded.
    pub created_at: Instant,
    /// Who made it.
    pub created_by: Actor,
    /// When its last event was recorded.
    pub changed_at: Instant,
    /// Who changed it last.
    pub changed_by: Actor,
    /// The personal fields whose values were erased.
    #[serde(default, skip_serializing_if = "Erased::is_empty")]
    pub erased: Erased,
}

impl ConnectionSideRecord {
    fn with(self, role: Option<ConnectionRoleId>) -> ConnectionSideView {
        ConnectionSideView {
            record: self.record,
            role,
            role_is_reciprocal: role.is_some() && role == self.reciprocal_role,
            description: self.description,
        }
    }
}

/// What one side sees: its record, the other one, and how to tell their roles.
struct Seen<'a> {
    own: &'a ConnectionSideRecord,
    other: &'a ConnectionSideRecord,
    roles: fn(&Period) -> (Option<ConnectionRoleId>, Option<ConnectionRoleId>),
}

impl ConnectionRecord {
    fn established(id: ConnectionId, made: &ConnectionEstablished, fact: &Fact<'_>) -> Self {
        let mut erased = Erased::default();
        let actor = fact.recorded.event.cause.actor;
        let mut side = |name: &str, side: &ConnectionSide| {
            let field = format!("{name}.description");
            ConnectionSideRecord {
                record: side.record,
                reciprocal_role: side.role.filter(|_| side.role_is_reciprocal),
                description: erased.open(&field, side.description.as_ref()),
            }
        };
        let (a, b) = (side("a", &made.a), side("b", &made.b));
        Self {
            id,
            a,
            b,
            periods: Periods::default(),
            version: fact.recorded.version,
            created_at: fact.recorded.recorded_at,
            created_by: actor,
            changed_at: fact.recorded.recorded_at,
            changed_by: actor,
            erased,
        }
    }

    fn evolve(&mut self, event: &ConnectionEvent) {
        self.periods.evolve(event);
        match event {
            ConnectionEvent::DetailsChanged(changed) => {
                let (a, b) = (&mut self.a.description, &mut self.b.description);
                self.erased.change("a.description", a, &changed.description_a);
                self.erased.change("b.description", b, &changed.description_b);
            }
            ConnectionEvent::Established(_)
            | ConnectionEvent::Ended(_)
            | ConnectionEvent::Reinstated(_) => {}
        }
    }

    /// The connection as it is on a day.
    #[must_use]
    pub fn on_day(self, day: Day) -> ConnectionView {
        let shown = self.periods.shown_on(day).copied();
        let role = |of: fn(&Period) -> Option<ConnectionRoleId>| shown.as_ref().and_then(of);
        ConnectionView {
            id: self.id,
            a: self.a.with(role(|period| period.role_a)),
            b: self.b.with(role(|period| period.role_b)),
            start: shown.and_then(|period| period.start),
            end: shown.and_then(|period| period.end),
            state: match self.periods.standing_on(day) {
                Standing::Holds => RecordState::Active,
                Standing::Coming | Standing::Over => RecordState::Inactive,
            },
            periods: self.periods,
            version: self.version,
            created_at: self.created_at,
            created_by: self.created_by,
            changed_at: self.changed_at,
            changed_by: self.changed_by,
            erased: self.erased,
        }
    }

    /// The rows of both sides, one for each period.
    fn sides(&self) -> Vec<Row> {
        let a_sees =
            Seen { own: &self.a, other: &self.b, roles: |period| (period.role_a, period.role_b) };
        let b_sees =
            Seen { own: &self.b, other: &self.a, roles: |period| (period.role_b, period.role_a) };
        let periods = 0..self.periods.all().len();
        let rows = |seen: Seen<'_>| {
            periods.clone().filter_map(|place| self.side(place, &seen)).collect::<Vec<_>>()
        };
        [a_sees, b_sees].into_iter().flat_map(rows).collect()
    }

    fn side(&self, place: usize, seen: &Seen<'_>) -> Option<Row> {
        let all = self.periods.all();
        let (period, next) = (all.get(place)?, all.get(place + 1));
        let shown_from = period.start.filter(|_| place > 0).map_or(i64::MIN, Day::number);
        let shown_to = next.and_then(|next| next.start).map_or(i64::MAX, |day| day.number() - 1);
        let record = RecordRef::from(seen.own.record);
        let [other_type, other_id] = reference_values(Some(seen.other.record));
        let (role, other_role) = (seen.roles)(period);
        Some(Row::from(vec![
            record.id.into(),
            self.id.0.into(),
            u32::try_from(place).ok()?.into(),
            record.category.name().into(),
            role.map(|role| role.0).into(),
            seen.own.description.as_ref().map(Prose::as_str).into(),
            other_type,
            other_id,
            other_role.map(|role| role.0).into(),
            seen.other.description.as_ref().map(Prose::as_str).into(),
            day_value(period.start),
            day_value(period.end),
            shown_from.into(),
            shown_to.into(),
            next.is_none().into(),
        ]))
    }
}

/// The connection after an event of its stream.
#[must_use]
pub fn fold_connection(
    before: Option<ConnectionRecord>,
    fact: &Fact<'_>,
) -> Option<ConnectionRecord> {
    let CrmEvent::Connection(event) = fact.event() else { return before };
    let mut connection = match (before, event) {
        (None, ConnectionEvent::Established(established)) => {
            let id = ConnectionId(fact.recorded.stream.id);
            ConnectionRecord::established(id, established, fact)
        }
        (None, _) => return None,
        (Some(connection), _) => connection,
    };
    connection.evolve(event);
    Some(connection.stamped(fact))
}

impl Record for ConnectionRecord {
    const CATEGORY: Category = Category::Connection;
    const TABLE: &'static Table = &CONNECTIONS;
    const GOES_BY_THE_DAY: bool = true;

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
            self.created_at.micros().into(),
            self.changed_at.micros().into(),
            version_value(self.version),
        ]
    }

    /// Its periods are business dates: they say of every day what was true then, whenever they were
    /// recorded. It begins with the first of them, or else with the first thing that happened to it.
    fn as_effective(facts: &[Fact<'_>], moment: Instant) -> Option<Self> {
        let first = facts.iter().min_by_key(|fact| fact.position())?;
        let known = facts.iter().fold(None, Self::fold)?;
        let mut happened = happened_by(facts, moment);
        if happened.is_empty() {
            let begin = known.periods.all().first()?.start;
            if begin.is_some_and(|begin| day_in(first.zone, moment) < begin) {
                return None;
            }
            happened.push(*first);
        }
        let connection = happened.iter().fold(None, Self::fold)?;
        Some(Self { periods: known.periods, ..connection })
    }

    fn shown_on(&self, day: Day) -> Option<Result<String, serde_json::Error>> {
        Some(serde_json::to_string(&self.clone().on_day(day)))
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
        let after = after.sides();
        let Some(before) = before.map(|before| before.sides()) else {
            changes.extend(after.into_iter().map(|row| Change::Insert(&CONNECTION_SIDES, row)));
            return Ok(changes);
        };
        let key = |row: &Row| CONNECTION_SIDES.key_of(row);
        let gone = before.iter().filter(|old| !after.iter().any(|row| key(row) == key(old)));
        changes.extend(gone.map(|old| Change::Remove(&CONNECTION_SIDES, key(old))));
        let changed = after.into_iter().filter(|row| !before.contains(row));
        changes.extend(changed.map(|row| Change::Put(&CONNECTION_SIDES, row)));
        Ok(changes)
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
