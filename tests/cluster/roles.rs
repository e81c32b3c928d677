//! What is standing by takes over; what is away shows, and comes back by itself.

use std::time::{Duration, Instant};

use axum::http::Method;
use serde_json::{Value, json};
use tests::{Cluster, Http, Role, Shape, until};

/// How long another process may take to take over: the term of a lease, and some.
const SECONDS: Duration = Duration::from_secs(12);

/// Whether a projection service keeps the read models in step now.
async fn is_active(role: &Role) -> bool {
    role.ready().await["read_side"]["status"] != "standing by"
}

/// The numbers of the projection services that are active.
async fn active(cluster: &Cluster) -> Vec<usize> {
    let mut active = Vec::new();
    for (number, role) in cluster.projections.iter().enumerate() {
        if is_active(role).await {
            active.push(number);
        }
    }
    active
}

/// Writes, and waits until every query API shows it.
async fn written_and_seen(cluster: &Cluster) {
    let http = cluster.http(0, 0);
    let mut accepted = None;
    until("a command is accepted", async || {
        let answer = http.command("CreateAccount", json!({ "name": "Contoso" })).await;
        accepted = (answer.status == 200).then(|| answer.accepted());
        accepted.is_some()
    })
    .await;
    let accepted = accepted.unwrap();
    for query in 0..cluster.queries.len() {
        let path = format!("/accounts/{}?at_least={}", accepted.id, accepted.position);
        let http = cluster.http(0, query);
        until("it is seen", async || http.get(&path).await.status == 200).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_projection_service_takes_over_from_one_that_dies() {
    let mut cluster = Cluster::start(Shape { commands: 1, projections: 2, queries: 1 });
    written_and_seen(&cluster).await;
    let first = active(&cluster).await;
    assert_eq!(first.len(), 1, "one is active, the other stands by");
    cluster.projections[first[0]].kill();
    let since = Instant::now();
    written_and_seen(&cluster).await;
    assert!(since.elapsed() < SECONDS, "it took {:?}", since.elapsed());
    cluster.projections[first[0]].start();
    assert!(!is_active(&cluster.projections[first[0]]).await, "who comes back stands by");
    cluster.projections[1 - first[0]].terminate();
    let since = Instant::now();
    written_and_seen(&cluster).await;
    assert!(since.elapsed() < SECONDS, "it took {:?}", since.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_projection_service_that_was_asleep_writes_nothing_and_stands_by() {
    let cluster = Cluster::start(Shape { commands: 1, projections: 2, queries: 1 });
    written_and_seen(&cluster).await;
    let asleep = active(&cluster).await[0];
    cluster.projections[asleep].signal("STOP");
    let since = Instant::now();
    written_and_seen(&cluster).await;
    assert!(since.elapsed() < SECONDS, "it took {:?}", since.elapsed());
    cluster.projections[asleep].signal("CONT");
    written_and_seen(&cluster).await;
    until("who was asleep stands by", async || active(&cluster).await == [1 - asleep]).await;
    let other = cluster.projections[1 - asleep].url();
    let http = Http::of_roles(&other, &other, &other, &cluster.token());
    http.replay().await;
    written_and_seen(&cluster).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_nats_all_goes_on_and_it_shows() {
    let mut cluster = Cluster::start(Shape { commands: 1, projections: 1, queries: 1 });
    written_and_seen(&cluster).await;
    let has_bus = async |cluster: &Cluster, there: bool| {
        for role in [&cluster.commands[0], &cluster.projections[0]] {
            let ready = role.ready().await;
            if ready["ready"] != true || ready["bus"]["available"] != there {
                return false;
            }
            if role.metric("annals_bus_connected").await != Some(f64::from(u8::from(there))) {
                return false;
            }
        }
        true
    };
    until("the bus is there", async || has_bus(&cluster, true).await).await;
    cluster.nats.kill();
    for _ in 0..5 {
        let since = Instant::now();
        written_and_seen(&cluster).await;
        assert!(since.elapsed() < SECONDS, "it took {:?}", since.elapsed());
    }
    until("it shows that the bus is away", async || has_bus(&cluster, false).await).await;
    cluster.nats.restart();
    until("the bus is there again", async || has_bus(&cluster, true).await).await;
    written_and_seen(&cluster).await;
    let head: f64 = cluster.http(0, 0).head().await.parse().unwrap();
    until("the relay has caught up", async || {
        cluster.commands[0].metric("annals_relay_position").await == Some(head)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_postgresql_is_away_callers_are_told_to_come_again_and_it_heals() {
    let mut cluster = Cluster::start(Shape { commands: 1, projections: 1, queries: 1 });
    written_and_seen(&cluster).await;
    cluster.postgres.kill();
    let http = cluster.http(0, 0);
    let body = json!({ "name": "Contoso" }).to_string().into_bytes();
    let json_body = [("content-type", "application/json")];
    let answer = http.send(Method::POST, "/commands/CreateAccount", &json_body, body).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    assert!(answer.json()["code"].is_string());
    let asked = http.get("/accounts").await;
    assert_eq!(asked.status, 503, "{}", asked.text());
    for role in [&cluster.commands[0], &cluster.projections[0], &cluster.queries[0]] {
        let ready: Value = role.ready().await;
        assert_eq!(ready["ready"], false, "{ready}");
        assert_eq!(ready["log"]["available"], false, "{ready}");
    }
    cluster.postgres.restart();
    let since = Instant::now();
    written_and_seen(&cluster).await;
    assert!(since.elapsed() < SECONDS, "it took {:?}", since.elapsed());
    for role in cluster.roles() {
        assert!(role.is_running(), "no process has ended: {}", role.log_text());
    }
}
