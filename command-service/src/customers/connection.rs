//! Connection roles and connections, as decisions need them.

use events::{
    customers::{ConnectionEvent, ConnectionRoleEvent},
    ids::{Category, ConnectionRoleId, KeyId, PartyRef},
    values::{Day, Line},
};

use crate::aggregate::Aggregate;

/// A connection role: unborn until it was defined.
#[derive(Clone, Debug, Default)]
pub enum ConnectionRole {
    /// Nothing has happened yet.
    #[default]
    Unborn,
    /// It was defined.
    Defined(ConnectionRoleState),
}

/// What is true of a defined connection role.
#[derive(Clone, Debug)]
pub struct ConnectionRoleState {
    /// The key of what is written about it.
    pub key: KeyId,
    /// Its name.
    pub name: Line<100>,
    /// The type of relationship.
    pub category: events::customers::ConnectionRoleCategory,
    /// The kinds of record that may have it; empty means all.
    pub applies_to: Vec<Category>,
    /// The roles the other side may have.
    pub matching: Vec<ConnectionRoleId>,
    /// Whether it is not offered any more.
    pub retired: bool,
}

impl ConnectionRole {
    /// The state of a role that was defined.
    #[must_use]
    pub const fn defined(&self) -> Option<&ConnectionRoleState> {
        match self {
            Self::Unborn => None,
            Self::Defined(state) => Some(state),
        }
    }
}

impl Aggregate for ConnectionRole {
    type Event = ConnectionRoleEvent;

    fn evolve(&mut self, event: &ConnectionRoleEvent) {
        match (&mut *self, event) {
            (Self::Unborn, ConnectionRoleEvent::Defined(defined)) => {
                *self = Self::Defined(ConnectionRoleState {
                    key: defined.key,
                    name: defined.name.clone(),
                    category: defined.category,
                    applies_to: defined.applies_to.clone(),
                    matching: defined.matching.clone(),
                    retired: false,
                });
            }
            (Self::Defined(state), ConnectionRoleEvent::Changed(changed)) => {
                if let Some(name) = &changed.name {
                    state.name = name.clone();
                }
                if let Some(category) = changed.category {
                    state.category = category;
                }
                if let Some(applies_to) = &changed.applies_to {
                    state.applies_to.clone_from(applies_to);
                }
                if let Some(matching) = &changed.matching {
                    state.matching.clone_from(matching);
                }
            }
            (Self::Defined(state), ConnectionRoleEvent::Retired(_)) => state.retired = true,
            (Self::Unborn | Self::Defined(_), _) => {}
        }
    }

    fn key(&self) -> Option<KeyId> {
        self.defined().map(|state| state.key)
    }
}

/// A connection: unborn until it was established.
#[derive(Clone, Debug, Default)]
pub enum Connection {
    /// Nothing has happened yet.
    #[default]
    Unborn,
    /// It was established.
    Established(ConnectionState),
}

/// What is true of an established connection.
#[derive(Clone, Debug)]
pub struct ConnectionState {
    /// The key of its descriptions.
    pub key: KeyId,
    /// The side it was made from.
    pub a: PartyRef,
    /// The other side.
    pub b: PartyRef,
    /// First day.
    pub start: Option<Day>,
    /// Last day.
    pub end: Option<Day>,
    /// Whether somebody ended it.
    pub ended: bool,
}

impl Connection {
    /// The state of a connection that was established.
    #[must_use]
    pub const fn established(&self) -> Option<&ConnectionState> {
        match self {
            Self::Unborn => None,
            Self::Established(state) => Some(state),
        }
    }
}

impl Aggregate for Connection {
    type Event = ConnectionEvent;

    fn evolve(&mut self, event: &ConnectionEvent) {
        match (&mut *self, event) {
            (Self::Unborn, ConnectionEvent::Established(established)) => {
                *self = Self::Established(ConnectionState {
                    key: established.key,
                    a: established.a.record,
                    b: established.b.record,
                    start: established.start,
                    end: established.end,
                    ended: false,
                });
            }
            (Self::Established(state), ConnectionEvent::DetailsChanged(changed)) => {
                changed.start.apply_to(&mut state.start);
                changed.end.apply_to(&mut state.end);
            }
            (Self::Established(state), ConnectionEvent::Ended(ended)) => {
                state.end = Some(ended.end);
                state.ended = true;
            }
            (Self::Established(state), ConnectionEvent::Reinstated(reinstated)) => {
                state.start = reinstated.start;
                state.end = None;
                state.ended = false;
            }
            (Self::Unborn | Self::Established(_), _) => {}
        }
    }

    fn key(&self) -> Option<KeyId> {
        self.established().map(|state| state.key)
    }
}
