//! More connections than there is room for: whoever asks is answered, whoever is idle gives way.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::json;
use tests::{Http, Launch, Process, Raw, until};

/// So many file handles leave room for 80 connections, and for probes.
const FILES: u32 = 400;
const ROOM: usize = 80;

fn start(folder: &tempfile::TempDir) -> Process {
    Launch::with_files(FILES, &folder.path().join("data")).start()
}

#[tokio::test]
async fn whoever_asks_is_answered_however_many_connections_are_idle_or_slow() {
    let folder = tempfile::tempdir().unwrap();
    let process = start(&folder);
    let mut others = Vec::new();
    for number in 0..4 * ROOM {
        let mut raw = Raw::connect(process.url()).await;
        match number % 3 {
            0 => {}
            1 => raw.send("GET /livez HTTP/1.1\r\nHost: loc").await,
            _ => {
                raw.head("GET /livez", &[]).await;
                raw.answer().await;
            }
        }
        others.push(raw);
        if number % 10 == 0 {
            // Each on a connection of its own.
            let http = process.http();
            http.get("/livez").await;
            http.accept("CreateAccount", json!({ "name": "Contoso" })).await;
            http.get("/accounts").await.ok();
        }
    }
    // Those that came first had to go; nothing was sent to them.
    for raw in others.iter_mut().take(2 * ROOM).step_by(3) {
        assert!(raw.ended().await);
    }
}

#[tokio::test]
async fn probes_are_answered_while_every_connection_is_at_work() {
    let folder = tempfile::tempdir().unwrap();
    let process = start(&folder);
    let token = process.http().token().unwrap().to_owned();
    let fresh = || Http::new(process.url(), &token);
    let head = fresh().settled().await;
    let bearer = format!("Bearer {token}");
    let follow = format!("GET /events?after={head}&wait=true");
    let mut followers = Vec::new();
    // A follower whose request was not read yet may have had to go: there are more until there is no room.
    until("there is no room left", async || {
        let mut raw = Raw::connect(process.url()).await;
        raw.head(&follow, &[("Authorization", &bearer)]).await;
        followers.push(raw);
        followers.len() > ROOM && fresh().get("/me").await.status == 503
    })
    .await;
    // Within the time that followers wait, also where the machine is slow.
    let begun = Instant::now();
    let mut rounds = 0;
    while rounds < 200 && begun.elapsed() < Duration::from_secs(8) {
        rounds += 1;
        assert_eq!(fresh().get("/livez").await.text(), "alive\n");
        assert_eq!(fresh().get("/readyz").await.status, 200);
        let busy = fresh().send(Method::GET, "/me", &[], Vec::new()).await;
        busy.problem(503, "server.busy");
        assert!(busy.header("retry-after").is_some());
    }
    // Nobody at work was sent away for that.
    drop(followers.drain(..10));
    until("there is room again", async || fresh().get("/me").await.status == 200).await;
    fresh().accept("CreateAccount", json!({ "name": "Contoso" })).await;
    let mut told = 0;
    for raw in &mut followers {
        let answer = raw.try_answer().await;
        told += usize::from(answer.is_some_and(|answer| answer.status == 200));
    }
    assert!(told >= ROOM - 10, "{told} were told");
}
