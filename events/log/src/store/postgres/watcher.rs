//! Sees what other processes append, while somebody waits for it.

use std::{sync::Arc, time::Duration};

use events::envelope::Position;
use tokio::{
    sync::watch,
    time::{Instant, interval_at},
};

use super::reader::Reader;
use crate::store::shared::Shared;

/// How often to look while the log moves.
const LIVELY: Duration = Duration::from_millis(5);
/// How long the log counts as moving after it moved.
const STILL_LIVELY: Duration = Duration::from_secs(1);
/// How often to look while it stands still.
const QUIET: Duration = Duration::from_millis(25);
/// How often to look, at the least, while the database is away.
const AWAY: Duration = Duration::from_millis(250);

/// Those who wait, and the one task that looks on their behalf. It ends with this.
pub(super) struct Watcher {
    waiting: watch::Sender<usize>,
    shared: Arc<Shared>,
}

impl Watcher {
    /// Starts the task.
    pub(super) fn start(reader: Reader, shared: Arc<Shared>) -> Self {
        let (waiting, watched) = watch::channel(0);
        tokio::spawn(look(reader, Arc::clone(&shared), watched));
        Self { waiting, shared }
    }

    /// Waits until the log is longer than `beyond`, whoever made it so, or closed.
    pub(super) async fn wait(&self, beyond: Position) {
        self.waiting.send_modify(|waiting| *waiting += 1);
        let _gone = Gone(&self.waiting);
        self.shared.wait(beyond).await;
    }
}

/// One who waited.
struct Gone<'a>(&'a watch::Sender<usize>);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|waiting| *waiting = waiting.saturating_sub(1));
    }
}

async fn look(reader: Reader, shared: Arc<Shared>, mut waiting: watch::Receiver<usize>) {
    let mut end = shared.published().head.position;
    let mut moved = Instant::now();
    let mut pause = QUIET;
    // The other side is gone when the store is.
    while waiting.wait_for(|waiting| *waiting > 0).await.is_ok() {
        if shared.published().is_closed {
            return;
        }
        let asked = Instant::now();
        pause = match reader.head().await {
            Ok(head) => {
                if head.position != end {
                    end = head.position;
                    moved = asked;
                }
                if asked.duration_since(moved) < STILL_LIVELY { LIVELY } else { QUIET }
            }
            Err(failure) => {
                tracing::debug!(?failure, "the head of the event log cannot be read");
                (pause * 2).min(AWAY)
            }
        };
        interval_at(asked + pause, pause).tick().await;
    }
}
