//! The accept loop: whoever connects is let in at once, and whoever is idle or slow gives way.
//!
//! `axum::serve` bounds neither connections nor how slowly they read and write, so the loop is our own.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::{connection::Connection, guards::Guards, source::Proxies};

/// How long requests may go on after the end was asked for.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until `stop` says so, then lets running requests finish.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    proxies: Proxies,
    mut stop: watch::Receiver<bool>,
) {
    let door = Door {
        guards: Guards::of_process(),
        graceful: GracefulShutdown::new(),
        proxies: Arc::new(proxies),
        router,
        stop: stop.clone(),
        local: listener.local_addr().ok(),
    };
    let patrol = tokio::spawn(door.guards.clone().patrol());
    while !*stop.borrow() {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => continue,
        };
        match accepted {
            Ok((tcp, peer)) => door.let_in(tcp, peer),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                // Out of file handles, most likely: somebody gives theirs up.
                door.guards.make_room(Instant::now());
                let _stopped =
                    tokio::time::timeout(Duration::from_millis(50), stop.changed()).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, door.graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time");
    }
    patrol.abort();
}

/// What every connection is served with.
struct Door {
    guards: Arc<Guards>,
    graceful: GracefulShutdown,
    proxies: Arc<Proxies>,
    router: Router,
    stop: watch::Receiver<bool>,
    /// The address that is listened on.
    local: Option<SocketAddr>,
}

impl Door {
    fn let_in(&self, tcp: TcpStream, peer: SocketAddr) {
        // Where everybody is at work, not even a probe is answered.
        let Some(ticket) = self.guards.admit(Instant::now()) else { return };
        // Which of many addresses it is, only the connection knows.
        let listened = self.local.filter(|local| !local.ip().is_unspecified());
        let Some(local) = listened.or_else(|| tcp.local_addr().ok()) else { return };
        let ticket = Arc::new(ticket);
        let connection =
            Connection { peer, local, proxies: self.proxies.clone(), ticket: ticket.clone() };
        let (router, stop) = (self.router.clone(), self.stop.clone());
        let task = tokio::spawn(connection.serve(tcp, router, self.graceful.watcher(), stop));
        ticket.guard.runs_in(task.abort_handle());
    }
}
