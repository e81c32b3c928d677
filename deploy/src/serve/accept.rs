//! The accept loop: whoever connects is let in at once, and whoever is idle or slow gives way.
//!
//! `axum::serve` bounds neither connections nor how slowly they read and write, so the loop is our own.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime,
    sync::{Semaphore, oneshot, watch},
    time::timeout,
};

use super::{
    connection::{Connection, ENTERING, Inside},
    guard::LINGER,
    guards::Guards,
    source::Proxies,
};

/// How long requests may go on after the end was asked for.
const DRAIN: Duration = Duration::from_secs(10);
/// How long nobody is let in where there is nothing left to let them in with.
const BREATH: Duration = Duration::from_millis(50);

/// Serves until `stop` says so, then lets running requests finish.
///
/// The door has a thread of its own: whoever connects is let in, told to be too slow, or answered
/// that somebody is alive, however much work there is.
///
/// # Errors
/// When the system has no thread or no events for it.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    proxies: Proxies,
    stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let local = listener.local_addr().ok();
    let listener = listener.into_std()?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let work = runtime::Handle::current();
    let door = Door {
        guards: Guards::of_process(),
        inside: Inside { router, work, entering: Arc::new(Semaphore::new(ENTERING)) },
        graceful: GracefulShutdown::new(),
        proxies: Arc::new(proxies),
        stop,
        local,
    };
    let (ended, has_ended) = oneshot::channel();
    thread::Builder::new().name("door".into()).spawn(move || {
        // Nobody asks any more where the service was given up.
        ended
            .send(runtime.block_on(async { door.keep(TcpListener::from_std(listener)?).await }))
            .ok();
    })?;
    has_ended.await.map_err(|_| io::Error::other("the door's thread ended in a panic"))?
}

/// What every connection is served with.
struct Door {
    guards: Arc<Guards>,
    inside: Inside,
    graceful: GracefulShutdown,
    proxies: Arc<Proxies>,
    stop: watch::Receiver<bool>,
    /// The address that is listened on.
    local: Option<SocketAddr>,
}

impl Door {
    async fn keep(mut self, listener: TcpListener) -> io::Result<()> {
        let patrol = tokio::spawn(self.guards.clone().patrol());
        while !*self.stop.borrow() {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                changed = self.stop.changed() => match changed {
                Ok(()) => continue,
                // The service was given up: nobody is left to say so.
                Err(_) => break,
            },
            };
            match accepted {
                Ok((tcp, peer)) => self.let_in(tcp, peer),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    // Out of file handles, most likely: somebody gives theirs up.
                    self.guards.make_room(Instant::now());
                    if let Ok(Err(_)) = timeout(BREATH, self.stop.changed()).await {
                        break;
                    }
                }
            }
        }
        drop(listener);
        self.drain().await;
        patrol.abort();
        Ok(())
    }

    /// Lets running requests finish, and what was answered last arrive.
    async fn drain(self) {
        if timeout(DRAIN, self.graceful.shutdown()).await.is_err() {
            tracing::warn!("some requests did not finish in time");
        }
        // A connection that is over may still be read on.
        timeout(LINGER, self.guards.emptied()).await.ok();
    }

    fn let_in(&self, tcp: TcpStream, peer: SocketAddr) {
        // Where everybody is at work, not even a probe is answered.
        let Some(ticket) = self.guards.admit(Instant::now()) else { return };
        // Which of many addresses it is, only the connection knows.
        let listened = self.local.filter(|local| !local.ip().is_unspecified());
        let Some(local) = listened.or_else(|| tcp.local_addr().ok()) else { return };
        let ticket = Arc::new(ticket);
        let connection = Connection {
            peer,
            local,
            proxies: self.proxies.clone(),
            ticket: ticket.clone(),
            answered: Arc::default(),
        };
        let (inside, watcher, stop) =
            (self.inside.clone(), self.graceful.watcher(), self.stop.clone());
        let coming = connection.come(tcp, inside, watcher, stop);
        ticket.guard.goes_on(|| tokio::spawn(coming).abort_handle());
    }
}

#[cfg(test)]
#[path = "accept_tests.rs"]
mod tests;
