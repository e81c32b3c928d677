//! For how many a request counts among those that are in work: a list for each of its commands.

use std::{pin::Pin, sync::Arc};

/// A place in work, as whoever serves the commands keeps it.
pub trait Weighed: Send + Sync {
    /// Counts for so many from now on, once there is room.
    fn weigh(&self, commands: usize) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The place of one request. It comes with the request, as an extension.
#[derive(Clone)]
pub struct InWork(Arc<dyn Weighed>);

impl InWork {
    /// In that place.
    #[must_use]
    pub fn with(place: Arc<dyn Weighed>) -> Self {
        Self(place)
    }

    /// Counts for so many commands from now on; waits until there is room for them.
    pub(crate) async fn weigh(&self, commands: usize) {
        self.0.weigh(commands).await;
    }
}
