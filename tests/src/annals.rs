//! The whole product in this process: empty, on a free port, with a clock the test sets.

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use deploy::{
    assemble::{Running, start, system_clock},
    config::Service,
};
use events::{Instant, money::Currency, values::Line, values::Zone};
use jiff::Timestamp;
use tempfile::TempDir;

use crate::http::Http;

/// A clock that a test sets, in microseconds; before it is set it is the system's.
type Clock = Arc<AtomicI64>;

const SYSTEM: i64 = i64::MIN;

/// One installation and a client that holds its first token.
pub struct Annals {
    folder: Arc<TempDir>,
    clock: Clock,
    running: Option<Running>,
    http: Http,
}

/// The settings of an installation in `folder`: São Paulo, in reais.
fn service(folder: &Path) -> Service {
    Service {
        data: folder.join("data"),
        listen: (Ipv4Addr::LOCALHOST, 0).into(),
        behind_proxy: false,
        organization: Line::new("Norte").expect("a name"),
        zone: Zone::new("America/Sao_Paulo").expect("a zone"),
        currency: Currency::new("BRL").expect("a currency"),
    }
}

impl Annals {
    /// An empty installation.
    pub async fn start() -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a temporary folder"));
        let clock = Arc::new(AtomicI64::new(SYSTEM));
        let (running, http) = run(&folder, &clock).await;
        Self { folder, clock, running: Some(running), http }
    }

    /// An empty installation whose clock shows `instant`.
    pub async fn start_at(instant: &str) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a temporary folder"));
        let clock = Arc::new(AtomicI64::new(micros(instant)));
        let (running, http) = run(&folder, &clock).await;
        Self { folder, clock, running: Some(running), http }
    }

    /// Sets the clock.
    pub fn set_clock(&self, instant: &str) {
        self.clock.store(micros(instant), Ordering::SeqCst);
    }

    /// Ends the product in order and starts it again on the same folder.
    pub async fn restart(&mut self) {
        if let Some(running) = self.running.take() {
            running.shutdown().await;
        }
        let (running, http) = run(&self.folder, &self.clock).await;
        self.running = Some(running);
        self.http = http;
    }

    /// Ends the product in order; the folder stays until this is dropped.
    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.shutdown().await;
        }
    }

    /// A client with the first token.
    pub const fn http(&self) -> &Http {
        &self.http
    }

    /// The first token.
    pub fn token(&self) -> String {
        let token = std::fs::read_to_string(self.data().join("token")).expect("the first token");
        token.trim().to_owned()
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A folder for the files of the test.
    pub fn scratch(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// The address.
    pub fn url(&self) -> String {
        self.running.as_ref().expect("it runs").url()
    }
}

impl std::ops::Deref for Annals {
    type Target = Http;

    fn deref(&self) -> &Http {
        &self.http
    }
}

async fn run(folder: &TempDir, clock: &Clock) -> (Running, Http) {
    let (set, system) = (clock.clone(), system_clock());
    let clock = Arc::new(move || match set.load(Ordering::SeqCst) {
        SYSTEM => system(),
        micros => Instant::from_micros(micros),
    });
    let running = start(&service(folder.path()), clock).await.expect("it starts");
    let token = std::fs::read_to_string(running.token_file()).expect("the first token");
    let http = Http::new(&running.url(), token.trim());
    (running, http)
}

fn micros(instant: &str) -> i64 {
    let timestamp: Timestamp = instant.parse().expect("an instant of RFC 3339");
    timestamp.as_microsecond()
}
