//! Where the log ends, asked once for everybody who wants to know at the same time.

use std::{sync::Arc, time::Duration};

use events::Position;
use events_log::store::EventFeed;
use tokio::{sync::watch, time::timeout};

/// How long the log may take to say where it ends, before whoever asks goes on without.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often it is asked while nobody wants to know: what is told of how far the rows are behind
/// goes by it.
const RHYTHM: Duration = Duration::from_secs(1);

/// What the log said.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    /// Every wish up to this one came before the log was asked.
    wish: u64,
    /// The last position; none where the log could not be asked.
    head: Option<Position>,
    /// The last position that was ever told.
    last: Position,
}

/// Asks a log that is in another process. One question is under way at a time.
pub(super) struct Heads {
    wishes: watch::Sender<u64>,
    told: watch::Receiver<Told>,
}

impl Heads {
    /// Asks that log, until it is dropped or `ended` says so.
    pub(super) fn of(feed: Arc<dyn EventFeed>, ended: watch::Receiver<bool>) -> Self {
        let (wishes, wished) = watch::channel(0);
        let (tell, told) = watch::channel(Told::default());
        tokio::spawn(ask(feed, wished, tell, ended));
        Self { wishes, told }
    }

    /// The last position of the log, asked for after this was called: what was acknowledged before is
    /// not behind it. None where the log does not say in time.
    pub(super) async fn now(&self) -> Option<Position> {
        let mut wish = 0;
        self.wishes.send_modify(|wishes| {
            *wishes += 1;
            wish = *wishes;
        });
        let mut told = self.told.clone();
        let answered = timeout(PATIENCE, told.wait_for(|told| told.wish >= wish)).await;
        answered.ok()?.ok()?.head
    }

    /// The last position that was told, if one was.
    pub(super) fn last(&self) -> Position {
        self.told.borrow().last
    }
}

async fn ask(
    feed: Arc<dyn EventFeed>,
    mut wished: watch::Receiver<u64>,
    tell: watch::Sender<Told>,
    mut ended: watch::Receiver<bool>,
) {
    loop {
        // Read before the log is asked: whoever wishes later is told later.
        let wish = *wished.borrow_and_update();
        let head = feed.feed_head().await.ok().map(|head| head.position);
        tell.send_modify(|told| {
            let last = told.last.max(head.unwrap_or_default());
            *told = Told { wish, head, last };
        });
        tokio::select! {
            _ = ended.wait_for(|ended| *ended) => return,
            wishes = timeout(RHYTHM, wished.changed()) => if matches!(wishes, Ok(Err(_))) {
                return;
            }
        }
    }
}

#[cfg(test)]
#[path = "heads_tests.rs"]
mod tests;
