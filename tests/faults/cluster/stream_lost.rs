//! The folder of the stream is lost while ten thousand commands are being accepted.

use std::{collections::HashSet, fs, sync::Arc};

use serde_json::{Value, json};
use tests::{Cluster, until};
use tokio::{
    sync::watch,
    task::{JoinSet, block_in_place},
    time::Instant,
};
use uuid::Uuid;

use super::{
    SHAPE, TURN,
    check::{CAUGHT_UP, Known, bus_is_back},
    stream,
    traffic::caught_up,
};

const COMMANDS: u64 = 10_000;
/// How many commands go in one list.
const LIST: u64 = 50;

/// Sends one list; answers with the ids of what was accepted: all of it.
async fn send(http: tests::Http, list: u64) -> HashSet<Uuid> {
    let id = |item| Uuid::from_u128(u128::from(list * LIST + item + 1));
    let contact = |item| {
        let data = json!({ "first_name": "Ana", "last_name": format!("Souza {list}-{item}") });
        json!({ "id": id(item), "type": "CreateContact", "data": data })
    };
    let items: Value = (0..LIST).map(contact).collect();
    let answers = http.post("/commands", &[], &items).await.ok();
    for answer in answers.as_array().unwrap() {
        assert_eq!(answer["status"], "accepted", "{answer}");
    }
    (0..LIST).map(id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_with_the_stream() {
    let _turn = TURN.lock().await;
    let mut cluster = Cluster::start(SHAPE);
    let mut known = Known::found(&cluster.http(0, 0)).await;
    let (count, mut counted) = watch::channel(0);
    let count = Arc::new(count);
    let mut writers = JoinSet::new();
    for writer in 0..4 {
        let (http, count) = (cluster.http(writer % 2, 0), count.clone());
        writers.spawn(async move {
            let mut accepted = HashSet::new();
            for list in (0..COMMANDS / LIST).filter(|list| list % 4 == writer as u64) {
                accepted.extend(send(http.clone(), list).await);
                count.send_modify(|count| *count += LIST);
            }
            accepted
        });
    }
    counted.wait_for(|count| *count >= COMMANDS / 4).await.unwrap();
    let before = stream::messages(&cluster).await;
    fs::remove_dir_all(cluster.nats.store()).unwrap();
    cluster.nats.kill();
    let lost_at = *counted.borrow();
    counted.wait_for(|count| *count >= COMMANDS / 2).await.unwrap();
    block_in_place(|| cluster.nats.restart());
    let back_at = *counted.borrow();
    assert!(before > 0 && back_at < COMMANDS, "the stream was not lost in between");
    let mut accepted = HashSet::new();
    while let Some(written) = writers.join_next().await {
        accepted.extend(written.unwrap());
    }
    let written = Instant::now();
    let head = caught_up(&cluster, CAUGHT_UP).await;
    let lag = written.elapsed();
    assert_eq!(u64::try_from(accepted.len()).unwrap(), COMMANDS);
    known.history.read_on(&cluster.http(0, 0)).await;
    assert!(accepted.iter().all(|command| known.history.times(command) == 1));
    known.replay_is_equal(&cluster).await;
    bus_is_back(&cluster).await;
    let end: f64 = head.parse().unwrap();
    until("the relay is at the end of the log", async || {
        for role in &cluster.commands {
            // The replay above is an event itself.
            if role.metric("annals_relay_position").await.is_some_and(|at| at >= end) {
                return true;
            }
        }
        false
    })
    .await;
    until("somebody listens again", async || stream::consumers(&cluster).await > 0).await;
    let after = stream::messages(&cluster).await;
    assert!(after > 0, "the stream is empty");
    eprintln!(
        "{COMMANDS} commands accepted, each there once; the stream was lost at {lost_at} and came \
         back at {back_at}; it had {before} messages and has {after}; the read models were equal \
         to a replay, and at the end of the log {lag:.1?} after the last command"
    );
}
