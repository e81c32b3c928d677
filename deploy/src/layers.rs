//! What every service's routes have around them, whichever role it has.

use std::{any::Any, time::Duration};

use axum::{
    Router,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use tower_http::{catch_panic::CatchPanicLayer, timeout::RequestBodyTimeoutLayer};

use crate::observe::observe;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Puts around the routes what all of them need: limits, headers, metrics, an answer to a panic.
#[must_use = "routes do nothing until they are served"]
pub fn wrap(router: Router) -> Router {
    router
        .fallback(|| async { not_found() })
        .layer(RequestBodyTimeoutLayer::new(BODY_TIMEOUT))
        .layer(axum::middleware::map_response(private))
        .layer(axum::middleware::from_fn(observe))
        .layer(CatchPanicLayer::custom(panicked))
}

fn not_found() -> Response {
    problem(StatusCode::NOT_FOUND, "route.unknown", "there is no such route")
}

fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("a request ended in a panic");
    problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the request could not be answered")
}

/// An error as a caller sees it (RFC 9457).
pub(crate) fn problem(status: StatusCode, code: &str, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("Failed");
    let body = serde_json::json!({
        "status": status.as_u16(), "code": code, "title": title, "detail": detail,
    });
    let kind = [(header::CONTENT_TYPE, "application/problem+json")];
    (status, kind, body.to_string()).into_response()
}

/// Answers hold what people entrusted: nobody on the way keeps or guesses about them.
async fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    );
    response
}
