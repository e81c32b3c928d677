//! What every service's routes have around them, whichever role it has.

use std::{any::Any, sync::Arc};

use axum::{
    Router,
    body::HttpBody,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::Response,
};
use tower_http::catch_panic::CatchPanicLayer;

use crate::admission::{Admission, admit};

use super::{
    head::Refusal,
    hosts::Hosts,
    observe::{Observed, Unlogged},
    problem::{PROBLEM, of_status, problem},
};

/// Puts around the routes what all of them need: who is served at all, who is admitted now, an
/// answer to a panic, errors of one form, headers, metrics.
#[must_use = "routes do nothing until they are served"]
pub fn wrap(router: Router, hosts: Hosts) -> Router {
    router
        .fallback(|| async { of_status(StatusCode::NOT_FOUND) })
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(Admission::new(), admit))
        .layer(middleware::from_fn_with_state(Arc::new(hosts), around))
}

fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("a request ended in a panic");
    problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the request could not be answered")
}

/// Around every request.
async fn around(State(hosts): State<Arc<Hosts>>, request: Request, next: Next) -> Response {
    let observed = Observed::begin(&request);
    // What the connection refused came no further than here; a foreign host comes next.
    let refusal = request.extensions().get::<Refusal>().copied();
    let mut response = match refusal.or_else(|| hosts.refuse(&request)) {
        Some(refusal) => refused(refusal),
        None => in_one_form(next.run(request).await),
    };
    private(&mut response);
    observed.end(&response);
    response
}

/// The answer to what came first on a connection and is no request: it reaches no route.
pub(super) fn refused_at_once(refusal: Refusal) -> Response {
    let observed = Observed::refused();
    let mut response = refused(refusal);
    private(&mut response);
    observed.end(&response);
    response
}

fn refused(refusal: Refusal) -> Response {
    let Refusal { status, code, detail } = refusal;
    metrics::counter!("annals_http_refused_total", "code" => code).increment(1);
    let mut response = problem(status, code, detail);
    let header = match status {
        StatusCode::METHOD_NOT_ALLOWED => (header::ALLOW, "GET, HEAD, POST"),
        StatusCode::SERVICE_UNAVAILABLE => {
            // There may be thousands of them: the counter tells of them, not a line each.
            response.extensions_mut().insert(Unlogged);
            (header::RETRY_AFTER, "1")
        }
        _ => return response,
    };
    response.headers_mut().insert(header.0, HeaderValue::from_static(header.1));
    response
}

/// An error whose body is not ours, be it an extractor's text or nothing, gets one that is: no route
/// can forget it.
fn in_one_form(response: Response) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    // What `/readyz` says is JSON of its own.
    let is_ours = kind
        .is_some_and(|kind| [PROBLEM.as_bytes(), b"application/json".as_slice()].contains(&kind));
    if is_ours && !response.body().is_end_stream() {
        return response;
    }
    let (mut theirs, _) = response.into_parts();
    let (ours, body) = of_status(status).into_parts();
    theirs.headers.remove(header::CONTENT_LENGTH);
    theirs.headers.extend(ours.headers);
    Response::from_parts(theirs, body)
}

/// Answers hold what people entrusted: nobody on the way keeps or guesses about them.
fn private(response: &mut Response) {
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    );
}

#[cfg(test)]
#[path = "layers_tests.rs"]
mod tests;
