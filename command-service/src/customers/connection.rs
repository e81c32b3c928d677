//! A connection, as decisions need it.

use events::{
    customers::{ConnectionEvent, Period, Periods, Standing},
    ids::{Category, KeyId, PartyRef},
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
    /// When it holds, and with which roles.
    pub periods: Periods,
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
    /// Its last period: the one that is changed, ended, or followed by another.
    ///
    /// # Errors
    /// Never: what was established has a period.
    pub(super) fn last(&self) -> Result<&Period, Refusal> {
        self.periods.last().ok_or(Refusal::Internal)
    }

    /// Whether it is over: its last day, whoever set it, has passed.
    pub(super) fn is_over(&self, today: Day) -> bool {
        self.periods.standing_on(today) == Standing::Over
    }
}

impl Aggregate for Connection {
    type Event = ConnectionEvent;

    fn evolve(&mut self, event: &ConnectionEvent) {
        match self {
            Self::Unborn => {
                if let ConnectionEvent::Established(established) = event {
                    let mut periods = Periods::default();
                    periods.evolve(event);
                    *self = Self::Established(ConnectionState {
                        key: established.key,
                        a: established.a.record,
                        b: established.b.record,
                        periods,
                    });
                }
            }
            Self::Established(state) => state.periods.evolve(event),
        }
    }

    fn key(&self) -> Option<KeyId> {
        self.established().map(|state| state.key)
    }
}
