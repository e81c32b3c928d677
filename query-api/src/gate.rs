//! A log that is read no further than a test wants, and knows how many wait at its end.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use events::{Instant, Position, Recorded};
use events_log::store::{Answer, EventFeed, Head, StoreError, memory::MemoryStore};
use tokio::sync::watch;

/// The log as one of those who read it sees it.
pub(crate) struct Gate {
    log: Arc<MemoryStore>,
    open: watch::Sender<bool>,
    waiting: AtomicUsize,
}

impl Gate {
    /// One that is open.
    pub(crate) fn before(log: Arc<MemoryStore>) -> Arc<Self> {
        Arc::new(Self { log, open: watch::channel(true).0, waiting: AtomicUsize::new(0) })
    }

    /// What is appended from now on waits before it.
    pub(crate) fn close(&self) {
        self.open.send_replace(false);
    }

    /// How many wait for the log to become longer.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Lets everything through.
    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }
}

impl EventFeed for Gate {
    fn feed_head(&self) -> Answer<'_, Result<Head, StoreError>> {
        self.log.feed_head()
    }

    fn read(
        &self,
        after: Position,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Arc<Recorded>>, StoreError>> {
        Box::pin(async move {
            self.open.subscribe().wait_for(|open| *open).await.ok();
            self.log.read(after, limit).await
        })
    }

    fn wait(&self, beyond: Position) -> Answer<'_, ()> {
        Box::pin(async move {
            self.waiting.fetch_add(1, Ordering::Relaxed);
            self.log.wait(beyond).await;
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        })
    }

    fn position_at(&self, instant: Instant) -> Answer<'_, Result<Position, StoreError>> {
        self.log.position_at(instant)
    }
}
