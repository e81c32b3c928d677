//! One connection: its requests go through the routes, its answers say when it is the last.

use std::{
    convert::Infallible,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use hyper::{Request, body::Incoming};
use tower::Service;

use super::{request_body::RequestBody, source::Proxies};

/// What is known of a connection.
pub(super) struct Connection {
    pub(super) peer: IpAddr,
    pub(super) proxies: Arc<Proxies>,
    /// Whether a part of the last request's body was left unread.
    pub(super) unread: Arc<AtomicBool>,
}

impl Connection {
    /// Answers a request.
    pub(super) async fn answer(
        self: Arc<Self>,
        mut router: Router,
        request: Request<Incoming>,
    ) -> Result<Response, Infallible> {
        let unread = self.unread.clone();
        let mut request = request.map(|body| Body::new(RequestBody::new(body, unread)));
        let source = self.proxies.source(self.peer, request.headers());
        request.extensions_mut().insert(source);
        let mut response = router.call(request).await?;
        if self.unread.load(Ordering::Relaxed) {
            // Whatever is still to come of the body is not looked at.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response)
    }
}
