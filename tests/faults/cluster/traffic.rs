//! Who writes and who reads while something breaks.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use events_log::bus::nemesis::Dice;
use futures_util::future::try_join_all;
use serde_json::Value;
use tests::{Cluster, Http};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, interval_at, timeout},
};

use crate::load::{Round, Sent, Service, Told, Writer, is_away};

/// How many write: as many to each service, and some that wander.
const WRITERS: usize = 6;
const WANDERERS: usize = 2;
/// How many read what was written.
const READERS: usize = 2;
/// How long a reader waits for an answer. Who sleeps gives none.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long nobody may be at work before that counts as standing still.
const STILL: Duration = Duration::from_secs(30);

/// Writers and readers at work.
pub(super) struct Traffic {
    pub(super) round: Arc<Round>,
    /// The query APIs, and how many questions are under way at each.
    pub(super) queries: Arc<Vec<Service>>,
    writers: Vec<JoinHandle<Vec<Sent>>>,
    readers: Vec<JoinHandle<u64>>,
    stop_writing: watch::Sender<bool>,
    stop_reading: watch::Sender<bool>,
}

/// What they did.
pub(super) struct Done {
    pub(super) sent: Vec<Sent>,
    /// How many reads were answered, and saw what was written.
    pub(super) reads: u64,
    /// How often nobody knew at first what had become of a command.
    pub(super) unknown: usize,
}

impl Traffic {
    /// Lets them begin.
    pub(super) fn start(cluster: &Cluster, dice: &mut Dice, known: super::check::Records) -> Self {
        let (stop_writing, stop) = watch::channel(false);
        let services = (0..cluster.commands.len()).map(|at| Service::of(cluster.http(at, 0)));
        let round = Arc::new(Round {
            services: services.collect(),
            until_known: true,
            acknowledged: watch::channel(0).0,
            told: watch::channel(None).0,
            stop,
            gives_up: AtomicBool::new(false),
            unknown: AtomicUsize::new(0),
            account: known.account,
            opportunity: known.opportunity,
        });
        let queries = (0..cluster.queries.len()).map(|at| Service::of(cluster.http(0, at)));
        let queries: Arc<Vec<_>> = Arc::new(queries.collect());
        let writers = (0..WRITERS)
            .map(|number| {
                let writer = Writer::new(round.clone(), dice.roll(u64::from(u32::MAX)));
                writer.at(number % cluster.commands.len(), number < WANDERERS)
            })
            .map(|writer| tokio::spawn(writer.run()))
            .collect();
        let (stop_reading, stopped) = watch::channel(false);
        let readers = (0..READERS)
            .map(|_| read(queries.clone(), round.told.subscribe(), stopped.clone()))
            .map(tokio::spawn)
            .collect();
        Self { round, queries, writers, readers, stop_writing, stop_reading }
    }

    /// Waits until so many commands more were acknowledged. False when they stand still.
    pub(super) async fn flow(&self, commands: u64) -> bool {
        let mut heard = self.round.acknowledged.subscribe();
        let enough = *heard.borrow() + commands;
        let waited = timeout(STILL, heard.wait_for(|count| *count >= enough)).await;
        waited.is_ok_and(|heard| heard.is_ok())
    }

    /// How many commands were under way at a service a moment after this was asked: some, if any
    /// are to be seen in a second.
    pub(super) async fn in_flight(services: &[Service]) -> usize {
        let since = Instant::now();
        loop {
            let count = services.iter().map(|one| one.in_flight.load(Ordering::Relaxed)).sum();
            if count > 0 || since.elapsed() > Duration::from_secs(1) {
                return count;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Begins no new command, and waits until what became of every other is known, or can no
    /// longer be expected to be.
    pub(super) async fn finish(self) -> Done {
        self.stop_writing.send_replace(true);
        let mut writing = try_join_all(self.writers);
        let mut written = timeout(STILL, &mut writing).await.ok();
        self.stop_reading.send_replace(true);
        if written.is_none() {
            // What they know already says more than that they stand still.
            self.round.gives_up.store(true, Ordering::Relaxed);
            written = Some(writing.await);
        }
        let reads = try_join_all(self.readers).await.unwrap().into_iter().sum();
        let sent = written.unwrap().unwrap().into_iter().flatten().collect();
        Done { sent, reads, unknown: self.round.unknown.load(Ordering::Relaxed) }
    }
}

/// Reads what was acknowledged last through every query API, one after the other: it is there, and
/// nobody who has seen it is shown an older state again.
async fn read(
    queries: Arc<Vec<Service>>,
    mut told: watch::Receiver<Option<Told>>,
    mut stopped: watch::Receiver<bool>,
) -> u64 {
    let mut answered = 0;
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stop| *stop) => return answered,
            changed = told.changed() => changed.expect("the round is there"),
        }
        let Some(told) = told.borrow_and_update().clone() else { continue };
        let mut seen = told.version;
        for query in &*queries {
            query.in_flight.fetch_add(1, Ordering::Relaxed);
            let version = see(&query.http, &told, seen).await;
            query.in_flight.fetch_sub(1, Ordering::Relaxed);
            answered += u64::from(version.is_some());
            seen = version.unwrap_or(seen);
        }
    }
}

/// The version that a query API shows, which is that one or a later; none while something is away.
async fn see(http: &Http, Told { path, position, .. }: &Told, seen: u64) -> Option<u64> {
    let path = format!("{path}?at_least={position}");
    let method = axum::http::Method::GET;
    let asked = timeout(PATIENCE, http.try_send(method, &path, &[], Vec::new())).await;
    let answer = asked.ok()?.ok()?;
    if is_away(&answer) {
        return None;
    }
    let state = answer.ok();
    let holds: u64 = state["position"].as_str().unwrap().parse().unwrap();
    assert!(holds >= position.parse().unwrap(), "{path} was answered from position {holds}");
    let version = state["version"].as_u64().unwrap();
    assert!(version >= seen, "{path} shows version {version} to who has seen {seen}");
    Some(version)
}

/// Waits.
pub(super) async fn for_a_while(while_: Duration) {
    interval_at(Instant::now() + while_, while_).tick().await;
}

/// Waits until every query API is at the end of the log; answers with where that is.
pub(super) async fn caught_up(cluster: &Cluster, patience: Duration) -> String {
    let mut states = Vec::new();
    let waiting = async {
        loop {
            let mut seen = Vec::new();
            for query in &cluster.queries {
                seen.push(query.ready().await);
            }
            states = seen;
            let is_there = |state: &Value| {
                state["ready"] == true && state["read_side"]["position"] == state["log"]["head"]
            };
            if states.iter().all(is_there) {
                return states[0]["log"]["head"].as_str().unwrap().to_owned();
            }
            tokio::task::yield_now().await;
        }
    };
    let caught_up = timeout(patience, waiting).await;
    caught_up.unwrap_or_else(|_| panic!("the read models lag behind: {states:#?}"))
}
