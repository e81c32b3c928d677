//! One connection: its requests go through the routes, its answers say when it is the last.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Response, header},
};
use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{rt::TokioIo, server::graceful::Watcher};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    runtime::Handle,
    sync::{Notify, Semaphore, watch},
    time::timeout,
};
use tower::Service;

use crate::draw::http_date;

use super::{
    guards::Ticket,
    head::{BUSY, Refusal},
    hosts::ServedOn,
    layers,
    request_body::RequestBody,
    response_body::ResponseBody,
    source::Proxies,
    stream::{First, Stream},
};

/// How much hyper reads ahead, and how much of an answer it collects before it is written, in bytes.
const BUFFER: usize = 64 * 1024;
/// Whoever asks these is answered even where there is no room for anything else.
const PROBES: [&str; 2] = ["/livez", "/readyz"];
/// How many connections are set up at a time: until its first answer a stranger's costs as much as
/// anybody's, and thousands may come at once.
pub(super) const ENTERING: usize = 256;
/// How long one is waited for. It may be answered much later: whoever follows the log waits with it.
const ENTERED: Duration = Duration::from_millis(50);

/// What is known of a connection.
pub(super) struct Connection {
    pub(super) peer: SocketAddr,
    /// The address that the caller connected to.
    pub(super) local: SocketAddr,
    pub(super) proxies: Arc<Proxies>,
    pub(super) ticket: Arc<Ticket>,
    /// Told of each answer.
    pub(super) answered: Arc<Notify>,
}

/// Where a connection goes that wants something done.
#[derive(Clone)]
pub(super) struct Inside {
    pub(super) router: Router,
    /// Where requests are answered.
    pub(super) work: Handle,
    /// Who may go in.
    pub(super) entering: Arc<Semaphore>,
}

impl Connection {
    /// Waits at the door for the first head, and answers there what is no work: whether somebody is
    /// alive, and what is no request. Everything else goes in.
    pub(super) async fn come(
        self,
        tcp: TcpStream,
        inside: Inside,
        watcher: Watcher,
        mut stop: watch::Receiver<bool>,
    ) {
        // Fails only on a connection that is gone already.
        tcp.set_nodelay(true).ok();
        let mut stream = Stream::new(tcp, self.ticket.clone());
        // Whoever has not sent a whole head yet costs no more than this.
        let first = tokio::select! {
            first = stream.first_head() => first,
            _ = stop.wait_for(|stop| *stop) => First::Gone,
        };
        match first {
            First::Gone => {}
            First::Probe => Box::pin(self.serve(stream, inside.router, watcher, true)).await,
            First::Refused(refusal) => Box::pin(self.refuse(stream, refusal)).await,
            First::Request => self.go_in(stream, inside, watcher).await,
        }
    }

    /// Goes on where the work is done, once there is room to come in.
    async fn go_in(self, stream: Stream, inside: Inside, watcher: Watcher) {
        let (ticket, answered) = (self.ticket.clone(), self.answered.clone());
        let Inside { router, work, entering } = inside;
        let Ok(_entering) = entering.acquire_owned().await else { return };
        let Ok(moving) = stream.leave() else { return };
        let served = async move {
            match moving.arrive() {
                Ok(stream) => self.serve(stream, router, watcher, false).await,
                Err(error) => tracing::warn!(%error, "a connection could not be served"),
            }
        };
        ticket.guard.goes_on(|| work.spawn(served).abort_handle());
        drop(ticket);
        timeout(ENTERED, answered.notified()).await.ok();
    }

    /// Answers what came first and is no request, without what it takes to answer requests.
    async fn refuse(self, mut stream: Stream, refusal: Refusal) {
        self.ticket.guard.answer_begins();
        let bytes = written(layers::refused_at_once(refusal)).await;
        // A connection that breaks is its caller's affair.
        if stream.write_all(&bytes).await.is_ok() && stream.flush().await.is_ok() {
            self.ticket.guard.request_ends(Instant::now());
            stream.shutdown().await.ok();
        }
    }

    /// Serves it to its end; a single request where it `is_single`.
    async fn serve(self, stream: Stream, router: Router, watcher: Watcher, is_single: bool) {
        let known = Arc::new(self);
        let answer =
            service_fn(move |request| known.clone().answer(router.clone(), request, is_single));
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
        is_single: bool,
    ) -> Result<Response<ResponseBody>, Infallible> {
        let guard = &self.ticket.guard;
        let refusal = guard.answer_begins();
        // Where chunks end is not looked for a second time: nothing comes after them.
        let mut is_last = is_single
            || refusal.is_some()
            || request.headers().contains_key(header::TRANSFER_ENCODING);
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
        self.answered.notify_one();
        // Whatever is still to come of a body is not looked at.
        if is_last || guard.is_unread() {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response.map(|body| ResponseBody::new(body, self.ticket.clone())))
    }
}

/// An answer as it goes out, when it is the last.
async fn written(response: axum::response::Response) -> Vec<u8> {
    let (parts, body) = response.into_parts();
    // It is there already, and short.
    let body = axum::body::to_bytes(body, BUFFER).await.unwrap_or_default();
    let date = http_date();
    let mut bytes = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
    for (name, value) in &parts.headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    let end =
        format!("content-length: {}\r\nconnection: close\r\ndate: {date}\r\n\r\n", body.len());
    bytes.extend_from_slice(end.as_bytes());
    bytes.extend_from_slice(&body);
    bytes
}
