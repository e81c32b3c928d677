//! NATS JetStream as the bus: one stream of a log's last days, which anyone may lose.
//!
//! The log is the truth. What the server forgets, repeats or makes up changes nothing but the delay:
//! a message says what came before it, and followers repair themselves from the store.

mod ear;
mod link;
mod message;
mod options;
mod publish;
mod stream;

pub use message::{partition, subject};
pub use options::NatsOptions;

use std::{sync::Arc, time::Instant};

use events::{envelope::Position, ids::LogId};
use tokio::{sync::watch, task::AbortHandle};

use self::{ear::Ear, link::Link};
use super::{Bus, BusError, Last, Message, Publisher, Subscription};
use crate::store::Answer;

/// Why NATS cannot be used. No message holds a secret.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NatsError {
    /// It does not answer. It is tried again.
    #[error("NATS at {server} cannot be reached: {why}")]
    Unreachable {
        /// Which servers.
        server: Arc<str>,
        /// What is known of it.
        why: Arc<str>,
    },
    /// It must not be used as it is: a wrong password, no TLS, another log's stream. Nothing was
    /// written.
    #[error("NATS at {server} is refused: {why}")]
    Refused {
        /// Which servers.
        server: Arc<str>,
        /// Why.
        why: Arc<str>,
    },
}

impl NatsError {
    fn why(&self) -> Arc<str> {
        match self {
            Self::Unreachable { why, .. } | Self::Refused { why, .. } => Arc::clone(why),
        }
    }
}

impl From<NatsError> for BusError {
    fn from(error: NatsError) -> Self {
        Self(error.why())
    }
}

/// How the bus is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BusStatus {
    /// The server answers, and its stream is this log's or not there yet.
    Connected,
    /// The server does not answer. It is tried again and again.
    Away {
        /// Since when.
        since: Instant,
        /// What is known of it.
        why: Arc<str>,
    },
    /// It must not be used as it is. Looked at again now and then: an operator may have helped.
    Refused {
        /// Why.
        why: Arc<str>,
    },
}

/// The bus that NATS carries.
pub struct NatsBus {
    link: Arc<Link>,
    supervisor: AbortHandle,
}

impl NatsBus {
    /// Opens the way to the servers, and keeps it open as long as this lives.
    ///
    /// Waits about two seconds at most: servers that do not answer by then are tried again in the
    /// background. It makes nothing on the server; the stream is made by who publishes first.
    ///
    /// # Errors
    /// [`NatsError::Refused`] for what does not mend itself: options that do not fit together, a file
    /// that others may read, a server that refuses the login, offers no TLS or no JetStream or is too
    /// old, a stream that is another log's or is kept in a way that cannot work.
    pub async fn open(options: NatsOptions, log: LogId) -> Result<Self, NatsError> {
        let link = Arc::new(Link::new(options, log)?);
        link.reach_at_start().await?;
        let supervisor = tokio::spawn(link::supervise(Arc::clone(&link))).abort_handle();
        Ok(Self { link, supervisor })
    }

    /// Takes every message out of the stream: they are of a history that was given up. What is
    /// published next follows on nothing.
    ///
    /// # Errors
    /// When the server does not do it.
    pub async fn empty(&self) -> Result<(), BusError> {
        publish::empty(&self.link).await
    }

    /// How it is doing, now and later.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<BusStatus> {
        self.link.status()
    }
}

impl Drop for NatsBus {
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

impl Bus for NatsBus {
    fn subscribe(&self, position: Position) -> Answer<'_, Result<Box<dyn Subscription>, BusError>> {
        let ear = self.link.may_listen().map(|()| {
            Box::new(Ear::new(Arc::clone(&self.link), position)) as Box<dyn Subscription>
        });
        Box::pin(std::future::ready(ear))
    }
}

impl Publisher for NatsBus {
    fn last(&self) -> Answer<'_, Result<Option<Last>, BusError>> {
        Box::pin(publish::last(&self.link))
    }

    fn publish(&self, messages: Vec<Message>) -> Answer<'_, Result<(), BusError>> {
        Box::pin(publish::publish(&self.link, messages))
    }

    fn distrust(&self, why: Option<Arc<str>>) {
        self.link.distrust(why);
    }
}

#[cfg(test)]
mod tests;
