//! Requests at the gates: what passes, what is refused and how, and whose line is whose.

use std::{io, sync::Arc};

use axum::{
    Extension, Router,
    body::{Body, Bytes},
    http::{Method, Request, StatusCode, header},
    middleware::from_fn_with_state,
    response::Response,
    routing::{get, post},
};
use futures_util::stream;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::sync::Semaphore;
use tower::ServiceExt;

use super::{AIM, Admission, UNPROVEN, admit, controller::Aim};

/// Nobody may wait.
const FULL: Aim = Aim { least_room: 0, most_room: 0, ..AIM };

/// Every route that passes a gate ends when `go` lets it.
fn service(admission: &Admission, go: &Arc<Semaphore>) -> Router {
    let waits = |Extension(go): Extension<Arc<Semaphore>>| async move {
        go.acquire().await.unwrap().forget();
    };
    Router::new()
        .route("/commands/{name}", post(waits))
        .route("/accounts", get(waits))
        .route("/livez", get(|| async {}))
        .route("/admin/replay", post(|| async {}))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(from_fn_with_state(admission.clone(), admit))
        .layer(Extension(go.clone()))
}

fn request(method: Method, path: &str, token: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    request.header(header::AUTHORIZATION, format!("Bearer {token}")).body(Body::empty()).unwrap()
}

async fn send(router: &Router, request: Request<Body>) -> Response {
    router.clone().oneshot(request).await.unwrap()
}

/// Puts one request in work that does not end by itself.
async fn occupy(router: &Router, admission: &Admission, method: Method, path: &str) {
    tokio::spawn(send_owned(router.clone(), request(method, path, "a")));
    let gates = [admission.0.commands.clone(), admission.0.questions.clone()];
    while gates.iter().all(|gate| gate.is_empty()) {
        tokio::task::yield_now().await;
    }
}

async fn send_owned(router: Router, request: Request<Body>) -> Response {
    send(&router, request).await
}

#[tokio::test]
async fn a_full_service_refuses_at_once_without_reading_and_says_when_to_come_again() {
    let (admission, go) = (Admission::of(1, 1, FULL), Arc::new(Semaphore::new(0)));
    let router = service(&admission, &go);
    occupy(&router, &admission, Method::POST, "/commands/CreateAccount").await;
    let unread = stream::poll_fn(|_| -> std::task::Poll<Option<io::Result<Bytes>>> {
        panic!("the body was read")
    });
    let command = Request::post("/commands/CreateAccount").body(Body::from_stream(unread)).unwrap();
    let answer = send(&router, command).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers()[header::RETRY_AFTER], "1");
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/problem+json");
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let problem: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&problem["code"], &problem["status"]), (&"overloaded".into(), &503.into()));
}

#[tokio::test]
async fn commands_and_questions_do_not_starve_each_other_and_operators_pass_always() {
    let (admission, go) = (Admission::of(1, 1, FULL), Arc::new(Semaphore::new(0)));
    let router = service(&admission, &go);
    occupy(&router, &admission, Method::POST, "/commands/CreateAccount").await;
    for (method, path, expected) in [
        (Method::POST, "/commands/CreateAccount", StatusCode::SERVICE_UNAVAILABLE),
        (Method::GET, "/livez", StatusCode::OK),
        (Method::POST, "/admin/replay", StatusCode::OK),
        (Method::GET, "/nowhere", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(send(&router, request(method, path, "b")).await.status(), expected, "{path}");
    }
    let question = tokio::spawn(send_owned(router.clone(), request(Method::GET, "/accounts", "b")));
    go.add_permits(2);
    assert_eq!(question.await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_make_room_for_more_work_than_there_is() {
    let (admission, go) = (Admission::of(1, 1, FULL), Arc::new(Semaphore::new(0)));
    let router = service(&admission, &go);
    let command = || request(Method::POST, "/commands/CreateAccount", "a");
    let caller = tokio::spawn(send_owned(router.clone(), command()));
    while admission.0.commands.is_empty() {
        tokio::task::yield_now().await;
    }
    caller.abort();
    assert!(caller.await.is_err());
    assert_eq!(send(&router, command()).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    go.add_permits(1);
    while !admission.0.commands.is_empty() {
        tokio::task::yield_now().await;
    }
    go.add_permits(1);
    assert_eq!(send(&router, command()).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn only_a_token_that_opened_something_has_a_line_of_its_own() {
    let (admission, go) = (Admission::of(1, 1, AIM), Arc::new(Semaphore::new(9)));
    let router = service(&admission, &go);
    let gates = &admission.0;
    let whose = |token: &str| {
        let request = request(Method::GET, "/accounts", token);
        gates.whose(gates.presented(request.headers()))
    };
    assert_eq!(whose("annals_1_secret"), UNPROVEN);
    send(&router, request(Method::GET, "/accounts", "annals_1_secret")).await;
    assert_ne!(whose("annals_1_secret"), UNPROVEN);
    assert_eq!(whose("annals_1_guessed"), UNPROVEN, "its id alone does not do");
    send(&router, request(Method::GET, "/nowhere", "annals_2_secret")).await;
    assert_eq!(whose("annals_2_secret"), UNPROVEN);
}
