//! Work that goes on when whoever waits for it has gone.
//!
//! It runs where it is awaited, which costs no task of its own; only what is left of it, when the
//! awaiting ends early, becomes one.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use tokio::runtime::Handle;

/// A future that is worked to its end, even when it is dropped before.
#[must_use = "it begins when it is awaited"]
pub struct ToItsEnd<T: Send + 'static> {
    /// None while it is polled, so that a panic ends it, and after its end.
    work: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    has_begun: bool,
}

impl<T: Send + 'static> ToItsEnd<T> {
    /// Has to be awaited on a tokio runtime.
    pub fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self { work: Some(Box::pin(work)), has_begun: false }
    }
}

impl<T: Send + 'static> Future for ToItsEnd<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        this.has_begun = true;
        let Some(mut work) = this.work.take() else { return Poll::Pending };
        let polled = work.as_mut().poll(context);
        if polled.is_pending() {
            this.work = Some(work);
        }
        polled
    }
}

impl<T: Send + 'static> Drop for ToItsEnd<T> {
    fn drop(&mut self) {
        if self.has_begun
            && let Some(work) = self.work.take()
            && let Ok(runtime) = Handle::try_current()
        {
            // A runtime that ends meanwhile drops it.
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
#[path = "to_its_end_tests.rs"]
mod tests;
