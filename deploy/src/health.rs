//! What operators ask: is it alive, is it ready, how does it fare, what is it.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use events::{ids::LogId, store::EventFeed};
use projection_service::{follow::Status, read_side::ReadSide};
use schemars::SchemaGenerator;
use serde_json::{Value, json};

use crate::telemetry;

/// What the answers are made from.
#[derive(Clone)]
pub struct Health {
    /// Which log this is.
    pub log: LogId,
    /// The log.
    pub feed: Arc<dyn EventFeed>,
    /// The read models.
    pub read_side: ReadSide,
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
    let log = health.feed.feed_head().await;
    let progress = health.read_side.status();
    let ready = log.is_ok() && progress.is_ready();
    let body = json!({
        "ready": ready,
        "log": {
            "id": health.log,
            "head": log.as_ref().ok().map(|head| head.position.to_string()),
            "available": log.is_ok(),
        },
        "read_side": {
            "generation": progress.generation,
            "position": progress.position.to_string(),
            "lag_events": progress.lag(),
            "events_per_second": progress.events_per_second.round(),
            "status": describe(&progress.status),
        },
    });
    let code = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(body)).into_response()
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
    let text = telemetry::metrics().render();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

async fn version(State(health): State<Health>) -> Json<Value> {
    Json(json!({
        "name": "annals",
        "version": env!("CARGO_PKG_VERSION"),
        "log": health.log,
    }))
}

async fn openapi() -> Json<Value> {
    Json(document())
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
