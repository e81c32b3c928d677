//! Changing what is known of a connection, ending it and taking it up again.

use events::{
    customers::{ConnectionDetailsChanged, ConnectionEnded, ConnectionEvent, ConnectionReinstated},
    ids::{CommandId, ConnectionId, ConnectionRoleId, PartyRef, StreamName},
    personal::{Clear, Personal},
    values::{Change, Day, Prose},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Connection,
    relate_records::{check_dates, check_end, check_role},
};
use crate::{
    aggregate::{Decide, Facts, States},
    refusal::Refusal,
};

/// Changes descriptions or days of a connection that is not over. What is absent stays as it is;
/// `null` takes a value away. Where it has several periods, the last one's days change.
///
/// Descriptions are sealed: when given they are written, whether or not they differ.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeConnectionDetails {
    /// The connection.
    pub connection_id: ConnectionId,
    /// What is worth knowing about the record it was made from.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub description_a: Change<Clear<Prose>>,
    /// What is worth knowing about the other record.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub description_b: Change<Clear<Prose>>,
    /// The first day, after the last one of an earlier period.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub start: Change<Day>,
    /// The last day, also one to come; not before the first.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub end: Change<Day>,
}

impl Decide for ChangeConnectionDetails {
    const NAME: &'static str = "ChangeConnectionDetails";
    type Aggregate = Connection;

    fn record(&self, _: CommandId) -> Uuid {
        self.connection_id.0
    }

    fn decide(&self, own: &Connection, facts: &Facts<'_>) -> Result<Vec<ConnectionEvent>, Refusal> {
        let state = own.require()?;
        if state.is_over(facts.today()) {
            return Err(Refusal::ConnectionEnded);
        }
        let last = state.last()?;
        let (mut start, mut end) = (last.start, last.end);
        self.start.apply_to(&mut start);
        self.end.apply_to(&mut end);
        check_dates(start, end)?;
        if !state.periods.last_may_be(&self.start) {
            return Err(Refusal::ConnectionDates);
        }
        let changed = ConnectionDetailsChanged {
            description_a: self.description_a.clone().map(Personal::from),
            description_b: self.description_b.clone().map(Personal::from),
            start: self.start.against(last.start.as_ref()),
            end: self.end.against(last.end.as_ref()),
        };
        if changed == ConnectionDetailsChanged::default() {
            return Ok(Vec::new());
        }
        Ok(vec![changed.into()])
    }
}

/// Ends a connection, which holds to the end of its last day. It stays visible for the days on which
/// it held.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndConnection {
    /// The connection.
    pub connection_id: ConnectionId,
    /// Its last day: not before its first, and not in the future. A day to come is set with
    /// `ChangeConnectionDetails`.
    pub end: Day,
}

impl Decide for EndConnection {
    const NAME: &'static str = "EndConnection";
    type Aggregate = Connection;

    fn record(&self, _: CommandId) -> Uuid {
        self.connection_id.0
    }

    fn effective_day(&self) -> Option<Day> {
        Some(self.end)
    }

    fn decide(&self, own: &Connection, facts: &Facts<'_>) -> Result<Vec<ConnectionEvent>, Refusal> {
        let state = own.require()?;
        let last = state.last()?;
        let is_said = last.end == Some(self.end);
        if state.is_over(facts.today()) {
            return if is_said { Ok(Vec::new()) } else { Err(Refusal::ConnectionEnded) };
        }
        check_dates(last.start, Some(self.end))?;
        if self.end > facts.today() {
            return Err(Refusal::EffectiveInFuture);
        }
        if is_said {
            return Ok(Vec::new());
        }
        Ok(vec![ConnectionEnded { end: self.end }.into()])
    }
}

/// Takes up a connection that is over, with the roles it had unless others are given.
///
/// The days on which it held before stay as they were: from a later first day on it has a further
/// period.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReinstateConnection {
    /// The connection, past its last day. Both ends must be there and in use.
    pub connection_id: ConnectionId,
    /// The first day of its new period; absent, it goes on as if it had not ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Day>,
    /// The role of the record it was made from; `null` takes it away.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub role_a: Change<ConnectionRoleId>,
    /// The role of the other record; `null` takes it away.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub role_b: Change<ConnectionRoleId>,
}

impl ReinstateConnection {
    /// The role of one side from now on. One that is given must be offered; one that stays need
    /// not be any more.
    fn role(
        given: &Change<ConnectionRoleId>,
        before: Option<ConnectionRoleId>,
        party: PartyRef,
        states: &States,
    ) -> Result<Option<ConnectionRoleId>, Refusal> {
        let mut role = before;
        given.apply_to(&mut role);
        if role != before {
            check_role(role, party, states)?;
        }
        Ok(role)
    }
}

impl Decide for ReinstateConnection {
    const NAME: &'static str = "ReinstateConnection";
    type Aggregate = Connection;

    fn record(&self, _: CommandId) -> Uuid {
        self.connection_id.0
    }

    fn needs(&self, own: &Connection, _: &States) -> Vec<StreamName> {
        let Some(state) = own.established() else { return Vec::new() };
        let mut streams = vec![state.a.stream(), state.b.stream()];
        for given in [self.role_a, self.role_b] {
            if let Change::Set(role) = given {
                streams.push(role.stream());
            }
        }
        streams
    }

    fn decide(&self, own: &Connection, facts: &Facts<'_>) -> Result<Vec<ConnectionEvent>, Refusal> {
        let state = own.require()?;
        if !state.is_over(facts.today()) {
            return Err(Refusal::ConnectionActive);
        }
        check_end(state.a, facts.states)?;
        check_end(state.b, facts.states)?;
        let last = state.last()?;
        let role_a = Self::role(&self.role_a, last.role_a, state.a, facts.states)?;
        let role_b = Self::role(&self.role_b, last.role_b, state.b, facts.states)?;
        Ok(vec![ConnectionReinstated { start: self.start, role_a, role_b }.into()])
    }
}

#[cfg(test)]
#[path = "connection_commands_tests.rs"]
mod tests;
