//! A question's place among those that are in work, which it gives to others while it only waits.

use std::{pin::Pin, sync::Arc};

/// A place in work, as whoever serves the questions keeps it.
pub trait Place: Send + Sync {
    /// Gives it back.
    fn leave(&self);

    /// Takes one again.
    fn enter(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The place of one question. It comes with the request, as an extension; without one nobody bounds
/// how many questions are in work.
#[derive(Clone, Default)]
pub struct Turn(Option<Arc<dyn Place>>);

impl Turn {
    /// In that place.
    #[must_use]
    pub fn at(place: Arc<dyn Place>) -> Self {
        Self(Some(place))
    }

    /// Waits without keeping the place; has one again when this is done.
    pub(crate) async fn while_waiting<T>(&self, wait: impl Future<Output = T>) -> T {
        let Some(place) = &self.0 else { return wait.await };
        place.leave();
        let waited = wait.await;
        place.enter().await;
        waited
    }
}
