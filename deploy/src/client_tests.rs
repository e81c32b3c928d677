//! The client against a small real server.

use axum::{
    Json, Router,
    http::HeaderMap,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::json;

use super::*;

async fn commands(headers: HeaderMap, Json(list): Json<Vec<Value>>) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if header("authorization") != Some("Bearer secret")
        || header("annals-channel") != Some("import")
    {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if list.len() > 2 {
        let problem = json!({ "code": "store.behind", "detail": "not now" });
        return (StatusCode::SERVICE_UNAVAILABLE, Json(problem)).into_response();
    }
    let answer = |item: &Value| {
        json!({ "status": "accepted", "id": item["id"], "record": { "type": "user", "id": item["id"] },
            "version": 1, "position": "9", "replayed": false })
    };
    Json(list.iter().map(answer).collect::<Vec<_>>()).into_response()
}

async fn refusing() -> Response {
    let problem =
        json!({ "status": 422, "code": "sense.unsupported", "title": "No", "detail": "a\nb" });
    (StatusCode::UNPROCESSABLE_ENTITY, Json(problem)).into_response()
}

async fn server() -> String {
    let app = Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/commands", post(commands))
        .route("/refusing", get(refusing))
        .route("/organization", get(|| async { Json(json!({ "zone": "Europe/Lisbon" })) }));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}/")
}

fn item(number: u128) -> Value {
    json!({ "id": uuid::Uuid::from_u128(number) })
}

#[tokio::test]
async fn a_list_is_sent_as_an_import_and_answered_item_by_item() {
    let client = Client::new(&server().await, "secret\n").unwrap();
    let answers = client.send(vec![item(1), item(2)]).await.unwrap();
    let ids: Vec<_> = answers.iter().map(|answer| answer.id().as_u128()).collect();
    assert_eq!(ids, [1, 2]);
    assert_eq!(client.zone().await.unwrap().as_str(), "Europe/Lisbon");
}

#[tokio::test]
async fn a_busy_service_is_told_from_a_refusing_one() {
    let client = Client::new(&server().await, "secret").unwrap();
    let error = client.send(vec![item(1), item(2), item(3)]).await.unwrap_err();
    assert!(error.is::<Busy>(), "{error}");
    let client = Client::new(&server().await, "wrong").unwrap();
    let error = client.send(vec![item(1)]).await.unwrap_err();
    assert!(!error.is::<Busy>());
    assert_eq!(error.to_string(), "POST /commands: 401 Unauthorized");
}

#[tokio::test]
async fn an_error_is_one_line_that_says_what_to_do_about_it() {
    let client = Client::new(&server().await, "secret").unwrap();
    let error = client.get_json::<Value>("/refusing").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "GET /refusing: 422 Unprocessable Entity: sense.unsupported: a b"
    );
    let error = client.get_json::<Value>("/livez").await.unwrap_err();
    assert!(error.to_string().contains("not what was expected"));
}

#[tokio::test]
async fn a_service_that_is_not_there_is_named() {
    let free = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let client = Client::new(&url, "secret").unwrap();
    assert!(!client.is_alive().await);
    let error = format!("{:#}", client.get_json::<Value>("/x").await.unwrap_err());
    assert!(error.contains(&format!("cannot reach {url}")), "{error}");
    assert!(error.contains("refused") && !error.contains('\n'), "{error}");
    let client = Client::new(&server().await, "secret").unwrap();
    assert!(client.is_alive().await);
}

#[test]
fn an_address_must_be_one_of_plain_http() {
    for url in ["", "127.0.0.1:7070", "https://example.org", "ftp://example.org", "http://"] {
        assert!(Client::new(url, "secret").is_err(), "{url}");
    }
}
