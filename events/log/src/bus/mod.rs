//! The port of the bus that carries the log to its followers, and how a follower stays whole.
//!
//! A message says which position came before it. A bus that loses, repeats, reorders, delays or
//! forgets messages changes nothing but the delay: the follower repairs itself from the store.

mod follower;
mod in_process;
pub mod nats;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
#[cfg(any(test, feature = "contract"))]
pub mod nemesis;
#[cfg(any(test, feature = "contract"))]
pub mod testing;

pub use follower::Follower;
pub use in_process::InProcessBus;

use std::{sync::Arc, time::Duration};

use events::envelope::{Leaf, Position, Recorded};

use crate::store::Answer;

/// One event on its way.
#[derive(Clone, Debug)]
pub struct Message {
    /// The position of the event before it in the log.
    pub previous: Position,
    /// The event, as it is stored: personal fields sealed.
    pub event: Arc<Recorded>,
}

/// Why the bus does not carry. Followers go on from the store meanwhile.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the bus is not available: {0}")]
pub struct BusError(pub Arc<str>);

/// The last message a bus took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Last {
    /// Its position.
    pub position: Position,
    /// Its leaf, which tells whether the log still holds the same event there.
    pub leaf: Leaf,
}

/// The relay's side of the bus.
pub trait Publisher: Send + Sync {
    /// The last message the bus took: the relay's own checkpoint. None when the bus is new or
    /// empty. To be asked first, and again whenever publishing failed or was given up.
    fn last(&self) -> Answer<'_, Result<Option<Last>, BusError>>;

    /// Hands over messages in the order of the log. When it fails some may have been taken.
    fn publish(&self, messages: Vec<Message>) -> Answer<'_, Result<(), BusError>>;

    /// What the bus holds is not of this log's history, for a reason that operators should see; or
    /// it is again. Nothing is published meanwhile.
    fn distrust(&self, why: Option<Arc<str>>) {
        if let Some(why) = why {
            tracing::error!(%why, "the bus is not used");
        }
    }
}

/// The followers' side of the bus.
pub trait Bus: Send + Sync {
    /// Listens to what comes, best from after `position` on; what it misses the follower repairs.
    fn subscribe(&self, position: Position) -> Answer<'_, Result<Box<dyn Subscription>, BusError>>;
}

/// One follower's ear.
pub trait Subscription: Send {
    /// At most `limit` messages that have come in; waits at most `patience` for the first.
    /// None in time is an empty answer.
    fn next(
        &mut self,
        limit: usize,
        patience: Duration,
    ) -> Answer<'_, Result<Vec<Message>, BusError>>;
}
