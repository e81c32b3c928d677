//! What was refused at the door is kept, if it is known what it was and who tried.

use std::sync::atomic::Ordering;

use axum::{
    body::Body,
    http::{Request as HttpRequest, StatusCode},
};
use events::{access::PresentedToken, ids::TokenId};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use super::{App, router};
use crate::handle::{
    system,
    testing::{ANA, Watched, World},
};

const TOKEN: TokenId = TokenId(Uuid::from_u128(0x70));
const SECRET: [u8; 32] = [9; 32];

/// A world in which Ana has a token with these scopes.
async fn world(scopes: &[&str]) -> World {
    world_on(World::new().await, scopes).await
}

async fn world_on(world: World, scopes: &[&str]) -> World {
    let body = json!({
        "token_id": TOKEN, "user": ANA, "scopes": scopes,
        "secret_sha256": hex::encode(PresentedToken::digest(&SECRET)),
    });
    let mut request = world.request("IssueToken", world.parse("IssueToken", &body));
    request.actor = system();
    world.handler.handle(request).await.unwrap();
    world
}

async fn post(world: &World, path: &str, token: &str, body: &str) -> StatusCode {
    let app = App::new(world.handler.clone(), std::sync::Arc::new(|| Uuid::from_u128(0x1D)));
    let request = HttpRequest::post(path)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap();
    router(app).oneshot(request).await.unwrap().status()
}

fn token() -> String {
    PresentedToken::text(TOKEN, &SECRET)
}

#[tokio::test]
async fn a_malformed_command_is_an_attempt() {
    let world = world(&["write"]).await;
    let path = "/commands/CreateAccount";
    let status = post(&world, path, &token(), r#"{"name": "A", "nonsense": 1}"#).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(post(&world, path, &token(), "{").await, StatusCode::BAD_REQUEST);
    let attempts = world.attempts().await;
    assert_eq!(attempts[0], "command.invalid");
    assert_eq!(attempts.len(), 2);
}

#[tokio::test]
async fn a_command_that_the_token_does_not_open_is_an_attempt() {
    let world = world(&["read"]).await;
    let status = post(&world, "/commands/CreateAccount", &token(), r#"{"name": "A"}"#).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(world.attempts().await, ["access.denied"]);
}

#[tokio::test]
async fn strangers_leave_no_attempt_and_unknown_commands_do() {
    let world = world(&["write"]).await;
    let stranger = PresentedToken::text(TOKEN, &[8; 32]);
    let path = "/commands/CreateAccount";
    assert_eq!(post(&world, path, &stranger, "{}").await, StatusCode::UNAUTHORIZED);
    let unknown = post(&world, "/commands/Nonsense", &token(), "{}").await;
    assert_eq!(unknown, StatusCode::NOT_FOUND);
    assert_eq!(world.attempts().await, ["command.unknown"]);
}

#[tokio::test]
async fn each_malformed_item_of_a_list_is_an_attempt() {
    let world = world(&["write"]).await;
    let items: Value = json!([
        { "type": "CreateAccount", "data": { "name": "A" } },
        { "type": "CreateAccount", "data": { "nonsense": 1 } },
        { "type": "AddUser", "data": { "name": "Eve" } },
        { "type": "Nonsense", "data": {} },
    ]);
    let status = post(&world, "/commands", &token(), &items.to_string()).await;
    assert_eq!(status, StatusCode::OK);
    let expected = ["command.invalid", "access.denied", "command.unknown"];
    assert_eq!(world.attempts().await, expected);
}

#[tokio::test]
async fn a_shared_store_that_is_away_is_said_at_once_and_forgotten_when_it_is_back() {
    let world = world_on(World::shared().await, &["write"]).await;
    let store = Watched::new(world.store.clone(), None);
    let handler = world.handler_on(store.clone());
    let app = || App::new(handler.clone(), std::sync::Arc::new(|| Uuid::from_u128(0x1D)));
    let send = || {
        let request = HttpRequest::post("/commands/CreateAccount")
            .header("authorization", format!("Bearer {}", token()))
            .header("content-type", "application/json")
            .body(Body::from(r#"{"name": "A"}"#))
            .unwrap();
        router(app()).oneshot(request)
    };
    store.away.store(true, Ordering::SeqCst);
    let all = futures_util::future::join_all((0..100).map(|_| send())).await;
    for answer in all {
        let answer = answer.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()["retry-after"], "1");
    }
    let heads = store.heads.load(Ordering::SeqCst);
    assert!(heads <= 2, "they shared one answer, not {heads}");
    store.away.store(false, Ordering::SeqCst);
    assert_eq!(send().await.unwrap().status(), StatusCode::OK);
}
