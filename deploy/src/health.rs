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
use events::{bus::nats::BusStatus, ids::LogId, store::EventFeed};
use projection_service::{
    follow::{Progress, Status},
    read_side::ReadSide,
    read_view::ReadView,
};
use schemars::SchemaGenerator;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::serve::{self, StaticDocument};

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
        Self { log, role, feed, read_side: Reads::None, bus: None }
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

    /// Whether the read models are as they should be here, and what is to be said of them.
    fn reads(&self) -> (bool, Value) {
        let progress = match &self.read_side {
            Reads::None => return (true, Value::Null),
            Reads::View(view) => Some(view.status()),
            Reads::Active(active) => active.borrow().as_ref().map(ReadSide::status),
        };
        match progress {
            Some(progress) => (progress.is_ready(), told(&progress)),
            None => (true, json!({ "status": "standing by" })),
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
}

async fn readyz(State(health): State<Health>) -> Response {
    let log = tokio::time::timeout(PATIENCE, health.feed.feed_head()).await;
    let head = log.ok().and_then(Result::ok).map(|head| head.position.to_string());
    let (reads_well, read_side) = health.reads();
    let ready = head.is_some() && reads_well;
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

fn told(progress: &Progress) -> Value {
    json!({
        "generation": progress.generation,
        "position": progress.position.to_string(),
        "lag_events": progress.lag(),
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

async fn metrics() -> Response {
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

/// The OpenAPI document of both APIs, made from their types.
#[must_use]
pub fn document() -> Value {
    let mut settings = schemars::generate::SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    let mut generator: SchemaGenerator = settings.into_generator();
    let mut paths = command_service::http::paths(&mut generator);
    paths.append(&mut query_api::paths(&mut generator));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Annals",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A CRM backend whose records are the sum of their history. \
                Commands are sent to `/commands/{Name}`; everything else is a question.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}
