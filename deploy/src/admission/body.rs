//! The body of a request in work: one that comes slowly does not keep its place meanwhile.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    BoxError,
    body::{Body, Bytes, HttpBody},
};
use http_body::{Frame, SizeHint};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};

use super::gate::Held;

/// For how long a body that is not there yet may keep its place.
const PATIENCE: Duration = Duration::from_millis(20);

type Entering = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A body on its way to the work that waits for it.
pub(super) struct HeldBody {
    body: Body,
    held: Arc<Held>,
    weight: usize,
    /// Begins when the body is first waited for.
    limit: Option<Pin<Box<Sleep>>>,
    is_late: bool,
    /// How much has come, in bytes; once it is late, that takes room which all late bodies share.
    come: usize,
    late: Arc<Semaphore>,
    taken: Option<OwnedSemaphorePermit>,
    /// The body is whole, and waits for a place again.
    entering: Option<Entering>,
}

impl HeldBody {
    /// Of a request with that place, which counts for `weight`.
    pub(super) const fn new(
        body: Body,
        held: Arc<Held>,
        weight: usize,
        late: Arc<Semaphore>,
    ) -> Self {
        Self {
            body,
            held,
            weight,
            limit: None,
            is_late: false,
            come: 0,
            late,
            taken: None,
            entering: None,
        }
    }

    /// Counts what has come; an error where late bodies hold all that they may.
    fn count(&mut self, bytes: usize) -> Result<(), BoxError> {
        self.come += bytes;
        self.take(bytes)
    }

    fn take(&mut self, bytes: usize) -> Result<(), BoxError> {
        if !self.is_late {
            return Ok(());
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let Ok(more) = self.late.clone().try_acquire_many_owned(bytes) else {
            let why = "slow bodies take all the room there is for them";
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, why).into());
        };
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            None => self.taken = Some(more),
        }
        Ok(())
    }

    /// Comes back to the place it gave away.
    fn poll_enter(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.entering.is_none() && !self.held.is_out() {
            return Poll::Ready(());
        }
        let (held, weight) = (self.held.clone(), self.weight);
        let entering =
            self.entering.get_or_insert_with(|| Box::pin(async move { held.enter(weight).await }));
        ready!(entering.as_mut().poll(cx));
        self.entering = None;
        // From here on its place stands for it.
        self.taken = None;
        Poll::Ready(())
    }
}

impl HttpBody for HeldBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if this.entering.is_some() {
            ready!(this.poll_enter(cx));
            return Poll::Ready(None);
        }
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                Poll::Ready(Some(this.count(bytes).map(|()| frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => {
                ready!(this.poll_enter(cx));
                Poll::Ready(None)
            }
            Poll::Pending => {
                #[expect(clippy::disallowed_methods, reason = "a limit, not a wait")]
                let limit = this.limit.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
                if !this.is_late && limit.as_mut().poll(cx).is_ready() {
                    this.is_late = true;
                    this.held.leave();
                    if let Err(full) = this.take(this.come) {
                        return Poll::Ready(Some(Err(full)));
                    }
                }
                Poll::Pending
            }
        }
    }

    /// Never: the end is where it comes back to its place, so it must be asked for.
    fn is_end_stream(&self) -> bool {
        false
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
