//! What operators ask: is it alive, is it ready, how does it fare, what is it.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use command_service::{clock::Doubt, handle::Handler};
use events::{Position, ids::LogId};
use events_log::{bus::nats::BusStatus, keys::Unsealer, store::EventFeed};
use projection_service::{
    follow::{Progress, Status},
    read_side::ReadSide,
    read_view::ReadView,
};
use serde_json::{Value, json};
use tokio::sync::watch;

pub use crate::document::document;
use crate::{
    serve::{self, StaticDocument},
    start_page,
};

/// How many keys that could not be had are named.
const SHOWN_KEYS: usize = 10;
/// How long the log may take to answer a probe.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the answers are made from.
#[derive(Clone)]
pub struct Health {
    log: LogId,
    role: &'static str,
    feed: Arc<dyn EventFeed>,
    read_side: Reads,
    bus: Option<watch::Receiver<BusStatus>>,
    /// Who takes commands as long as the clock is believed.
    commands: Option<Arc<Handler>>,
    /// Who opens personal values, and knows which keys could not be had.
    keys: Option<Unsealer>,
}

/// Where the read models are looked at from.
#[derive(Clone)]
enum Reads {
    /// Not at all.
    None,
    /// Questions are answered here.
    View(ReadView),
    /// They are kept in step here, while this process is the active one.
    Active(watch::Receiver<Option<ReadSide>>),
}

impl Health {
    /// Of a service on that log.
    #[must_use]
    pub const fn of(log: LogId, role: &'static str, feed: Arc<dyn EventFeed>) -> Self {
        Self { log, role, feed, read_side: Reads::None, bus: None, commands: None, keys: None }
    }

    /// One that answers questions.
    #[must_use]
    pub fn with_view(self, view: ReadView) -> Self {
        Self { read_side: Reads::View(view), ..self }
    }

    /// One that keeps the read models in step while it is the active one.
    #[must_use]
    pub fn with_active(self, active: watch::Receiver<Option<ReadSide>>) -> Self {
        Self { read_side: Reads::Active(active), ..self }
    }

    /// One on a bus. Whether that carries is told, and does not make the service unready.
    #[must_use]
    pub fn with_bus(self, bus: watch::Receiver<BusStatus>) -> Self {
        Self { bus: Some(bus), ..self }
    }

    /// One that takes commands: it is not ready while its clock is not believed.
    #[must_use]
    pub fn with_clock(self, commands: Arc<Handler>) -> Self {
        Self { commands: Some(commands), ..self }
    }

    /// One that opens personal values. Keys that are missing or damaged are told, and do not make the
    /// service unready: they stop what needs them, and nothing else.
    #[must_use]
    pub fn with_keys(self, keys: Unsealer) -> Self {
        Self { keys: Some(keys), ..self }
    }

    /// How the read models go, where this process makes them or answers from them.
    fn progress(&self) -> Option<Progress> {
        match &self.read_side {
            Reads::None => None,
            Reads::View(view) => Some(view.status()),
            Reads::Active(active) => active.borrow().as_ref().map(ReadSide::status),
        }
    }

    /// Whether the read models are as they should be here, and what is to be said of them.
    fn reads(&self, progress: Option<&Progress>, head: Option<Position>) -> (bool, Value) {
        if matches!(self.read_side, Reads::None) {
            return (true, Value::Null);
        }
        match progress {
            Some(progress) => (progress.is_ready(), told(progress, head)),
            None => (true, json!({ "status": "standing by" })),
        }
    }

    /// Where the log ends now; none where it does not say.
    async fn head(&self) -> Option<Position> {
        let asked = tokio::time::timeout(PATIENCE, self.feed.feed_head()).await;
        asked.ok().and_then(Result::ok).map(|head| head.position)
    }

    /// Brings the figures up to date that are of this moment: a gauge that is set with each batch
    /// says nothing while no batch comes.
    async fn measure(&self) {
        // Before the log is asked where it ends: the rows are never told to be nearer than they are.
        let progress = self.progress();
        let head = self.head().await;
        // Not a number: nobody knows.
        let number = |position: Option<u64>| {
            let number = position.and_then(|position| u32::try_from(position).ok());
            number.map_or(f64::NAN, f64::from)
        };
        metrics::gauge!("annals_log_head_position").set(number(head.map(|head| head.0)));
        let Some(progress) = progress else { return };
        let labels = [("generation", progress.generation.to_string())];
        metrics::gauge!("annals_projection_position", &labels)
            .set(number(Some(progress.position.0)));
        let lag = head.map(|head| lag(head, &progress));
        metrics::gauge!("annals_projection_lag_events", &labels).set(number(lag));
        if let Reads::View(view) = &self.read_side
            && let Some(live) = view.live()
        {
            let in_use = u64::try_from(live.pool.in_use()).ok();
            metrics::gauge!("annals_query_connections_in_use").set(number(in_use));
        }
    }
}

/// The health routes. They ask for no token and tell nothing about any record.
#[must_use = "routes do nothing until they are served"]
pub fn router(health: Health) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/version", get(version))
        .route("/openapi.json", get(openapi))
        .with_state(health)
        .merge(start_page::router())
}

async fn readyz(State(health): State<Health>) -> Response {
    // Before the log is asked where it ends: the rows are never told to be nearer than they are.
    let progress = health.progress();
    let head = health.head().await;
    let (reads_well, read_side) = health.reads(progress.as_ref(), head);
    let head = head.map(|head| head.to_string());
    let doubt = health.commands.as_ref().and_then(|commands| commands.doubt());
    let ready = head.is_some() && reads_well && doubt.is_none();
    let mut body = json!({
        "ready": ready,
        "role": health.role,
        "log": { "id": health.log, "available": head.is_some(), "head": head },
    });
    let damage = health.feed.damage();
    if !damage.is_empty() {
        // What is damaged stops what it touches; the rest is served.
        body["log"]["damaged"] = damage.iter().map(|damage| damage.place.clone()).collect();
    }
    if let Some(Doubt { reason, expected, shown }) = doubt {
        body["clock"] = json!({
            "code": "clock.jumped", "why": reason.name(), "shown": shown, "expected": expected,
        });
    }
    if let Some(keys) = &health.keys {
        let unreadable = keys.unreadable();
        body["keys"] = json!({
            "unreadable": unreadable.count(),
            "first": unreadable.first(SHOWN_KEYS),
            "store_is_older": unreadable.is_store_older(),
        });
    }
    if !read_side.is_null() {
        body["read_side"] = read_side;
    }
    if let Some(bus) = &health.bus {
        body["bus"] = match &*bus.borrow() {
            BusStatus::Connected => json!({ "available": true }),
            BusStatus::Away { why, .. } | BusStatus::Refused { why } => {
                json!({ "available": false, "why": &**why })
            }
        };
    }
    let code = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(body)).into_response()
}

/// How many events the rows are behind a log that ends there, not behind the end that whoever makes
/// them has heard of.
fn lag(head: Position, progress: &Progress) -> u64 {
    head.0.saturating_sub(progress.position.0)
}

fn told(progress: &Progress, head: Option<Position>) -> Value {
    json!({
        "generation": progress.generation,
        "position": progress.position.to_string(),
        "lag_events": head.map(|head| lag(head, progress)),
        "events_per_second": progress.events_per_second.round(),
        "status": describe(&progress.status),
    })
}

fn describe(status: &Status) -> Value {
    match status {
        Status::Starting => json!("starting"),
        Status::CatchingUp => json!("catching up"),
        Status::Following => json!("following"),
        Status::Holding => json!("holding"),
        Status::Waiting { detail } => json!({ "waiting": detail }),
        Status::Stopped(stop) => json!({ "stopped": {
            "position": stop.position.to_string(), "code": stop.code, "detail": stop.detail,
        } }),
        Status::Ended => json!("ended"),
    }
}

async fn metrics(State(health): State<Health>) -> Response {
    health.measure().await;
    let text = serve::metrics::registry().render();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

async fn version(State(health): State<Health>) -> Json<Value> {
    Json(json!({
        "name": "annals",
        "role": health.role,
        "version": env!("CARGO_PKG_VERSION"),
        "log": health.log,
    }))
}

/// It takes a while to make and is the same for everybody.
async fn openapi(headers: HeaderMap) -> Response {
    static DOCUMENT: OnceLock<StaticDocument> = OnceLock::new();
    let make = || StaticDocument::new("application/json", document().to_string());
    DOCUMENT.get_or_init(make).answer(&headers)
}
