//! The body of a request on its way to whoever reads it, with a limit to how long that may take.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};

/// How long a body may take to arrive.
const DEADLINE: Duration = Duration::from_secs(60);

/// A body as it comes.
pub(super) struct RequestBody {
    incoming: Incoming,
    /// Whether some of it is still to come.
    unread: Arc<AtomicBool>,
    limit: Option<Pin<Box<Sleep>>>,
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, unread: Arc<AtomicBool>) -> Self {
        unread.store(!incoming.is_end_stream(), Ordering::Relaxed);
        Self { incoming, unread, limit: None }
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(cx);
        match polled {
            Poll::Ready(None) => self.unread.store(false, Ordering::Relaxed),
            Poll::Ready(Some(_)) => {
                if self.incoming.is_end_stream() {
                    self.unread.store(false, Ordering::Relaxed);
                }
            }
            Poll::Pending => {
                #[expect(clippy::disallowed_methods, reason = "a limit, not a wait")]
                let limit = self.limit.get_or_insert_with(|| Box::pin(sleep(DEADLINE)));
                if limit.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())));
                }
            }
        }
        polled.map(|frame| frame.map(|frame| frame.map_err(io::Error::other)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
