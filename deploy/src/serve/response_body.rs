//! The body of an answer on its way out: when it ends, so does its request.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};

use super::guards::Ticket;

/// An answer that is being sent.
pub(super) struct ResponseBody {
    body: Body,
    ticket: Arc<Ticket>,
}

impl ResponseBody {
    pub(super) const fn new(body: Body, ticket: Arc<Ticket>) -> Self {
        Self { body, ticket }
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.ticket.guard.request_ends(Instant::now());
    }
}
