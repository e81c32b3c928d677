//! One connection: its requests go through the routes, its answers say when it is the last.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Response, header},
};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{rt::TokioIo, server::graceful::Watcher};
use tokio::{net::TcpStream, sync::watch};
use tower::Service;

use super::{
    guards::Ticket, head::BUSY, hosts::ServedOn, request_body::RequestBody,
    response_body::ResponseBody, source::Proxies, stream::Stream,
};

/// How much hyper reads ahead, and how much of an answer it collects before it is written, in bytes.
const BUFFER: usize = 64 * 1024;
/// Whoever asks these is answered even where there is no room for anything else.
const PROBES: [&str; 2] = ["/livez", "/readyz"];

/// What is known of a connection.
pub(super) struct Connection {
    pub(super) peer: SocketAddr,
    /// The address that the caller connected to.
    pub(super) local: SocketAddr,
    pub(super) proxies: Arc<Proxies>,
    pub(super) ticket: Arc<Ticket>,
}

impl Connection {
    /// Serves it to its end.
    pub(super) async fn serve(
        self,
        tcp: TcpStream,
        router: Router,
        watcher: Watcher,
        mut stop: watch::Receiver<bool>,
    ) {
        // Fails only on a connection that is gone already.
        tcp.set_nodelay(true).ok();
        let mut stream = Stream::new(tcp, self.ticket.clone());
        // Whoever has not sent a whole head yet costs no more than this.
        let has_come = tokio::select! {
            has_come = stream.first_head() => has_come,
            _ = stop.wait_for(|stop| *stop) => false,
        };
        if !has_come {
            return;
        }
        let known = Arc::new(self);
        let answer = service_fn(move |request| known.clone().answer(router.clone(), request));
        let connection = hyper::server::conn::http1::Builder::new()
            .header_read_timeout(None)
            .max_buf_size(BUFFER)
            .serve_connection(TokioIo::new(stream), answer);
        // A connection that breaks is its caller's affair.
        let _ended = Box::pin(watcher.watch(connection)).await;
    }

    /// Answers a request.
    async fn answer(
        self: Arc<Self>,
        mut router: Router,
        request: Request<Incoming>,
    ) -> Result<Response<ResponseBody>, Infallible> {
        let guard = &self.ticket.guard;
        let refusal = guard.answer_begins();
        // Where chunks end is not looked for a second time: nothing comes after them.
        let mut is_last =
            refusal.is_some() || request.headers().contains_key(header::TRANSFER_ENCODING);
        let ticket = self.ticket.clone();
        let mut request = request.map(|body| Body::new(RequestBody::new(body, ticket)));
        let source = self.proxies.source(self.peer.ip(), request.headers());
        let is_too_much = self.ticket.is_for_probes() && !PROBES.contains(&request.uri().path());
        is_last |= is_too_much;
        let extensions = request.extensions_mut();
        extensions.insert(source);
        extensions.insert(ServedOn(self.local));
        if let Some(refusal) = refusal.or_else(|| is_too_much.then_some(BUSY)) {
            extensions.insert(refusal);
        }
        let mut response = router.call(request).await?;
        // Whatever is still to come of a body is not looked at.
        if is_last || guard.is_unread() {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response.map(|body| ResponseBody::new(body, self.ticket.clone())))
    }
}
