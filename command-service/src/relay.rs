//! The relay carries the log to the bus, each event with the position of the one before it.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use events::{Position, Recorded};
use events_log::{
    bus::{BusError, Last, Message, Publisher},
    postgres::{Lease, while_held},
    store::{EventFeed, StoreError},
};
use tokio::{sync::watch, time::timeout};

/// How many events are handed over at a time.
const PAGE: usize = 512;
/// A bus, or a log, that is not available is tried again after this.
const PATIENCE: Duration = Duration::from_millis(500);

/// Carries events whenever the lease is held, until `stop` says so.
///
/// The lease saves work. That two relays do not interleave is the bus's own doing: it refuses what
/// does not follow its last message.
///
/// # Errors
/// When the log is damaged.
pub async fn relay_while_held(
    lease: &Lease,
    feed: Arc<dyn EventFeed>,
    publisher: Arc<dyn Publisher>,
    stop: watch::Receiver<bool>,
) -> Result<(), StoreError> {
    while_held(lease, stop, |told| relay(feed.clone(), publisher.clone(), told)).await
}

/// Carries events until `stop` says so. A bus that fails is tried again, and so is a log that is not
/// available: followers go on from the store meanwhile.
///
/// # Errors
/// When the log is damaged.
pub async fn relay(
    feed: Arc<dyn EventFeed>,
    publisher: Arc<dyn Publisher>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), StoreError> {
    let relay = Relay { feed, publisher, carried: AtomicU64::new(0) };
    while !*stop.borrow() {
        // Dropped in the middle nothing is lost: the bus is asked where to go on.
        let interrupted = tokio::select! {
            trouble = relay.carry() => trouble,
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        };
        match interrupted {
            Trouble::Bus(error) => tracing::warn!(%error, "the bus will be tried again"),
            Trouble::Distrust(why) => relay.publisher.distrust(Some(why)),
            Trouble::Log(error @ StoreError::Damaged(_)) => return Err(error),
            Trouble::Log(error) => tracing::warn!(%error, "the log will be tried again"),
        }
        let _stopped = timeout(PATIENCE, stop.wait_for(|stop| *stop)).await.is_ok();
    }
    Ok(())
}

/// Why carrying does not go on now.
enum Trouble {
    Bus(BusError),
    /// The bus holds what the log does not.
    Distrust(Arc<str>),
    Log(StoreError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Log(error)
    }
}

impl From<BusError> for Trouble {
    fn from(error: BusError) -> Self {
        Self::Bus(error)
    }
}

struct Relay {
    feed: Arc<dyn EventFeed>,
    publisher: Arc<dyn Publisher>,
    /// The last position that the bus is known to have; 0 as long as none is known.
    carried: AtomicU64,
}

impl Relay {
    /// Carries page after page until something is in the way.
    async fn carry(&self) -> Trouble {
        match self.carry_on().await {
            Err(trouble) => trouble,
            Ok(never) => match never {},
        }
    }

    async fn carry_on(&self) -> Result<Infallible, Trouble> {
        let mut at = self.start().await?;
        let mut read_ahead = None;
        loop {
            self.carried(at);
            let page = match read_ahead.take() {
                Some(page) => page,
                None => self.next_page(at).await?,
            };
            let Some(last) = page.last().map(|event| event.position) else { continue };
            if page.len() == PAGE {
                self.measure_lag().await?;
                // While the bus takes this page the next is read.
                let (published, next) = tokio::join!(
                    self.publisher.publish(messages(at, page)),
                    self.feed.read(last, PAGE)
                );
                published?;
                read_ahead = Some(next?);
            } else {
                self.publisher.publish(messages(at, page)).await?;
            }
            at = last;
        }
    }

    /// Waits for more, and reads it.
    async fn next_page(&self, at: Position) -> Result<Vec<Arc<Recorded>>, StoreError> {
        metrics::gauge!("annals_relay_lag_events").set(0.0);
        self.feed.wait(at).await;
        self.feed.read(at, PAGE).await
    }

    /// Where to go on: after the last message of the bus, or at the head of the log where it has
    /// none: followers read the store up to there.
    async fn start(&self) -> Result<Position, Trouble> {
        let last = self.publisher.last().await;
        self.measure_lag().await?;
        // Asked second: whatever was on the bus by then is in the log by now.
        let head = self.feed.feed_head().await?.position;
        let Some(last) = last? else {
            self.publisher.distrust(None);
            #[cfg(feature = "planted")]
            if events_log::planted::Mistake::SequenceAsPosition.is_planted()
                && self.carried.load(Ordering::Relaxed) == 0
            {
                // Sequences are positions, as long as nothing happens.
                return Ok(Position::START);
            }
            return Ok(head);
        };
        if last.position > head {
            return Err(Trouble::Distrust(foreign(last.position, "which is beyond its end")));
        }
        if !self.holds(last).await? {
            return Err(Trouble::Distrust(foreign(last.position, "which is another there")));
        }
        self.publisher.distrust(None);
        Ok(last.position)
    }

    /// Whether the log holds the same event at that position.
    async fn holds(&self, last: Last) -> Result<bool, StoreError> {
        let before = Position(last.position.0.saturating_sub(1));
        let there = self.feed.read(before, 1).await?;
        Ok(there
            .first()
            .is_some_and(|event| (event.position, event.leaf) == (last.position, last.leaf)))
    }

    fn carried(&self, at: Position) {
        self.carried.store(at.0, Ordering::Relaxed);
        metrics::gauge!("annals_relay_position").set(at.0 as f64);
    }

    async fn measure_lag(&self) -> Result<(), StoreError> {
        let carried = self.carried.load(Ordering::Relaxed);
        if carried > 0 {
            let head = self.feed.feed_head().await?.position;
            metrics::gauge!("annals_relay_lag_events").set(head.0.saturating_sub(carried) as f64);
        }
        Ok(())
    }
}

/// A log that was set back to an earlier time, or a stream of a copy of it: publishing would mix
/// two histories.
fn foreign(position: Position, what: &str) -> Arc<str> {
    format!(
        "the bus holds the event of position {position} of this log, {what}: the log was set back, \
         or is a copy. Delete the stream, or name another, to go on"
    )
    .into()
}

fn messages(from: Position, page: Vec<Arc<Recorded>>) -> Vec<Message> {
    let mut previous = from;
    let messages = page.into_iter().map(|event| {
        let message = Message { previous, event };
        previous = message.event.position;
        message
    });
    messages.collect()
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
