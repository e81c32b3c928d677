//! The relay carries the log to the bus, each event with the position of the one before it.

use std::{sync::Arc, time::Duration};

use events::{
    Position,
    bus::{Message, Publisher},
    store::{EventFeed, StoreError},
};
use tokio::sync::watch;

/// How many events are handed over at a time.
const PAGE: usize = 512;
/// A bus that is not available is tried again after this.
const PATIENCE: Duration = Duration::from_millis(500);

/// Carries events until `stop` says so. A bus that fails is tried again: followers go on from the
/// store meanwhile.
///
/// # Errors
/// When the log cannot be read.
pub async fn relay(
    feed: Arc<dyn EventFeed>,
    publisher: Arc<dyn Publisher>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), StoreError> {
    let mut at = None;
    while !*stop.borrow() {
        let from = match at {
            Some(position) => position,
            None => start(&*feed, &*publisher).await?,
        };
        let page = feed.read(from, PAGE).await?;
        let Some(last) = page.last().map(|event| event.position) else {
            at = Some(from);
            tokio::select! {
                () = feed.wait(from) => {}
                _ = stop.changed() => {}
            }
            continue;
        };
        let mut previous = from;
        let messages = page.into_iter().map(|event| {
            let message = Message { previous, event };
            previous = message.event.position;
            message
        });
        match publisher.publish(messages.collect()).await {
            Ok(()) => {
                at = Some(last);
                metrics::gauge!("annals_relay_position").set(last.0 as f64);
            }
            Err(error) => {
                tracing::warn!(%error, "the bus took nothing; it will be tried again");
                at = None;
                let _stopped = tokio::time::timeout(PATIENCE, stop.changed()).await;
            }
        }
    }
    Ok(())
}

/// Where to go on: after the last message of the bus, or at the head of the log where it has none.
async fn start(feed: &dyn EventFeed, publisher: &dyn Publisher) -> Result<Position, StoreError> {
    let head = feed.feed_head().await?.position;
    // A bus that knows more than the log belongs to another history; followers judge that.
    Ok(publisher.last().await.ok().flatten().map_or(head, |last| last.min(head)))
}
