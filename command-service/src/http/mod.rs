//! The write API: one route for every command, one for lists of them.

mod strict_json;
mod problem;
mod headers;
mod reason;
mod body;
mod in_work;
mod one;
mod list;
mod evidence;
mod document;
mod acts;

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    Router,
    routing::{get, post},
};

use crate::{
    command::{Entry, commands},
    handle::Handler,
};

pub use acts::{ADMINISTRATION, Administrator};
pub use body::object;
pub use document::{narrow, paths};
pub use evidence::{AttemptBody, Attempts, AttemptsQuery, page_of_attempts};
pub use in_work::{InWork, Weighed};
pub use problem::Problem;

/// The largest body of one command, in bytes.
pub const MAX_BODY: usize = 256 * 1024;
/// The largest body of a list, in bytes.
pub const MAX_LIST_BODY: usize = 16 * 1024 * 1024;
/// The most commands in a list.
pub const MAX_LIST: usize = 1_000;
/// A command that is not answered by then is answered with 503; it may still take effect, and the
/// same id tells.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// What every request is handled with.
#[derive(Clone)]
pub struct App {
    pub(crate) handler: Arc<Handler>,
    pub(crate) entries: Arc<HashMap<&'static str, Entry>>,
    /// Draws the id of a command that came without one.
    pub(crate) draw_id: Arc<dyn Fn() -> uuid::Uuid + Send + Sync>,
}

impl App {
    /// The write API on a write loop. `draw_id` draws the ids of commands that come without one:
    /// time-ordered (uuid v7), so that the ledger grows at its end.
    #[must_use]
    pub fn new(handler: Arc<Handler>, draw_id: Arc<dyn Fn() -> uuid::Uuid + Send + Sync>) -> Self {
        let entries = commands().into_iter().map(|entry| (entry.name, entry)).collect();
        Self { handler, entries: Arc::new(entries), draw_id }
    }
}

/// The routes of the write API.
#[must_use = "routes do nothing until they are served"]
pub fn router(app: App) -> Router {
    Router::new()
        .route("/commands/{name}", post(one::command))
        .route("/commands", post(list::commands))
        .route("/attempts", get(evidence::attempts))
        .route("/processes", get(evidence::processes))
        .route("/me", get(evidence::me))
        .with_state(app)
}

#[cfg(test)]
#[path = "attempts_tests.rs"]
mod attempts_tests;
