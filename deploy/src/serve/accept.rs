//! The accept loop: bounded connections, bounded waiting, an end that lets requests finish.
//!
//! `axum::serve` sets no limit on how long headers may take, so the loop is our own.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use axum::Router;
use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};

use super::{connection::Connection, source::Proxies, stream::Stream};

/// How many connections are open at a time; further ones wait in the backlog.
const MAX_CONNECTIONS: usize = 4_096;
/// How long the headers of a request may take, and how long a connection may idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How large the headers of a request may be, in bytes.
const MAX_HEADERS: usize = 64 * 1024;
/// How long requests may go on after the end was asked for.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until `stop` says so, then lets running requests finish.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    proxies: Proxies,
    mut stop: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let proxies = Arc::new(proxies);
    while !*stop.borrow() {
        let accepted = tokio::select! {
            accepted = accept(&listener, &connections) => accepted,
            _ = stop.changed() => continue,
        };
        match accepted {
            Ok((tcp, peer, permit)) => {
                // Fails only on a connection that is gone already.
                tcp.set_nodelay(true).ok();
                let unread = Arc::new(AtomicBool::new(false));
                let stream = Stream::new(tcp, unread.clone());
                let known =
                    Arc::new(Connection { peer: peer.ip(), proxies: proxies.clone(), unread });
                let router = router.clone();
                let answer =
                    service_fn(move |request| known.clone().answer(router.clone(), request));
                let connection = hyper::server::conn::http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEADER_TIMEOUT)
                    .max_buf_size(MAX_HEADERS)
                    .serve_connection(TokioIo::new(stream), answer);
                let connection = graceful.watch(connection);
                tokio::spawn(async move {
                    let _permit = permit;
                    // A connection that breaks is its caller's affair.
                    let _ended = connection.await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                // Out of file handles, most likely: wait until one is free again.
                let _stopped =
                    tokio::time::timeout(Duration::from_millis(50), stop.changed()).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections)
        .acquire_owned()
        .await
        .map_err(|_| io::Error::other("the server is closing"))?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, permit))
}
