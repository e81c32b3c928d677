//! How a read loop is doing, for whoever waits for it or watches it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use events::Position;
use tokio::sync::watch;

use crate::fold::Stop;

/// Over how long the speed is measured.
const WINDOW: Duration = Duration::from_millis(500);

/// How far a generation is, and how it goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    /// The number of the generation.
    pub generation: u32,
    /// The last event that can be seen in the rows.
    pub position: Position,
    /// Where the log ended when last heard of. Not behind `position`.
    pub head: Position,
    /// How many events a second go in, lately.
    pub events_per_second: f64,
    /// Whether it goes on.
    pub status: Status,
    /// Whether it has been in step with the log since it was started.
    pub caught_up: bool,
}

impl Progress {
    /// Whether questions are answered from rows that are, or were a moment ago, in step with the
    /// log: not before the first time, not while the loop waits, stands still or has ended.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.caught_up && matches!(self.status, Status::CatchingUp | Status::Following)
    }

    /// How many positions the rows are behind the log.
    #[must_use]
    pub const fn lag(&self) -> u64 {
        self.head.0.saturating_sub(self.position.0)
    }

    fn follow(&mut self) {
        self.caught_up |= self.lag() == 0;
        self.status = if self.lag() == 0 { Status::Following } else { Status::CatchingUp };
    }
}

/// Whether a read loop goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Nothing is known of the log yet.
    #[default]
    Starting,
    /// More is waiting in the log than goes into one batch, or a rebuild is not through.
    CatchingUp,
    /// In step with the log.
    Following,
    /// It stands still where it was told to.
    Holding,
    /// Something is not available; it is tried again.
    Waiting {
        /// What.
        detail: Arc<str>,
    },
    /// An event cannot be taken. Nothing is skipped; a restart tries again.
    Stopped(Stop),
    /// It was told to end.
    Ended,
}

/// Keeps the progress and the metrics up to date.
pub(super) struct Meter {
    progress: watch::Sender<Progress>,
    window: Instant,
    events: usize,
}

impl Meter {
    pub(super) fn new(progress: watch::Sender<Progress>, position: Position) -> Self {
        progress.send_modify(|progress| {
            progress.position = position;
            progress.head = progress.head.max(position);
        });
        Self { progress, window: Instant::now(), events: 0 }
    }

    /// The log reaches to there.
    pub(super) fn see(&self, head: Position) {
        self.progress.send_if_modified(|progress| {
            let before = (progress.head, progress.status.clone());
            progress.head = progress.head.max(head);
            progress.follow();
            before != (progress.head, progress.status.clone())
        });
    }

    /// It stands still where it was told to, or does not any more.
    pub(super) fn hold(&self, is_held: bool) {
        self.progress.send_if_modified(|progress| {
            if is_held == (progress.status == Status::Holding) {
                return false;
            }
            if is_held {
                progress.status = Status::Holding;
            } else {
                progress.follow();
            }
            true
        });
    }

    /// A batch is stored.
    pub(super) fn reach(
        &mut self,
        position: Position,
        head: Position,
        events: usize,
        took: Duration,
    ) {
        self.events += events;
        let rate = self.rate();
        self.progress.send_modify(|progress| {
            progress.position = position;
            progress.head = progress.head.max(head).max(position);
            progress.follow();
            progress.events_per_second = rate.unwrap_or(progress.events_per_second);
        });
        self.record(events, took);
    }

    /// The speed over the last window, if one is over.
    fn rate(&mut self) -> Option<f64> {
        let passed = self.window.elapsed();
        if passed < WINDOW {
            return None;
        }
        let events = u32::try_from(self.events).unwrap_or(u32::MAX);
        (self.events, self.window) = (0, Instant::now());
        Some(f64::from(events) / passed.as_secs_f64())
    }

    fn record(&self, events: usize, took: Duration) {
        let generation = self.progress.borrow().generation.to_string();
        let labels = [("generation", generation)];
        metrics::counter!("annals_projection_events_total", &labels)
            .increment(u64::try_from(events).unwrap_or(u64::MAX));
        metrics::histogram!("annals_projection_batch_duration_seconds").record(took.as_secs_f64());
    }
}
