//! How long each request took and what became of it, as a metric and a log line.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request},
    http::{Method, StatusCode},
    response::Response,
};

use super::head::Refusal;

/// An answer that writes no line of its own into the log: there may be tens of thousands a second.
#[derive(Clone, Copy)]
pub(crate) struct Unlogged;

/// A request that is being answered. Whatever names it comes from a closed set: a caller who invents
/// methods or paths makes no new series and writes nothing of its own into the log.
pub(super) struct Observed {
    begun: Instant,
    method: &'static str,
    route: Option<MatchedPath>,
}

impl Observed {
    /// The route is the pattern, never the path: ids and names stay out.
    pub(super) fn begin(request: &Request) -> Self {
        Self {
            begun: Instant::now(),
            // What stands in for a request that was refused says nothing of it.
            method: match request.extensions().get::<Refusal>() {
                Some(_) => "other",
                None => known(request.method()),
            },
            route: request.extensions().get::<MatchedPath>().cloned(),
        }
    }

    /// What the connection refused: it says nothing of itself.
    pub(super) fn refused() -> Self {
        Self { begun: Instant::now(), method: "other", route: None }
    }

    /// Tells what became of it.
    pub(super) fn end(self, response: &Response) {
        let took = self.begun.elapsed();
        let status = response.status();
        let method = self.method;
        let route = self.route.as_ref().map_or("unmatched", MatchedPath::as_str);
        metrics::histogram!(
            "annals_http_request_duration_seconds",
            "method" => method,
            "route" => route.to_owned(),
            "status" => class(status),
        )
        .record(took.as_secs_f64());
        if response.extensions().get::<Unlogged>().is_some() {
            return;
        }
        let duration_ms = took.as_secs_f64() * 1_000.0;
        let position =
            response.headers().get("annals-position").and_then(|value| value.to_str().ok());
        if status == StatusCode::SERVICE_UNAVAILABLE {
            // Not ready, behind or busy: said as it is meant, and no mistake of ours.
            tracing::warn!(
                method,
                route,
                status = status.as_u16(),
                duration_ms,
                "answered {status}"
            );
        } else if status.is_server_error() {
            tracing::error!(
                method,
                route,
                status = status.as_u16(),
                duration_ms,
                "answered {status}"
            );
        } else {
            tracing::info!(
                method,
                route,
                status = status.as_u16(),
                duration_ms,
                event.position = position,
                "answered {status}"
            );
        }
    }
}

/// A method of RFC 9110, or `other`.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] =
        ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

/// The class of a status.
fn class(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}
