//! A connection, as decisions need it.

use events::{
    customers::ConnectionEvent,
    ids::{Category, ConnectionRoleId, KeyId, PartyRef},
    values::Day,
};

use crate::{aggregate::Aggregate, refusal::Refusal};

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
    /// The role of the side it was made from.
    pub role_a: Option<ConnectionRoleId>,
    /// The role of the other side.
    pub role_b: Option<ConnectionRoleId>,
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

    /// The state that a command on the connection needs.
    ///
    /// # Errors
    /// When it was not established.
    pub(super) fn require(&self) -> Result<&ConnectionState, Refusal> {
        self.established().ok_or_else(|| Refusal::not_found(Category::Connection))
    }
}

impl ConnectionState {
    /// Whether it is over: somebody ended it, or its last day has passed.
    pub(super) fn is_over(&self, today: Day) -> bool {
        self.ended || self.end.is_some_and(|end| end < today)
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
                    role_a: established.a.role,
                    role_b: established.b.role,
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
                state.start = reinstated.start.or(state.start);
                state.role_a = reinstated.role_a;
                state.role_b = reinstated.role_b;
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
