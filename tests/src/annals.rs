//! The whole product in this process: empty, on free ports, with a clock the test sets.
//!
//! `ANNALS_DEPLOYMENT=cluster` makes it the three services on PostgreSQL and NATS; without it, it is the
//! embedded product. Tests do not know which.

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use command_service::clock::Clocks;
use deploy::{cluster, config, config::Service, draw::system_clock, embedded, running::Running};
use events::{Instant, money::Currency, values::Line, values::Zone};
use events_log::testing::{NatsServer, TestDatabase};
use jiff::Timestamp;
use tempfile::TempDir;

use crate::{http::Http, reference::deployment};

/// A clock that a test sets, in microseconds; before it is set it is the system's. Time passes with
/// it, but for what it jumps.
#[derive(Clone)]
struct Clock {
    time: Arc<AtomicI64>,
    jumped: Arc<AtomicI64>,
}

impl Clock {
    fn at(time: i64) -> Self {
        Self { time: Arc::new(AtomicI64::new(time)), jumped: Arc::default() }
    }

    /// The time without what it jumped.
    fn passed(&self) -> i64 {
        match self.time.load(Ordering::SeqCst) {
            SYSTEM => system_clock()().micros(),
            micros => micros,
        }
    }

    fn clocks(&self) -> Clocks {
        let (wall, running) = (self.clone(), self.clone());
        Clocks {
            wall: Arc::new(move || {
                Instant::from_micros(wall.passed() + wall.jumped.load(Ordering::SeqCst))
            }),
            running: Arc::new(move || {
                Duration::from_micros(u64::try_from(running.passed()).unwrap_or(0))
            }),
        }
    }
}

const SYSTEM: i64 = i64::MIN;

/// One installation and a client that holds its first token.
pub struct Annals {
    running: Vec<Running>,
    http: Http,
    site: Site,
}

/// What an installation leaves behind when it ends, and finds again.
struct Site {
    clock: Clock,
    servers: Option<Servers>,
    folder: TempDir,
}

/// The servers of a cluster.
struct Servers {
    database: TestDatabase,
    nats: NatsServer,
}

/// How the product is put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deployment {
    /// One process, SQLite.
    Embedded,
    /// Three services, PostgreSQL and NATS.
    Cluster,
}

/// The settings of an installation in `folder`: São Paulo, in reais.
fn service(folder: &Path) -> Service {
    Service {
        data_folder: folder.join("data"),
        listen: Some((Ipv4Addr::LOCALHOST, 0).into()),
        backups: Some(folder.join("backups")),
        behind_proxy: false,
        accept_older_log: None,
        front: config::Front::default(),
        organization: Line::new("Norte").expect("a name"),
        zone: Zone::new("America/Sao_Paulo").expect("a zone"),
        currency: Currency::new("BRL").expect("a currency"),
    }
}

impl Site {
    fn new(time: i64) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let servers = (deployment() == Deployment::Cluster).then(|| {
            let database = TestDatabase::new("cluster").expect("tests/run.sh starts PostgreSQL");
            let nats = NatsServer::start("cluster", &folder.path().join("nats"));
            Servers { database, nats: nats.expect("tests/run.sh installs nats-server") }
        });
        Self { clock: Clock::at(time), servers, folder }
    }

    async fn run(&self) -> (Vec<Running>, Http) {
        let clocks = self.clock.clocks();
        let service = service(self.folder.path());
        let Some(servers) = &self.servers else {
            let running = embedded::start(&service, clocks).await.expect("it starts");
            let http = Http::new(&running.url(), &token(&running));
            return (vec![running], http);
        };
        let cluster = config::Cluster {
            postgres: servers.database.url(),
            keys_postgres: None,
            read_postgres: None,
            postgres_password_file: None,
            nats: Some(servers.nats.url()),
            nats_stream: "ANNALS".to_owned(),
            nats_replicas: 1,
            nats_max_bytes: None,
            nats_password_file: None,
            nats_token_file: None,
            nats_credentials: None,
            nats_ca: None,
            nats_certificate: None,
            nats_key: None,
            secrets: self.folder.path().join("secrets"),
            trust_network: false,
        };
        let started = cluster::start_command_service(&service, &cluster, clocks.clone()).await;
        let command = started.expect("the command service starts");
        let started = cluster::start_projection_service(&service, &cluster, clocks.clone()).await;
        let projection = started.expect("the projection service starts");
        let started = cluster::start_query_api(&service, &cluster, clocks.wall).await;
        let query = started.expect("the query API starts");
        let http =
            Http::of_roles(&command.url(), &query.url(), &projection.url(), &token(&command));
        (vec![query, projection, command], http)
    }
}

fn token(running: &Running) -> String {
    let file = running.token_file().expect("it knows the first token");
    std::fs::read_to_string(file).expect("the first token").trim().to_owned()
}

impl Annals {
    /// An empty installation.
    pub async fn start() -> Self {
        Self::on(Site::new(SYSTEM)).await
    }

    /// An empty installation whose clock shows `instant`.
    pub async fn start_at(instant: &str) -> Self {
        Self::on(Site::new(micros(instant))).await
    }

    async fn on(site: Site) -> Self {
        let (running, http) = site.run().await;
        Self { running, http, site }
    }

    /// Sets the clock.
    pub fn set_clock(&self, instant: &str) {
        self.site.clock.time.store(micros(instant), Ordering::SeqCst);
    }

    /// Sets the wall clock off by so many minutes from where it should be, in no time.
    pub fn jump_clock(&self, minutes: i64) {
        self.site.clock.jumped.store(minutes * 60_000_000, Ordering::SeqCst);
    }

    /// Ends the product in order and starts it again on the same data.
    pub async fn restart(&mut self) {
        self.stop().await;
        (self.running, self.http) = self.site.run().await;
    }

    /// Ends the product in order; its data stay until this is dropped.
    pub async fn stop(&mut self) {
        for running in self.running.drain(..) {
            running.shutdown().await;
        }
    }

    /// A client with the first token.
    pub const fn http(&self) -> &Http {
        &self.http
    }

    /// The first token.
    pub fn token(&self) -> String {
        self.http.token().expect("a client with the first token").to_owned()
    }

    /// The data folder of an embedded installation.
    pub fn data(&self) -> PathBuf {
        self.site.folder.path().join("data")
    }

    /// A folder for the files of the test.
    pub fn scratch(&self) -> PathBuf {
        self.site.folder.path().to_owned()
    }
}

impl std::ops::Deref for Annals {
    type Target = Http;

    fn deref(&self) -> &Http {
        &self.http
    }
}

fn micros(instant: &str) -> i64 {
    let timestamp: Timestamp = instant.parse().expect("an instant of RFC 3339");
    timestamp.as_microsecond()
}
