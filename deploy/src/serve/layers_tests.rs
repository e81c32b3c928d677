//! Errors have one form, whoever makes them.

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Path, Query},
    http::{Request, StatusCode},
    routing::{get, post},
};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::wrap;
use crate::serve::Hosts;

fn routes() -> Router {
    wrap(
        Router::new()
            .route("/number/{id}", get(|Path(id): Path<u8>| async move { id.to_string() }))
            .route("/query", get(|Query(all): Query<Vec<(u8, u8)>>| async move { Json(all) }))
            .route("/json", post(|Json(value): Json<Vec<u8>>| async move { Json(value) }))
            .route("/text", get(|| async { (StatusCode::CONFLICT, "in plain words") }))
            .route("/empty", get(|| async { StatusCode::TOO_MANY_REQUESTS }))
            .route("/panic", get(panics))
            .route(
                "/ready",
                get(|| async {
                    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "ready": false })))
                }),
            ),
        Hosts::default(),
    )
}

async fn panics() -> &'static str {
    panic!("a mistake of ours")
}

async fn ask(method: &str, path: &str, body: &str) -> (StatusCode, axum::http::HeaderMap, Value) {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("content-type", "application/json");
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let response = routes().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, 10_000).await.unwrap();
    (parts.status, parts.headers, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn every_error_is_a_problem_with_a_code_whoever_makes_it() {
    for (method, path, body, status, code) in [
        ("GET", "/number/x", "", 400, "request.invalid"),
        ("GET", "/number/%ff", "", 400, "request.invalid"),
        ("GET", "/query?a=b", "", 400, "request.invalid"),
        ("POST", "/json", "[", 400, "request.invalid"),
        ("POST", "/json", "{}", 422, "request.invalid"),
        ("GET", "/text", "", 409, "request.invalid"),
        ("GET", "/empty", "", 429, "request.invalid"),
        ("GET", "/panic", "", 500, "internal"),
        ("GET", "/nowhere", "", 404, "route.unknown"),
        ("PUT", "/text", "", 405, "method.not_allowed"),
        ("BREW", "/text", "", 405, "method.not_allowed"),
    ] {
        let (answered, headers, problem) = ask(method, path, body).await;
        assert_eq!(answered, status, "{method} {path}");
        assert_eq!(headers["content-type"], "application/problem+json", "{method} {path}");
        assert_eq!(headers["cache-control"], "no-store", "{method} {path}");
        assert_eq!(headers.contains_key("allow"), status == 405, "{method} {path}");
        assert_eq!(problem["status"], status, "{method} {path}");
        assert_eq!(problem["code"], code, "{method} {path}");
        assert!(problem["detail"].as_str().is_some_and(|text| !text.is_empty()));
    }
}

#[tokio::test]
async fn what_a_probe_is_told_stays_as_it_is() {
    let (status, _, body) = ask("GET", "/ready", "").await;
    assert_eq!((status.as_u16(), body), (503, json!({ "ready": false })));
}
