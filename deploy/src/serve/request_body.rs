//! The body of a request on its way to whoever reads it. How slowly it may come is the patrol's to judge.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use axum::body::{Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;

use super::guards::Ticket;

/// A body as it comes.
pub(super) struct RequestBody {
    incoming: Incoming,
    ticket: Arc<Ticket>,
    /// Whether somebody was seen to wait.
    is_waited_for: bool,
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, ticket: Arc<Ticket>) -> Self {
        ticket.guard.has_unread(!incoming.is_end_stream());
        Self { incoming, ticket, is_waited_for: false }
    }

    fn ends(&mut self) {
        self.ticket.guard.has_unread(false);
        self.is_no_longer_waited_for();
    }

    fn is_no_longer_waited_for(&mut self) {
        if std::mem::take(&mut self.is_waited_for) {
            self.ticket.guard.body_ends();
        }
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
        match &polled {
            Poll::Ready(None) => self.ends(),
            Poll::Ready(Some(frame)) => {
                if self.incoming.is_end_stream() {
                    self.ends();
                } else if self.is_waited_for {
                    let data = frame.as_ref().ok().and_then(|frame| frame.data_ref());
                    self.ticket.guard.body_passes(data.map_or(0, Bytes::len), Instant::now());
                }
            }
            Poll::Pending => {
                self.is_waited_for = true;
                self.ticket.guard.body.register(cx.waker());
                if !self.ticket.guard.waits_for_body(Instant::now()) {
                    // Whoever reads tells by the kind what is to be answered.
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

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.is_no_longer_waited_for();
    }
}
