//! A connection role, as decisions need it.

use events::{
    customers::{ConnectionRoleCategory, ConnectionRoleEvent},
    ids::{Category, ConnectionRoleId, KeyId, PartyRef, RecordRef},
    values::Line,
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
    pub category: ConnectionRoleCategory,
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

impl ConnectionRoleState {
    /// Whether a record of that kind may have it.
    pub(super) fn applies_to(&self, party: PartyRef) -> bool {
        self.applies_to.is_empty() || self.applies_to.contains(&RecordRef::from(party).category)
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
