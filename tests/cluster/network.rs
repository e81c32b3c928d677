//! The way between every two of them breaks, loudly or silently, under load, and heals.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{Accepted, Cluster, Fault, Http, Network};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};
use uuid::Uuid;

/// The product's own limits are 10 s for a command and 5 s for a question; whoever waits longer
/// than this hangs.
const HANGS: Duration = Duration::from_secs(15);
/// How long after a way is mended everything may take to be as before.
const RECOVERY: Duration = Duration::from_secs(10);
const WRITERS: u128 = 3;
const RHYTHM: Duration = Duration::from_millis(25);

/// A way: from whom, and to which server.
#[derive(Clone, Copy, Debug)]
struct Way {
    role: &'static str,
    server: Server,
    held: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Server {
    Postgres,
    Nats,
}

const fn way(role: &'static str, server: Server, seconds: u64) -> Way {
    Way { role, server, held: Duration::from_secs(seconds) }
}

const WAYS: [Way; 5] = [
    way("command-service", Server::Postgres, 6),
    way("command-service", Server::Nats, 4),
    way("projection-service", Server::Postgres, 6),
    way("projection-service", Server::Nats, 5),
    way("query-api", Server::Postgres, 6),
];

/// A command, and what it was told.
struct Sent {
    key: Uuid,
    body: Value,
    told: Option<Accepted>,
}

/// What the load has seen during one fault.
#[derive(Default)]
struct Seen {
    sent: Vec<Sent>,
    /// How many answers there were of each kind.
    answers: HashMap<(&'static str, u16), u32>,
    /// The longest time an answer took, in each kind.
    longest: HashMap<&'static str, Duration>,
    hanging: Vec<String>,
}

struct Load {
    http: Http,
    seen: Mutex<Seen>,
    ended: watch::Receiver<bool>,
}

impl Load {
    /// Sends a request that has to be answered in time, by 200 or by 503.
    async fn ask(&self, kind: &'static str, path: &str, sent: Option<&Sent>) -> Option<Value> {
        let (method, body) = match sent {
            Some(sent) => (Method::POST, sent.body.to_string().into_bytes()),
            None => (Method::GET, Vec::new()),
        };
        let key = sent.map(|sent| sent.key.to_string()).unwrap_or_default();
        let mut headers = vec![("content-type", "application/json")];
        if sent.is_some() {
            headers.push(("idempotency-key", &key));
        }
        let since = Instant::now();
        let asked = timeout(HANGS, self.http.try_send(method, path, &headers, body)).await;
        let took = since.elapsed();
        let mut seen = self.seen.lock().unwrap();
        let Ok(answer) = asked else {
            seen.hanging.push(format!("{kind} {path}"));
            return None;
        };
        let answer = answer.unwrap_or_else(|error| panic!("{kind} {path}: {error}"));
        *seen.answers.entry((kind, answer.status.as_u16())).or_default() += 1;
        let longest = seen.longest.entry(kind).or_default();
        *longest = took.max(*longest);
        drop(seen);
        match answer.status {
            StatusCode::OK => Some(answer.json()),
            StatusCode::SERVICE_UNAVAILABLE => {
                assert!(answer.json()["code"].is_string(), "{}", answer.text());
                None
            }
            other => panic!("{kind} {path}: {other}: {}", answer.text()),
        }
    }

    /// One writer: a command, and a question that has to see it.
    async fn write(self: Arc<Self>, first: u128) {
        let mut rhythm = interval(RHYTHM);
        rhythm.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for number in first.. {
            rhythm.tick().await;
            if *self.ended.borrow() {
                return;
            }
            let name = format!("Contoso {number}");
            let (key, body) = (Uuid::from_u128(number), json!({ "name": name }));
            let mut sent = Sent { key, body, told: None };
            let answer = self.ask("command", "/commands/CreateAccount", Some(&sent)).await;
            sent.told = answer.as_ref().map(told);
            let told = sent.told.clone();
            self.seen.lock().unwrap().sent.push(sent);
            if let Some(Accepted { id, position, .. }) = told {
                let path = format!("/accounts/{id}?at_least={position}");
                if let Some(seen) = self.ask("question", &path, None).await {
                    assert_eq!(seen["name"], name.as_str(), "{seen}");
                }
            }
        }
    }
}

fn told(answer: &Value) -> Accepted {
    Accepted {
        id: answer["record"]["id"].as_str().unwrap().parse().unwrap(),
        version: answer["version"].as_u64().unwrap(),
        position: answer["position"].as_str().unwrap().to_owned(),
    }
}

/// Holds a fault for a while.
async fn hold(time: Duration) {
    assert!(timeout(time, std::future::pending::<()>()).await.is_err());
}

/// How long it takes until a new command is accepted and seen.
async fn recovered(http: &Http, first: u128) -> Duration {
    let since = Instant::now();
    let mut number = first;
    loop {
        assert!(since.elapsed() < 4 * RECOVERY, "it does not recover");
        number += 1;
        let key = Uuid::from_u128(number).to_string();
        let headers = [("idempotency-key", key.as_str())];
        let body = json!({ "name": "Fabrikam" });
        let sent = timeout(HANGS, http.post("/commands/CreateAccount", &headers, &body));
        let answer = sent.await.expect("a command hangs");
        if answer.status != 200 {
            continue;
        }
        let Accepted { id, position, .. } = answer.accepted();
        let path = format!("/accounts/{id}?at_least={position}");
        let answer = timeout(HANGS, http.get(&path)).await.expect("a question hangs");
        if answer.status == 200 {
            return since.elapsed();
        }
    }
}

/// How many events there are of each command.
async fn events_of_commands(http: &Http) -> HashMap<Uuid, u32> {
    let feed = http.get("/events?after=0&limit=1000000").await;
    assert!(feed.status.is_success(), "{}", feed.text());
    let mut commands = HashMap::new();
    for line in feed.text().lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let command = event["commandid"].as_str().unwrap().parse().unwrap();
        *commands.entry(command).or_default() += 1;
    }
    commands
}

/// What was acknowledged is there, as it was told; whatever was not can be sent again.
async fn is_there_once(http: &Http, sent: &[Sent]) {
    for Sent { key, body, told } in sent {
        let key = key.to_string();
        let headers = [("idempotency-key", key.as_str())];
        let again = http.post("/commands/CreateAccount", &headers, body).await.accepted();
        assert!(told.as_ref().is_none_or(|told| *told == again), "{key} was told otherwise");
    }
    let commands = events_of_commands(http).await;
    for Sent { key, .. } in sent {
        assert_eq!(commands.get(key), Some(&1), "{key} is not there once");
    }
}

async fn broken(network: &Network, cluster: &mut Cluster, way: Way, fault: Fault, first: u128) {
    let http = cluster.http(0, 0);
    let port = match way.server {
        Server::Postgres => cluster.postgres.port(),
        Server::Nats => cluster.nats.port(),
    };
    let (end, ended) = watch::channel(false);
    let load = Arc::new(Load { http: http.clone(), seen: Mutex::default(), ended });
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(Arc::clone(&load).write(first + writer * 1_000_000));
    }
    hold(Duration::from_secs(1)).await;
    network.break_way(way.role, port, fault);
    hold(way.held).await;
    network.heal(way.role);
    let recovery = recovered(&http, first + WRITERS * 1_000_000).await;
    end.send_replace(true);
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    let seen = std::mem::take(&mut *load.seen.lock().unwrap());
    eprintln!(
        "{fault:?} {way:?}: recovered in {recovery:?}, longest {:?}, {:?}",
        seen.longest, seen.answers
    );
    assert!(seen.hanging.is_empty(), "{way:?}: no answer: {:?}", seen.hanging);
    assert!(recovery < RECOVERY, "{way:?}: it took {recovery:?}");
    assert!(seen.answers.contains_key(&("question", 200)), "{way:?}: nothing was asked");
    is_there_once(&http, &seen.sent).await;
    http.settled().await;
    for role in cluster.roles() {
        assert!(role.is_running(), "{way:?}: no process has ended: {}", role.log_text());
    }
}

async fn all_ways(test: &str, fault: Fault) {
    let places = ["command-service", "projection-service", "query-api"];
    let Some(network) = Network::with_places(test, &places) else { return };
    let mut cluster = Cluster::start_apart(&network);
    recovered(&cluster.http(0, 0), 1).await;
    for (number, way) in (1..).zip(WAYS) {
        broken(&network, &mut cluster, way, fault, number * 1_000_000_000).await;
    }
    let http = cluster.http(0, 0);
    http.replay().await;
    http.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_that_is_cut_is_survived() {
    all_ways("a_way_that_is_cut_is_survived", Fault::Cut).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_that_is_half_open_is_survived() {
    all_ways("a_way_that_is_half_open_is_survived", Fault::HalfOpen).await;
}
