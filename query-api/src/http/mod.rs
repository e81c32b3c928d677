//! The HTTP side of questions: who asks, at which moment, and the shape of every answer.

pub(crate) mod answer;
pub(crate) mod caller;
pub(crate) mod document;
pub(crate) mod frame;
pub(crate) mod moment;
pub(crate) mod params;
pub(crate) mod problem;
pub(crate) mod refusals;
pub(crate) mod routes;
pub(crate) mod shapes;
pub(crate) mod turn;
mod waiting;

use std::sync::Arc;

use events::Instant;
use events_log::{
    keys::Unsealer,
    store::{EventFeed, StreamReader},
};
use projection_service::read_view::ReadView;
use tokio::sync::Semaphore;

use crate::sales::checkpoints::{BLOCK, Checkpoints};

/// What every question is answered with.
#[derive(Clone)]
pub struct App {
    pub(crate) view: ReadView,
    pub(crate) feed: Arc<dyn EventFeed>,
    pub(crate) streams: Arc<dyn StreamReader>,
    pub(crate) unsealer: Unsealer,
    pub(crate) clock: Arc<dyn Fn() -> Instant + Send + Sync>,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) refusals: Option<Arc<dyn refusals::Refusals>>,
    /// Each waiting follower takes one.
    pub(crate) followers: Arc<Semaphore>,
}

/// How many may wait for events at a time. Each keeps a connection, and others need some, too.
const MAX_FOLLOWERS: usize = 3_072;

impl App {
    /// Answers from the live generation of the read models, and from the log where a question is
    /// about single events. `clock` says what time it is.
    #[must_use]
    pub fn new(
        view: ReadView,
        feed: Arc<dyn EventFeed>,
        streams: Arc<dyn StreamReader>,
        unsealer: Unsealer,
        clock: Arc<dyn Fn() -> Instant + Send + Sync>,
    ) -> Self {
        let checkpoints = Checkpoints::of_blocks(BLOCK);
        let followers = Arc::new(Semaphore::new(MAX_FOLLOWERS));
        Self { view, feed, streams, unsealer, clock, checkpoints, refusals: None, followers }
    }
}
