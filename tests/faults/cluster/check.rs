//! What has to be so after each fault.

use std::{
    collections::HashSet,
    process::{Output, Stdio},
    time::Duration,
};

use events_log::bus::nemesis::Dice;
use serde_json::json;
use tests::{Cluster, Http, product, until};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    faults::active,
    traffic::{Done, Traffic, caught_up},
};
use crate::{history::History, load::Sent};

/// How soon after the last fault nothing may lag any more.
pub(super) const CAUGHT_UP: Duration = Duration::from_secs(10);

/// How long a replay may take: in any case, and for each event, in a debug build on a busy machine.
const REPLAYED: (Duration, Duration) = (Duration::from_secs(60), Duration::from_millis(10));
const RHYTHM: Duration = Duration::from_millis(20);

/// An account and an opportunity that everybody knows.
#[derive(Clone, Copy)]
pub(super) struct Records {
    pub(super) account: Uuid,
    pub(super) opportunity: Uuid,
}

/// What is known of the cluster from outside, through all rounds.
pub(super) struct Known {
    pub(super) records: Records,
    pub(super) history: History,
    /// Every command that was acknowledged: all of them were, in the end.
    pub(super) kept: Vec<Sent>,
    pub(super) reads: u64,
    pub(super) unknown: usize,
    /// The longest that the read models lagged behind after a fault was over.
    pub(super) longest_lag: Duration,
    /// The longest until the bus carried again.
    pub(super) longest_bus: Duration,
    pub(super) replays: u64,
    pub(super) longest_replay: Duration,
}

impl Known {
    pub(super) async fn found(http: &Http) -> Self {
        let account = http.accept("CreateAccount", json!({ "name": "Contoso" })).await;
        let body = json!({ "topic": "Chairs", "currency": "BRL", "stage": "Qualify" });
        let opportunity = http.accept("CreateOpportunity", body).await;
        Self {
            records: Records { account: account.id, opportunity: opportunity.id },
            history: History::default(),
            kept: Vec::new(),
            reads: 0,
            unknown: 0,
            longest_lag: Duration::ZERO,
            longest_bus: Duration::ZERO,
            replays: 0,
            longest_replay: Duration::ZERO,
        }
    }

    /// Ends the traffic, and checks everything there is to check but a replay.
    pub(super) async fn check(
        &mut self,
        cluster: &mut Cluster,
        traffic: Traffic,
        healed: Instant,
        dice: &mut Dice,
    ) {
        let Done { sent, reads, unknown } = traffic.finish().await;
        if sent.iter().any(|sent| sent.answer.is_none()) {
            // What was lost says more than who waits for it in vain.
            self.holds_all(&sent, &cluster.http(0, 0)).await;
            panic!("a command is never answered");
        }
        let left = CAUGHT_UP.saturating_sub(healed.elapsed());
        caught_up(cluster, left.max(Duration::from_secs(1))).await;
        let lag = healed.elapsed();
        assert!(lag < CAUGHT_UP, "the read models lag behind for {lag:?}");
        self.longest_lag = self.longest_lag.max(lag);
        self.reads += reads;
        self.unknown += unknown;
        nobody_has_ended(cluster);
        let http = cluster.http(0, usize::from(dice.happens(50)));
        self.holds_all(&sent, &http).await;
        self.kept.extend(sent);
        until("each accepted quote has its order", async || {
            self.history.read_on(&http).await;
            self.history.has_all_orders()
        })
        .await;
        self.repeat_some(cluster, dice).await;
        self.see_some(cluster, dice).await;
        bus_is_back(cluster).await;
        self.longest_bus = self.longest_bus.max(healed.elapsed());
    }

    /// Whatever was acknowledged is in the log.
    async fn holds_all(&mut self, sent: &[Sent], http: &Http) {
        self.history.read_on(http).await;
        for sent in sent {
            if let Some(answer) = &sent.answer {
                self.history.holds(sent, answer);
            }
        }
    }

    /// The ledger forgets nothing: what was told is told again, by whomever, and nothing happens.
    async fn repeat_some(&mut self, cluster: &Cluster, dice: &mut Dice) {
        let head = self.history.events();
        for _ in 0..10.min(self.kept.len()) {
            let index = dice.roll(u64::try_from(self.kept.len()).unwrap());
            let sent = &self.kept[usize::try_from(index).unwrap()];
            let told = sent.answer.as_ref().unwrap();
            let http = cluster.http(usize::from(dice.happens(50)), 0);
            let answer = sent.send(&http).await;
            assert_eq!(answer.as_ref(), Some(told), "{} {}", sent.name, sent.key);
            self.history.holds(sent, told);
        }
        let caught_up = caught_up(cluster, CAUGHT_UP).await;
        assert_eq!(caught_up, head.to_string(), "a repeat wrote something");
    }

    /// A few acknowledged contacts, asked of the read models.
    async fn see_some(&self, cluster: &Cluster, dice: &mut Dice) {
        let contacts: Vec<_> =
            self.kept.iter().filter(|sent| sent.name == "CreateContact").collect();
        let head = self.history.events().to_string();
        let mut asked = HashSet::new();
        for number in 0..6.min(contacts.len()) {
            let index = dice.roll(u64::try_from(contacts.len()).unwrap());
            let sent = contacts[usize::try_from(index).unwrap()];
            let id = sent.answer.as_ref().unwrap().id;
            if asked.insert(id) {
                let http = cluster.http(0, number % cluster.queries.len());
                let seen = http.see(&format!("/contacts/{id}"), &head).await;
                assert_eq!(seen["last_name"], sent.body["last_name"], "{seen}");
            }
        }
    }

    /// Every table equals that of a replay of the whole log.
    pub(super) async fn replay_is_equal(&mut self, cluster: &Cluster) {
        let url = cluster.projections[active(cluster).await].url();
        let token = cluster.secrets().join("token").display().to_string();
        let since = Instant::now();
        let events = u32::try_from(self.history.events()).unwrap();
        let arguments = ["replay", "--url", &url, "--token-file", &token];
        let output = in_time(&arguments, REPLAYED.0 + REPLAYED.1 * events).await;
        self.longest_replay = self.longest_replay.max(since.elapsed());
        let said = String::from_utf8_lossy(&output.stdout);
        let failed = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}{failed}");
        assert!(said.contains("equal") && !said.contains("different"), "{said}");
        self.replays += 1;
    }
}

/// Runs an operator's command that has to end within that time.
async fn in_time(arguments: &[&str], patience: Duration) -> Output {
    let mut command = product();
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    let since = Instant::now();
    let mut rhythm = tokio::time::interval(RHYTHM);
    while child.try_wait().expect("its state").is_none() {
        if since.elapsed() > patience {
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
            panic!("{arguments:?} does not end");
        }
        rhythm.tick().await;
    }
    child.wait_with_output().expect("what it said")
}

/// No process ends because another, or a server, was away.
pub(super) fn nobody_has_ended(cluster: &mut Cluster) {
    for role in cluster.roles() {
        assert_eq!(role.ended(), None);
    }
}

/// Waits until everybody who uses the bus has it.
pub(super) async fn bus_is_back(cluster: &Cluster) {
    let active = active(cluster).await;
    until("the bus carries again", async || {
        for role in cluster.commands.iter().chain([&cluster.projections[active]]) {
            if role.ready().await["bus"]["available"] != true {
                return false;
            }
        }
        true
    })
    .await;
}
