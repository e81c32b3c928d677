//! One middleware for all requests: how long each took and what became of it, as a metric and a log line.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    http::StatusCode,
    middleware::Next,
    response::Response,
};

/// Measures a request. The route is the pattern, never the path: ids and names stay out.
pub async fn observe(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let took = begun.elapsed();
    let status = response.status();
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    metrics::histogram!(
        "annals_http_request_duration_seconds",
        "method" => method.to_string(),
        "route" => route.to_owned(),
        "status" => status.as_str().to_owned(),
    )
    .record(took.as_secs_f64());
    let duration_ms = took.as_secs_f64() * 1_000.0;
    let position = response.headers().get("annals-position").and_then(|value| value.to_str().ok());
    if status == StatusCode::SERVICE_UNAVAILABLE {
        // Not ready, behind or busy: said as it is meant, and no mistake of ours.
        tracing::warn!(%method, route, status = status.as_u16(), duration_ms, "answered {status}");
    } else if status.is_server_error() {
        tracing::error!(%method, route, status = status.as_u16(), duration_ms, "answered {status}");
    } else {
        tracing::info!(%method, route, status = status.as_u16(), duration_ms,
            event.position = position, "answered {status}");
    }
    response
}
