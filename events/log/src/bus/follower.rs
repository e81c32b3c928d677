//! Follows the log whole: by the bus as far as it can be believed, else by the store.

use std::{sync::Arc, time::Duration};

use events::{
    envelope::{Position, Recorded},
    evidence::{leaf, sha256},
    ids::LogId,
};
use tokio::time::timeout;

use super::{Message, Subscription};
#[cfg(feature = "planted")]
use crate::planted::Mistake;
use crate::store::{EventFeed, StoreError};

/// Yields every event of the log once, in order, without holes.
///
/// The bus only makes it quick. A message is taken when it continues the log right where the
/// follower stands; whatever else comes, or does not come, sends the follower to the store.
pub struct Follower {
    feed: Arc<dyn EventFeed>,
    subscription: Option<Box<dyn Subscription>>,
    at: Position,
    /// The last head the store told: no message from beyond it is believed.
    head: Position,
    /// The store has more, as far as is known: the bus is not asked before that is read.
    behind: bool,
    sparse: bool,
    log: Option<LogId>,
    /// The bus has not shown yet that it carries this log's history.
    is_unproven: bool,
}

impl Follower {
    /// Follows from after `at`; without a subscription by the store alone.
    #[must_use]
    pub fn new(
        feed: Arc<dyn EventFeed>,
        subscription: Option<Box<dyn Subscription>>,
        at: Position,
    ) -> Self {
        let (head, log) = (Position::START, None);
        Self { feed, subscription, at, head, behind: true, sparse: false, log, is_unproven: true }
    }

    /// Believes no message whose leaf is not that of an event of this log with these bytes.
    ///
    /// A leaf does not bind the position: a bus on which strangers may publish has to keep them
    /// out, or prove the origin of its messages, by itself.
    #[must_use]
    pub const fn of_log(mut self, log: LogId) -> Self {
        self.log = Some(log);
        self
    }

    /// For a store whose positions have holes: a message's word on what came before it counts.
    #[must_use]
    pub const fn sparse(mut self) -> Self {
        self.sparse = true;
        self
    }

    /// The position of the last event that was yielded.
    #[must_use]
    pub const fn at(&self) -> Position {
        self.at
    }

    /// Whether a bus is listened to. It is not any more once the bus has failed.
    #[must_use]
    pub const fn is_listening(&self) -> bool {
        self.subscription.is_some()
    }

    /// Listens to the bus (again).
    pub fn listen(&mut self, subscription: Box<dyn Subscription>) {
        self.subscription = Some(subscription);
        self.behind = true;
        self.is_unproven = true;
    }

    /// Goes on from after `position`: what was yielded since could not be applied.
    pub const fn go_back_to(&mut self, position: Position) {
        self.at = position;
        self.behind = true;
    }

    /// The next events, at most `limit`; none when nothing new came within about `patience`, or
    /// sooner. May be dropped while it waits: nothing is lost.
    ///
    /// # Errors
    /// When the store has failed. The follower stands where it stood and can be asked again.
    pub async fn next(
        &mut self,
        limit: usize,
        patience: Duration,
    ) -> Result<Vec<Arc<Recorded>>, StoreError> {
        let limit = limit.max(1);
        #[cfg(feature = "planted")]
        if self.is_listening() && Mistake::SequenceAsPosition.is_planted() {
            let heard = self.hear(limit, patience).await;
            return Ok(self.believe_all(heard));
        }
        if self.behind {
            let page = self.read(limit).await?;
            if !page.is_empty() {
                return Ok(page);
            }
        }
        let heard = self.hear(limit, patience).await;
        let events = self.believe(heard).await?;
        // Silence, repetition, a gap: whatever brought nothing new, the store knows. It also has
        // the tail that a bus may have lost without leaving a gap behind.
        if events.is_empty() { self.read(limit).await } else { Ok(events) }
    }

    /// What else comes within `patience`, to go with what has come: a bus that says nothing for so
    /// short a time is believed, and the store is left alone.
    ///
    /// # Errors
    /// As [`Follower::next`].
    pub async fn more(
        &mut self,
        limit: usize,
        patience: Duration,
    ) -> Result<Vec<Arc<Recorded>>, StoreError> {
        if self.behind || !self.is_listening() {
            return self.next(limit, patience).await;
        }
        let heard = self.hear(limit.max(1), patience).await;
        #[cfg(feature = "planted")]
        if Mistake::SequenceAsPosition.is_planted() {
            return Ok(self.believe_all(heard));
        }
        self.believe(heard).await
    }

    /// What the bus says within `patience`; without a bus that long a wait for the store.
    async fn hear(&mut self, limit: usize, patience: Duration) -> Vec<Message> {
        if let Some(subscription) = &mut self.subscription {
            match subscription.next(limit, patience).await {
                Ok(messages) => return messages,
                Err(error) => {
                    tracing::warn!(%error, position = %self.at, "following the store instead");
                    self.subscription = None;
                    return Vec::new();
                }
            }
        }
        // Woken or not, the store is read next.
        let _woken = timeout(patience, self.feed.wait(self.at)).await.is_ok();
        Vec::new()
    }

    /// The messages that continue the log from where the follower stands.
    async fn believe(&mut self, messages: Vec<Message>) -> Result<Vec<Arc<Recorded>>, StoreError> {
        let last = messages.iter().map(|message| message.event.position).max();
        if last.is_some_and(|last| last > self.head) {
            self.head = self.feed.feed_head().await?.position;
        }
        let mut events = Vec::with_capacity(messages.len());
        for message in messages {
            if message.event.position <= self.at {
                continue;
            }
            if !self.continues(&message) || !self.is_proven_by(&message).await? {
                self.behind = true;
                break;
            }
            self.at = message.event.position;
            events.push(message.event);
        }
        Ok(events)
    }

    /// Takes the stream for the log.
    #[cfg(feature = "planted")]
    fn believe_all(&mut self, messages: Vec<Message>) -> Vec<Arc<Recorded>> {
        let mut events: Vec<_> = messages.into_iter().map(|message| message.event).collect();
        events.retain(|event| event.position > self.at);
        self.at = events.last().map_or(self.at, |event| event.position);
        events
    }

    fn continues(&self, message: &Message) -> bool {
        let position = message.event.position;
        message.previous == self.at
            && position <= self.head
            && (self.sparse || position.0 == self.at.0 + 1)
            && self.log.is_none_or(|log| is_genuine(log, &message.event))
    }

    /// Whether a bus that is listened to anew carries what the log holds: its first message is
    /// compared. One that kept the future which a log that was set back has lost is left.
    async fn is_proven_by(&mut self, message: &Message) -> Result<bool, StoreError> {
        if self.is_unproven {
            let there = self.feed.read(self.at, 1).await?;
            self.is_unproven = there.first().is_none_or(|event| event.leaf != message.event.leaf);
            if self.is_unproven {
                tracing::warn!(position = %self.at, "the bus carries another history");
                self.subscription = None;
            }
        }
        Ok(!self.is_unproven)
    }

    async fn read(&mut self, limit: usize) -> Result<Vec<Arc<Recorded>>, StoreError> {
        let page = self.feed.read(self.at, limit).await?;
        if let Some(last) = page.last() {
            self.at = last.position;
            self.head = self.head.max(last.position);
        }
        self.behind = page.len() >= limit;
        Ok(page)
    }
}

/// Whether an event is whole and of this log, as far as its own leaf can tell.
fn is_genuine(log: LogId, recorded: &Recorded) -> bool {
    let Recorded { stream, version, recorded_at, event, .. } = recorded;
    sha256(&event.payload) == event.payload_sha256
        && leaf(log, *stream, *version, *recorded_at, event) == recorded.leaf
}

#[cfg(test)]
#[path = "follower_tests.rs"]
mod tests;
