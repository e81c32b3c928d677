//! The composition root: adapters, services, supervised tasks.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use aws_lc_rs::rand;
use axum::{Router, http::StatusCode, response::IntoResponse};
use command_service::{
    handle::{Clock, Handler},
    http::App,
    relay::relay,
};
use events::{
    Instant, Position,
    bus::{Bus, InProcessBus},
    ids::LogId,
    keys::{KeyFiles, Keyring, SqliteKeys, Unsealer},
    store::{
        EventFeed, EventLog, StreamReader,
        sqlite::{OpenOptions, SqliteStore},
    },
};
use projection_service::{
    follow::Log,
    models,
    read_side::{Place, ReadSide, Settings},
};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tower_http::{catch_panic::CatchPanicLayer, timeout::RequestBodyTimeoutLayer};
use uuid::Uuid;

use crate::{
    admin::{self, Admin},
    backup::Sources,
    config::Service,
    exit::{Code, Exit},
    folder::{Folder, write_private},
    founding::found,
    health::{self, Health},
    observe::observe,
    server, telemetry,
};

/// How many batches the in-process bus holds for a slow follower, which then reads the store.
const BUS_BATCHES: usize = 1_024;
/// How many threads read the log.
const LOG_READERS: usize = 2;
/// About how many bytes of rows folding keeps in memory.
const READ_CACHE: usize = 16 * 1024 * 1024;
/// How many questions are answered at once; two cores do not answer more.
const READ_CONNECTIONS: u32 = 8;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long tasks may take to end.
const DRAIN: Duration = Duration::from_secs(15);

/// The whole product, running in this process.
pub struct Running {
    /// Where it serves.
    pub address: SocketAddr,
    /// Which log it owns.
    pub log: LogId,
    /// Whether the data folder was made just now.
    pub is_new: bool,
    stop: watch::Sender<bool>,
    tasks: JoinSet<Result<(), Exit>>,
    store: Arc<SqliteStore>,
    folder: Folder,
}

/// The system's clock: the only place that asks it.
#[expect(clippy::disallowed_methods, reason = "the edge where time comes in")]
pub fn system_clock() -> Clock {
    Arc::new(|| Instant::from(jiff::Timestamp::now()))
}

#[expect(clippy::disallowed_methods, reason = "the edge where ids are drawn")]
fn draw_id() -> Uuid {
    Uuid::now_v7()
}

fn draw_secret() -> [u8; 32] {
    let mut secret = [0; 32];
    // aws-lc draws from the system; when even that fails nothing may be keyed with what is left.
    assert!(rand::fill(&mut secret).is_ok(), "the system has no randomness");
    secret
}

/// Opens the data folder and starts everything on it.
///
/// # Errors
/// When the folder, the address or a file cannot be used. Nothing was touched then.
pub async fn start(service: &Service, clock: Clock) -> Result<Running, Exit> {
    if !service.listen.ip().is_loopback() && !service.behind_proxy {
        let line = format!(
            "{} is not on loopback: put TLS in front and say --behind-proxy",
            service.listen
        );
        return Err(Exit::new(Code::Usage, line));
    }
    telemetry::metrics();
    let listener = TcpListener::bind(service.listen).await.map_err(|error| {
        Exit::new(Code::Usage, format!("cannot listen on {}: {error}", service.listen))
    })?;
    let folder = Folder::own(&service.data).map_err(|error| Exit::new(Code::Folder, error))?;
    let is_new = folder.is_new;
    let opened = open(&folder, clock.clone()).await?;
    let log = opened.store.log_id();
    found(&opened.handler, log, service, &folder.file("token"), draw_secret)
        .await
        .map_err(|error| Exit::from(anyhow::Error::from(error)))?;

    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let read_side = start_following(&mut tasks, &folder, &opened, &stopped).await?;
    let router = routes(&opened, &read_side, clock, folder.path().to_owned());
    let address = listener.local_addr().map_err(Exit::failed)?;
    tasks.spawn(async move {
        server::serve(listener, router, stopped).await;
        Ok(())
    });
    write_private(&folder.file("annals.addr"), format!("http://{address}").as_bytes())
        .map_err(Exit::failed)?;
    Ok(Running { address, log, is_new, stop, tasks, store: opened.store, folder })
}

struct Opened {
    store: Arc<SqliteStore>,
    keys: Arc<SqliteKeys>,
    unsealer: Unsealer,
    handler: Arc<Handler>,
}

async fn open(folder: &Folder, clock: Clock) -> Result<Opened, Exit> {
    let bad_folder = |error: anyhow::Error| Exit::new(Code::Folder, format!("{error:#}"));
    let path = folder.file("log.db");
    let options =
        OpenOptions { log_id: LogId(draw_id()), clock: clock.clone(), readers: LOG_READERS };
    let opening = tokio::task::spawn_blocking(move || SqliteStore::open(path, options));
    let store = opening.await.map_err(Exit::failed)?.map_err(|error| bad_folder(error.into()))?;
    let store = Arc::new(store);
    let log = store.log_id();
    let head = store.head().await.map_err(Exit::failed)?;
    let files = KeyFiles {
        keys: folder.file("keys.db"),
        master_key: folder.file("master.key"),
        log,
        // With events a missing key file is a loss; a new one would make everybody look erased.
        may_create: head.position == Position::START,
    };
    let opening = tokio::task::spawn_blocking(move || SqliteKeys::open(&files));
    let opened = match opening.await.map_err(Exit::failed)? {
        Ok(keys) => folder
            .secret("installation.key", draw_secret)
            .map(|secret| (Arc::new(keys), secret))
            .map_err(|error| Exit::new(Code::Folder, error)),
        Err(error) => Err(bad_folder(error.into())),
    };
    let (keys, secret) = match opened {
        Ok(opened) => opened,
        Err(exit) => {
            // Closed in order, so that no file of the database stays behind.
            store.shutdown().await;
            return Err(exit);
        }
    };
    let port: Arc<dyn EventLog> = store.clone();
    let keyring = Keyring::new(keys.clone(), log);
    // Who reads shares the writer's cache: a key that was just made is needed by both.
    let unsealer = keyring.unsealer().clone();
    let handler = Arc::new(Handler::new(port, keyring, clock, &secret));
    Ok(Opened { store, keys, unsealer, handler })
}

/// Starts what follows the log: relay, process managers, read models.
async fn start_following(
    tasks: &mut JoinSet<Result<(), Exit>>,
    folder: &Folder,
    opened: &Opened,
    stopped: &watch::Receiver<bool>,
) -> Result<ReadSide, Exit> {
    let Opened { store, unsealer, handler, .. } = opened;
    let feed: Arc<dyn EventFeed> = store.clone();
    let bus = Arc::new(InProcessBus::new(BUS_BATCHES));
    let subscribable: Arc<dyn Bus> = bus.clone();
    let all = models::all().map_err(Exit::failed)?;
    let read = folder.folder("read").map_err(|error| Exit::new(Code::Folder, error))?;
    let settings = Settings {
        place: Place::Folder(read),
        models: Arc::new(all),
        log: Log {
            feed: feed.clone(),
            bus: Some(subscribable),
            unsealer: unsealer.clone(),
            log_id: store.log_id(),
        },
        cache_bytes: READ_CACHE,
        connections: READ_CONNECTIONS,
    };
    let read_side = ReadSide::open(settings)
        .await
        .map_err(|error| Exit::new(Code::Folder, format!("{:#}", anyhow::Error::from(error))))?;

    let (relay_feed, relay_stop) = (feed.clone(), stopped.clone());
    tasks.spawn(async move { relay(relay_feed, bus, relay_stop).await.map_err(Exit::failed) });
    let (processes, process_stop) = (handler.clone(), stopped.clone());
    tasks.spawn(async move {
        processes.follow_processes(feed, process_stop).await.map_err(Exit::failed)
    });
    let (reading, read_stop) = (read_side.clone(), stopped.clone());
    tasks.spawn(async move {
        reading.run(read_stop).await;
        Ok(())
    });
    let failing = store.clone();
    let mut failing_stop = stopped.clone();
    tasks.spawn(async move {
        tokio::select! {
            error = failing.failed() => Err(Exit::failed(error)),
            _ = failing_stop.changed() => Ok(()),
        }
    });
    Ok(read_side)
}

fn routes(opened: &Opened, read_side: &ReadSide, clock: Clock, folder: PathBuf) -> Router {
    let Opened { store, keys, unsealer, handler } = opened;
    let app = App::new(handler.clone(), Arc::new(draw_id));
    let questions = query_api::App::new(
        read_side.view(),
        store.clone(),
        store.clone(),
        unsealer.clone(),
        clock,
    );
    let sources = Arc::new(Sources { log: store.clone(), keys: keys.clone(), folder });
    let admin = Admin { app: app.clone(), read_side: read_side.clone(), sources };
    let health = Health { log: store.log_id(), feed: store.clone(), read_side: read_side.clone() };
    command_service::http::router(app)
        .merge(query_api::router(questions))
        .merge(admin::router(admin))
        .merge(health::router(health))
        .fallback(|| async { not_found() })
        .layer(RequestBodyTimeoutLayer::new(BODY_TIMEOUT))
        .layer(axum::middleware::map_response(private))
        .layer(axum::middleware::from_fn(observe))
        .layer(CatchPanicLayer::custom(panicked))
}

fn not_found() -> impl IntoResponse {
    problem(StatusCode::NOT_FOUND, "route.unknown", "there is no such route")
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> axum::response::Response {
    tracing::error!("a request ended in a panic");
    problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the request could not be answered")
}

fn problem(status: StatusCode, code: &str, detail: &str) -> axum::response::Response {
    let title = status.canonical_reason().unwrap_or("Failed");
    let body = serde_json::json!({
        "status": status.as_u16(), "code": code, "title": title, "detail": detail,
    });
    let kind = [(axum::http::header::CONTENT_TYPE, "application/problem+json")];
    (status, kind, body.to_string()).into_response()
}

/// Answers hold what people entrusted: nobody on the way keeps or guesses about them.
async fn private(mut response: axum::response::Response) -> axum::response::Response {
    use axum::http::{HeaderValue, header};
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    );
    response
}

impl Running {
    /// The file that holds the first token.
    #[must_use]
    pub fn token_file(&self) -> PathBuf {
        self.folder.file("token")
    }

    /// The address as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until a task that everything depends on fails.
    pub async fn failed(&mut self) -> Exit {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(exit))) => return exit,
                Some(Err(panicked)) => return Exit::failed(panicked),
                None => return Exit::failed("everything has ended"),
            }
        }
    }

    /// Lets running requests finish, commits what was asked, and gives the folder back.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(DRAIN, ended).await.is_err() {
            tracing::warn!("some tasks did not end in time");
            self.tasks.abort_all();
        }
        self.store.shutdown().await;
        // Whoever finds no address starts the product themselves.
        std::fs::remove_file(self.folder.file("annals.addr")).ok();
    }
}
