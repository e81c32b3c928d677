//! A service that runs in this process: its tasks, and what has to be closed after them.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use axum::Router;
use command_service::attempts::Attempts;
use events::ids::LogId;
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::watch,
    task::JoinSet,
};

use crate::{
    config::Service,
    exit::{Code, Exit},
    serve::{self, Hosts, Proxies},
};

/// How long tasks may take to end.
const DRAIN: Duration = Duration::from_secs(15);

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 4_096;
/// How many bytes of an answer the system holds for a caller who does not take them; it doubles it.
const SEND_BUFFER: u32 = 256 * 1024;

/// Something that is closed after all tasks have ended. It does nothing before.
pub type Closing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A service, running in this process.
pub struct Running {
    /// Where it serves.
    pub address: SocketAddr,
    /// Which log it belongs to.
    pub log: LogId,
    /// Whether the installation was made just now.
    pub is_new: bool,
    /// The file that holds the first token, where this service knows it.
    token_file: Option<PathBuf>,
    tasks: Tasks,
    closing: Vec<Closing>,
}

/// What runs beside each other until one fails or all are told to stop.
pub struct Tasks {
    stop: watch::Sender<bool>,
    set: JoinSet<Result<(), Exit>>,
}

impl Tasks {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self { stop: watch::channel(false).0, set: JoinSet::new() }
    }

    /// Turns true when all are to end.
    #[must_use]
    pub fn stopped(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Starts one. The service ends with its error.
    pub fn start(&mut self, task: impl Future<Output = Result<(), Exit>> + Send + 'static) {
        self.set.spawn(task);
    }

    /// Starts one that waits for a failure, until all are told to stop.
    pub fn watch(&mut self, failure: impl Future<Output = Exit> + Send + 'static) {
        let mut stopped = self.stopped();
        self.set.spawn(async move {
            tokio::select! {
                exit = failure => Err(exit),
                _ = stopped.wait_for(|stop| *stop) => Ok(()),
            }
        });
    }

    /// Writes the counts of refusals that are kept in one row.
    pub fn keep_counts(&mut self, kept: &Arc<Attempts>) {
        let (kept, stopped) = (kept.clone(), self.stopped());
        self.start(async move {
            kept.keep_counts(stopped).await;
            Ok(())
        });
    }

    /// Serves the routes on a listener, with everything around them.
    pub fn serve(&mut self, listener: TcpListener, router: Router, service: &Service) {
        let stopped = self.stopped();
        let proxies = Proxies::new(service.front.trusted_proxy.clone());
        let hosts = Hosts::new(service.front.allowed_host.clone());
        self.start(async move {
            let served = serve::serve(listener, serve::wrap(router, hosts), proxies, stopped).await;
            served.map_err(Exit::failed)
        });
    }
}

impl Default for Tasks {
    fn default() -> Self {
        Self::new()
    }
}

/// Listens where a service is to serve.
///
/// # Errors
/// When the address is beyond loopback and nothing is said to end TLS before it, or cannot be had.
pub async fn listen(address: SocketAddr, behind_proxy: bool) -> Result<TcpListener, Exit> {
    if !address.ip().is_loopback() && !behind_proxy {
        let line = format!("{address} is not on loopback: put TLS in front and say --behind-proxy");
        return Err(Exit::new(Code::Usage, line));
    }
    serve::metrics::registry();
    bind(address)
        .map_err(|error| Exit::new(Code::Usage, format!("cannot listen on {address}: {error}")))
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    // Connections inherit it.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Running {
    /// A service whose tasks have been started. What is in `closing` is closed in that order.
    #[must_use]
    pub fn new(address: SocketAddr, log: LogId, tasks: Tasks, closing: Vec<Closing>) -> Self {
        Self { address, log, is_new: false, token_file: None, tasks, closing }
    }

    /// Says whether the installation is new, and where its first token is.
    #[must_use]
    pub fn with_token(mut self, is_new: bool, token_file: PathBuf) -> Self {
        (self.is_new, self.token_file) = (is_new, Some(token_file));
        self
    }

    /// The file that holds the first token, where this service knows it.
    #[must_use]
    pub fn token_file(&self) -> Option<&Path> {
        self.token_file.as_deref()
    }

    /// The address as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until a task that everything depends on fails.
    pub async fn failed(&mut self) -> Exit {
        loop {
            match self.tasks.set.join_next().await {
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(exit))) => return exit,
                Some(Err(panicked)) => return Exit::failed(panicked),
                None => return Exit::failed("everything has ended"),
            }
        }
    }

    /// Lets running requests finish, lets every task end, and closes what they worked on.
    pub async fn shutdown(mut self) {
        self.tasks.stop.send_replace(true);
        let ended = async { while self.tasks.set.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN, ended).await.is_err() {
            tracing::warn!("some tasks did not end in time");
            self.tasks.set.abort_all();
        }
        for closing in self.closing {
            closing.await;
        }
    }
}
