//! Relating two records: which connection it is, its ends and its roles.

use events::{
    customers::{ConnectionEstablished, ConnectionEvent, ConnectionSide},
    ids::{
        Category, CommandId, ConnectionId, ConnectionRoleId, CustomerRef, PartyRef, RecordRef,
        StreamName, derived,
    },
    personal::{Clear, Personal},
    values::{Day, Prose},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Connection, ConnectionRole,
    connection_role::ConnectionRoleState,
    shared::{exists, require_active},
};
use crate::{
    aggregate::{Decide, Facts, States},
    refusal::Refusal,
};

/// The one connection that two records can have, whichever of them is named first.
///
/// Its natural key is the pair: `connection:<type>:<id>:<type>:<id>`, the ends in order. Roles are
/// no part of it, for two reasons. A role may be typed or filled in because it matches the other
/// side's, and the same relationship must get the same id either way, before any role is looked
/// up. And which roles match may change, which must not make room for a duplicate. So two records
/// are related once at a time, with one role each, as in the first Dynamics; a connection that
/// ended is reinstated, not made anew.
#[must_use]
pub fn connection_between(a: PartyRef, b: PartyRef) -> ConnectionId {
    let (first, second) = (RecordRef::from(a.min(b)), RecordRef::from(a.max(b)));
    ConnectionId(derived(&format!(
        "connection:{}:{}:{}:{}",
        first.category, first.id, second.category, second.id
    )))
}

/// Relates two records, each in a role of its own or none.
///
/// Two records are related once: the id of the connection follows from the pair. Where only one
/// side has a role, and exactly one role matches it, the other side gets that role.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RelateRecords {
    /// The record it is made from.
    pub a: PartyRef,
    /// The role of that record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_a: Option<ConnectionRoleId>,
    /// The other record.
    pub b: PartyRef,
    /// The role of the other record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_b: Option<ConnectionRoleId>,
    /// What is worth knowing about the first record in this relationship.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description_a: Option<Clear<Prose>>,
    /// What is worth knowing about the other record in this relationship.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description_b: Option<Clear<Prose>>,
    /// The first day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<Day>,
    /// The last day; not before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<Day>,
}

impl RelateRecords {
    /// The role that is given for one side only, and the record on the other side.
    const fn lone_role(&self) -> Option<(ConnectionRoleId, PartyRef)> {
        match (self.role_a, self.role_b) {
            (Some(role), None) => Some((role, self.b)),
            (None, Some(role)) => Some((role, self.a)),
            (Some(_), Some(_)) | (None, None) => None,
        }
    }

    /// The only role that matches the one that is given, and the record that would get it.
    fn only_match(&self, states: &States) -> Option<(ConnectionRoleId, PartyRef)> {
        let (role, other) = self.lone_role()?;
        let [only] = role_state(role, states)?.matching[..] else { return None };
        Some((only, other))
    }

    /// The role that is filled in: one that is offered, and that the record may have.
    fn reciprocal(&self, states: &States) -> Option<ConnectionRoleId> {
        let (role, party) = self.only_match(states)?;
        let state = role_state(role, states)?;
        (!state.retired && state.applies_to(party)).then_some(role)
    }

    /// One side, with the role that was given or else is filled in.
    fn side(
        record: PartyRef,
        given: Option<ConnectionRoleId>,
        reciprocal: Option<ConnectionRoleId>,
        description: Option<&Clear<Prose>>,
    ) -> ConnectionSide {
        ConnectionSide {
            record,
            role: given.or(reciprocal),
            role_is_reciprocal: given.is_none() && reciprocal.is_some(),
            description: description.cloned().map(Personal::from),
        }
    }
}

impl Decide for RelateRecords {
    const NAME: &'static str = "RelateRecords";
    const MAKES_KEY: bool = true;
    type Aggregate = Connection;

    fn record(&self, _: CommandId) -> Uuid {
        connection_between(self.a, self.b).0
    }

    fn needs(&self, _: &Connection, states: &States) -> Vec<StreamName> {
        let given = self.role_a.into_iter().chain(self.role_b);
        let matching = self.only_match(states).map(|(role, _)| role);
        let mut streams = vec![self.a.stream(), self.b.stream()];
        streams.extend(given.chain(matching).map(ConnectionRoleId::stream));
        streams
    }

    fn decide(&self, own: &Connection, facts: &Facts<'_>) -> Result<Vec<ConnectionEvent>, Refusal> {
        if self.a == self.b {
            return Err(Refusal::ConnectionSelf);
        }
        if let Some(before) = own.established() {
            let over = before.is_over(facts.today());
            return Err(if over { Refusal::ConnectionEnded } else { Refusal::ConnectionExists });
        }
        for (party, role) in [(self.a, self.role_a), (self.b, self.role_b)] {
            check_end(party, facts.states)?;
            check_role(role, party, facts.states)?;
        }
        check_dates(self.start, self.end)?;
        let reciprocal = self.reciprocal(facts.states);
        let established = ConnectionEstablished {
            key: facts.key()?,
            a: Self::side(self.a, self.role_a, reciprocal, self.description_a.as_ref()),
            b: Self::side(self.b, self.role_b, reciprocal, self.description_b.as_ref()),
            start: self.start,
            end: self.end,
        };
        Ok(vec![established.into()])
    }
}

fn role_state(role: ConnectionRoleId, states: &States) -> Option<&ConnectionRoleState> {
    states.connection_role(role).and_then(ConnectionRole::defined)
}

/// A role that is given must be offered, and for records of that kind.
///
/// # Errors
/// When it is not there, retired, or not for that record.
pub(super) fn check_role(
    role: Option<ConnectionRoleId>,
    party: PartyRef,
    states: &States,
) -> Result<(), Refusal> {
    let Some(role) = role else { return Ok(()) };
    let state = role_state(role, states);
    let state = state.ok_or_else(|| Refusal::not_found(Category::ConnectionRole))?;
    if state.retired {
        return Err(Refusal::RoleRetired);
    }
    if state.applies_to(party) { Ok(()) } else { Err(Refusal::ConnectionRoleType) }
}

/// An end of a connection must be there, and a customer in use.
///
/// # Errors
/// When it is not there, or an inactive customer.
pub(super) fn check_end(party: PartyRef, states: &States) -> Result<(), Refusal> {
    match party {
        PartyRef::Account(id) => require_active(CustomerRef::Account(id), states),
        PartyRef::Contact(id) => require_active(CustomerRef::Contact(id), states),
        PartyRef::Opportunity(_) if exists(party.into(), states) => Ok(()),
        PartyRef::Opportunity(_) => Err(Refusal::not_found(Category::Opportunity)),
    }
}

/// A connection may start and end on the same day.
///
/// # Errors
/// When the end lies before the start.
pub(super) fn check_dates(start: Option<Day>, end: Option<Day>) -> Result<(), Refusal> {
    let ends_before = start.zip(end).is_some_and(|(start, end)| end < start);
    if ends_before { Err(Refusal::ConnectionDates) } else { Ok(()) }
}

#[cfg(test)]
#[path = "relate_records_tests.rs"]
mod tests;
