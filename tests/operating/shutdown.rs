//! An end that is asked for under load: what was begun is answered, and what was not is not done.

use std::{collections::HashSet, time::Duration};

use axum::http::Method;
use serde_json::{Value, json};
use tests::{Http, Process};
use tokio::sync::watch;
use uuid::Uuid;

const WRITERS: u128 = 8;
const ROUNDS: u128 = 5;

/// What a writer was told: the ids of commands that were accepted, and of the one that broke.
struct Told {
    accepted: Vec<Uuid>,
    broken: Vec<Uuid>,
}

/// Writes until the service is gone.
async fn write(http: Http, first: u128, count: watch::Sender<u64>) -> Told {
    let mut told = Told { accepted: Vec::new(), broken: Vec::new() };
    for number in 0.. {
        let key = Uuid::from_u128((first << 64) + number);
        let body = json!({ "name": format!("Contoso {key}") }).to_string().into_bytes();
        let text = key.to_string();
        let headers = [("content-type", "application/json"), ("idempotency-key", text.as_str())];
        match http.try_send(Method::POST, "/commands/CreateAccount", &headers, body).await {
            Ok(answer) => {
                answer.accepted();
                told.accepted.push(key);
                count.send_modify(|count| *count += 1);
            }
            Err(_) => {
                told.broken.push(key);
                break;
            }
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_is_asked_for_answers_what_was_begun() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut told = Vec::new();
    for round in 0..ROUNDS {
        let process = Process::start(&data);
        let (count, mut heard) = watch::channel(0);
        let writers: Vec<_> = (1..=WRITERS)
            .map(|writer| write(process.http(), (round << 16) + writer, count.clone()))
            .map(tokio::spawn)
            .collect();
        heard.wait_for(|count| *count >= 40).await.unwrap();
        let ending = tokio::task::spawn_blocking(|| process.terminate());
        let ended = tokio::time::timeout(Duration::from_secs(10), ending).await;
        let status = ended.expect("it takes longer than ten seconds").unwrap();
        assert!(status.success(), "{status}");
        assert!(!data.join("annals.addr").exists(), "the address is still there");
        for writer in writers {
            told.push(writer.await.unwrap());
        }
    }
    let process = Process::start(&data);
    let feed = process.http().get("/events?limit=1000000").await;
    let commands: HashSet<Uuid> = feed
        .text()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|event| event["commandid"].as_str().unwrap().parse().unwrap())
        .collect();
    for Told { accepted, broken } in &told {
        assert!(accepted.iter().all(|key| commands.contains(key)), "an accepted one is lost");
        // A connection that was closed before the request was read; its command was not done.
        assert!(!broken.iter().any(|key| commands.contains(key)), "done, but not answered");
    }
}
