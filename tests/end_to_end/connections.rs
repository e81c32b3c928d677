//! Connections that are slow, idle or never read: each has an end, and others do not notice.

use tests::{Annals, Raw};

#[tokio::test]
async fn a_head_that_comes_too_slowly_is_answered_and_ends() {
    let annals = Annals::start().await;
    let mut raw = Raw::connect(annals.commands_url()).await;
    raw.send("GET /livez HTTP/1.1\r\nHost: loc").await;
    raw.answer().await.problem(408, "request.too_slow");
    assert!(raw.ended().await);
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_answered_and_ends() {
    let annals = Annals::start().await;
    let before = annals.head().await;
    let bearer = format!("Bearer {}", annals.token());
    for request in ["POST /commands/CreateAccount", "POST /commands"] {
        let mut raw = Raw::connect(annals.commands_url()).await;
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/json"),
            ("Content-Length", "1000"),
        ];
        raw.head(request, &headers).await;
        raw.send("{").await;
        let answer = raw.answer().await;
        answer.problem(408, "body.too_slow");
        assert!(answer.is_last());
        assert!(raw.ended().await);
    }
    assert_eq!(annals.head().await, before);
}

#[tokio::test]
async fn a_connection_that_asks_nothing_is_closed() {
    let annals = Annals::start().await;
    let mut silent = Raw::connect(annals.queries_url()).await;
    let mut idle = Raw::connect(annals.queries_url()).await;
    idle.head("GET /livez", &[]).await;
    idle.answer().await;
    assert!(silent.ended().await);
    assert!(idle.ended().await);
}

#[tokio::test]
async fn who_never_reads_is_cut_and_who_follows_is_not() {
    let annals = Annals::start().await;
    let bearer = format!("Bearer {}", annals.token());
    let head = annals.head().await;
    // Waits longer than anybody may be slow.
    let mut follower = Raw::connect(annals.queries_url()).await;
    let follow = format!("GET /events?after={head}&wait=true");
    follower.head(&follow, &[("Authorization", &bearer)]).await;
    let mut deaf = Raw::connect(annals.queries_url()).await;
    let sent =
        deaf.send_until_refused("GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(sent > 0, "{sent} requests");
    // It has not been answered yet, and is when something happens.
    annals.accept("CreateAccount", serde_json::json!({ "name": "Contoso" })).await;
    let events = follower.chunked_answer().await;
    assert!(events.contains("account.created"), "{events}");
}
