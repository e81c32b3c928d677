//! The process is killed at random moments under load: what it had acknowledged is there, once.
//!
//! `ANNALS_SEED` and `ANNALS_ROUNDS` choose other moments and more of them.

use std::{
    collections::HashSet,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize},
    },
    time::Duration,
};

use events_log::bus::nemesis::Dice;
use serde_json::json;
use tests::{Http, Process, annals, number_from, until};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    history::History,
    load::{Round, Sent, Service, Writer},
};

const WRITERS: u64 = 6;

/// What is known of the installation from outside, through all rounds.
pub(crate) struct Known {
    pub(crate) dice: Dice,
    account: Uuid,
    opportunity: Uuid,
    pub(crate) history: History,
    /// Every command that was acknowledged.
    pub(crate) kept: Vec<Sent>,
    /// How many kills hit requests whose callers were still waiting.
    pub(crate) in_flight: u64,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_once_after_every_kill() {
    let seed = number_from("ANNALS_SEED").unwrap_or(20_261_123);
    let rounds = number_from("ANNALS_ROUNDS").unwrap_or(50);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    eprintln!("seed {seed}, {rounds} rounds");
    let mut process = Process::start(&data);
    let mut known = Known::found(&process.http(), seed).await;
    for round in 1..=rounds {
        let fresh = known.load_and_kill(process).await;
        process = Process::start(&data);
        known.check(&process.http(), fresh).await;
        if round == rounds || known.dice.happens(6) {
            replay_is_equal(&data);
        }
    }
    let Known { kept, in_flight, history, .. } = known;
    assert!(in_flight > 0, "no kill hit a request: this proved nothing");
    eprintln!(
        "seed {seed}: {rounds} kills, {in_flight} of them under requests in flight; {} commands \
         acknowledged, {} events, {} orders, none lost, none twice: with 95 % confidence a kill \
         does harm in less than {:.1} % of cases",
        kept.len(),
        history.events(),
        history.orders(),
        300.0 / f64::from(u32::try_from(in_flight).unwrap()),
    );
}

impl Known {
    pub(crate) async fn found(http: &Http, seed: u64) -> Self {
        let account = http.accept("CreateAccount", json!({ "name": "Contoso" })).await;
        let body = json!({ "topic": "Chairs", "currency": "BRL", "stage": "Qualify" });
        let opportunity = http.accept("CreateOpportunity", body).await;
        Self {
            dice: Dice::new(seed),
            account: account.id,
            opportunity: opportunity.id,
            history: History::default(),
            kept: Vec::new(),
            in_flight: 0,
        }
    }

    /// Lets the writers write, and kills the process after so many answers as the dice say.
    pub(crate) async fn load_and_kill(&mut self, process: Process) -> Vec<Sent> {
        let (acknowledged, mut heard) = watch::channel(0);
        let (_go_on, stop) = watch::channel(false);
        let round = Arc::new(Round {
            services: vec![Service::of(process.http())],
            until_known: false,
            acknowledged,
            told: watch::channel(None).0,
            stop,
            gives_up: AtomicBool::new(false),
            unknown: AtomicUsize::new(0),
            account: self.account,
            opportunity: self.opportunity,
        });
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| Writer::new(round.clone(), self.dice.roll(u64::from(u32::MAX))))
            .map(|writer| tokio::spawn(writer.run()))
            .collect();
        let moment = self.dice.roll(120);
        let enough = heard.wait_for(|count| *count >= moment);
        let waited = tokio::time::timeout(Duration::from_secs(60), enough).await;
        waited.expect("the writers stand still").expect("the writers are there");
        // Not right after an answer either, but anywhere between two.
        for _ in 0..self.dice.roll(2_000) {
            tokio::task::yield_now().await;
        }
        process.kill();
        let mut fresh = Vec::new();
        for writer in writers {
            fresh.extend(writer.await.unwrap());
        }
        self.in_flight += u64::from(fresh.iter().any(|sent| sent.answer.is_none()));
        fresh
    }

    pub(crate) async fn check(&mut self, http: &Http, fresh: Vec<Sent>) {
        self.history.read_on(http).await;
        for sent in &fresh {
            if let Some(answer) = &sent.answer {
                self.history.holds(sent, answer);
            }
        }
        for mut sent in fresh {
            // Whoever got no answer asks again, most of the time; some give up.
            if sent.answer.is_none() && self.dice.happens(20) {
                continue;
            }
            // The last command of a sale whose beginning was lost or given up is refused by a rule.
            let answer = sent.send(http).await.expect("it runs");
            if let Some(told) = &sent.answer {
                assert_eq!(&answer, told, "{} {} was told otherwise", sent.name, sent.key);
            }
            sent.answer = Some(answer);
            self.kept.push(sent);
        }
        let before = self.history.events();
        until("each accepted quote has its order", async || {
            self.history.read_on(http).await;
            self.history.has_all_orders()
        })
        .await;
        // Something from long ago, too: the ledger forgets nothing.
        for _ in 0..10.min(self.kept.len()) {
            let index = self.dice.roll(u64::try_from(self.kept.len()).unwrap());
            let sent = &self.kept[usize::try_from(index).unwrap()];
            let told = sent.answer.as_ref().unwrap();
            assert_eq!(sent.send(http).await.as_ref(), Some(told), "{} {}", sent.name, sent.key);
            self.history.holds(sent, told);
        }
        assert!(self.history.events() >= before);
        let head = http.settled().await;
        assert_eq!(head, self.history.events().to_string(), "a repeat wrote something");
        self.see_contacts(http, &head).await;
    }

    /// A few acknowledged contacts, asked of the read models.
    async fn see_contacts(&mut self, http: &Http, head: &str) {
        let contacts: Vec<_> =
            self.kept.iter().filter(|sent| sent.name == "CreateContact").collect();
        let mut asked = HashSet::new();
        for _ in 0..5.min(contacts.len()) {
            let index = self.dice.roll(u64::try_from(contacts.len()).unwrap());
            let sent = contacts[usize::try_from(index).unwrap()];
            let id = sent.answer.as_ref().unwrap().id;
            if asked.insert(id) {
                let seen = http.see(&format!("/contacts/{id}"), head).await;
                assert_eq!(seen["last_name"], sent.body["last_name"], "{seen}");
            }
        }
    }
}

/// The read models equal those that are made afresh from the whole log.
pub(crate) fn replay_is_equal(data: &Path) {
    let output = annals(&["--data-folder", &data.display().to_string(), "replay"]);
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{failed}");
    assert!(said.contains("equal") && !said.contains("different"), "{said}");
}
