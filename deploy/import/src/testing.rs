//! What an import needs in a test: lists, a mapping of them, and a ledger in memory.

use std::{
    collections::HashMap,
    fs,
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard},
};

use anyhow::{Result, bail};
use events::values::Zone;
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use super::*;

pub(super) const MAPPING: &str = r##"
source = "test"
[file."deals.csv"]
delimiter = ";"
nulls = ["NULL"]

[[step]]
file = "people.csv"
entity = "person"
record = "user"
command = "AddUser"
key = ["#row"]
[step.fields]
user_id = { own = "id" }
name = { column = "name" }

[[step]]
file = "accounts.csv"
entity = "account"
command = "CreateAccount"
key = ["number"]
[step.fields]
account_id = { own = "id" }
account_number = { column = "number" }
name = { column = "name", replace = { Acmee = "Acme" } }
employees = { column = "staff", number = "1234.56", integer = true }

[[step]]
name = "deal"
file = "deals.csv"
entity = "opportunity"
command = "CreateOpportunity"
key = ["deal"]
effective_at = { column = "since", format = "%d.%m.%Y" }
[step.fields]
opportunity_id = { own = "id" }
topic = { template = "{product} for {account}" }
customer = { lookup = "account", by = ["name"], column = "account", as = "ref", blank = "report" }
owner = { lookup = "person", by = ["name"], column = "seller", as = "ref" }
estimated_value = { column = "value", number = "1.234,56", currency_column = "currency" }
stage = { column = "stage", map = { O = "Open", P = "Proposed" }, blank = "refuse" }

[[step]]
name = "win"
file = "deals.csv"
entity = "opportunity"
command = "WinOpportunity"
key = ["deal"]
when = [{ column = "won", not_in = ["no"] }, { column = "won", blank = false }]
[step.fields]
opportunity_id = { own = "id" }
close_date = { column = "won", date = "%d.%m.%Y" }
"##;

pub(super) const PEOPLE: &str = "name\nMoss\nJen\n";
pub(super) const ACCOUNTS: &str = "number,name,staff\n1,Acmee,12\n2,Initech,\n3,Initech,7\n";
pub(super) const DEALS: &str = "deal;product;account;seller;value;currency;stage;since;won
D1;Pump;Acmee;Moss;1.234,50;EUR;O;20.10.2016;01.03.2017
D2;Valve;;Jen;;EUR;P;NULL;no
D3;Hose;NULL;Moss;5;JPY;O;21.10.2016;
";

/// The ledger of a service: a command is accepted once, a repeat is answered again, and the same id
/// for something else is refused.
#[derive(Clone, Default)]
pub(super) struct Ledger(Arc<Mutex<LedgerState>>);

#[derive(Default)]
pub(super) struct LedgerState {
    pub(super) accepted: HashMap<Uuid, Value>,
    pub(super) order: Vec<Value>,
    pub(super) batches: usize,
    /// The batch from which on nothing is taken any more.
    pub(super) breaks_at: Option<usize>,
    /// How many batches are answered with `Busy` first.
    pub(super) busy: usize,
    /// The product whose deals are refused.
    pub(super) refused_topic: Option<&'static str>,
}

impl Ledger {
    pub(super) fn state(&self) -> MutexGuard<'_, LedgerState> {
        self.0.lock().unwrap()
    }

    pub(super) fn commands(&self, name: &str) -> Vec<Value> {
        self.state().order.iter().filter(|item| item["type"] == name).cloned().collect()
    }
}

impl LedgerState {
    fn answer(&mut self, item: &Value) -> Value {
        let id = &item["id"];
        let refused = |code: &str, pointer: Option<&str>| {
            json!({ "status": "refused", "id": id, "problem":
                { "status": 422, "code": code, "title": "No", "detail": "no", "pointer": pointer } })
        };
        let topic = item["data"]["topic"].as_str().unwrap_or_default();
        if self.refused_topic.is_some_and(|refused| topic.starts_with(refused)) {
            return refused("opportunity.closed", Some("/topic"));
        }
        let uuid: Uuid = id.as_str().unwrap().parse().unwrap();
        let known = self.accepted.get(&uuid).cloned();
        let replayed = known.is_some();
        if known.is_some_and(|known| known != *item) {
            return refused("command.reused", None);
        }
        if !replayed {
            self.accepted.insert(uuid, item.clone());
            self.order.push(item.clone());
        }
        json!({ "status": "accepted", "id": id, "record": { "type": "account", "id": uuid },
            "version": 1, "position": "1", "replayed": replayed })
    }
}

impl CommandSink for Ledger {
    async fn send(&self, batch: Vec<Value>) -> Result<Vec<ItemAnswer>> {
        let mut state = self.state();
        if state.busy > 0 {
            state.busy -= 1;
            return Err(Busy("later".to_owned()).into());
        }
        if state.breaks_at.is_some_and(|at| state.batches >= at) {
            bail!("cannot reach the service");
        }
        state.batches += 1;
        let answers: Vec<_> = batch.iter().map(|item| state.answer(item)).collect();
        Ok(serde_json::from_value(json!(answers))?)
    }

    async fn zone(&self) -> Result<Zone> {
        Ok(Zone::new("America/Sao_Paulo")?)
    }
}

/// What the import tells, to be read afterwards.
#[derive(Clone, Default)]
pub(super) struct Told(Arc<Mutex<Vec<u8>>>);

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Told {
    pub(super) fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

pub(super) struct World {
    pub(super) folder: tempfile::TempDir,
    pub(super) ledger: Ledger,
    pub(super) told: Told,
    pub(super) stop: watch::Sender<bool>,
}

impl World {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("mapping.toml", MAPPING),
            ("people.csv", PEOPLE),
            ("accounts.csv", ACCOUNTS),
            ("deals.csv", DEALS),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Self {
            folder,
            ledger: Ledger::default(),
            told: Told::default(),
            stop: watch::channel(false).0,
        }
    }

    pub(super) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from));
        fs::write(self.path(name), text.replace(from, to)).unwrap();
    }

    pub(super) fn options(&self) -> ImportOptions {
        ImportOptions {
            mapping: self.path("mapping.toml"),
            batch: Some(1),
            in_flight: Some(1),
            stop: Some(self.stop.subscribe()),
            report: Some(Box::new(self.told.clone())),
            quiet: true,
            ..ImportOptions::default()
        }
    }

    pub(super) async fn import(&self) -> Summary {
        let summary = match run(self.options(), &self.ledger).await {
            Ok(summary) => summary,
            Err(error) => {
                let line = error.to_string();
                assert!(
                    !line.contains('\n') && line.contains("run the same import again"),
                    "{line}"
                );
                error.downcast::<Unfinished>().unwrap().0
            }
        };
        for step in &summary.steps {
            let StepSummary { rows, accepted, already_there, changed, refused, .. } = step;
            let judged = accepted + already_there + changed + refused;
            let all = judged + step.skipped + step.repeated;
            if matches!(summary.outcome, Outcome::Complete) {
                assert_eq!(*rows, all, "every row is counted once: {step}");
            }
        }
        summary
    }
}

pub(super) fn counts(summary: &Summary) -> Vec<(u64, u64, u64, u64)> {
    let of = |step: &StepSummary| (step.accepted, step.already_there, step.changed, step.refused);
    summary.steps.iter().map(of).collect()
}
