//! The mappings of the project against the real lists they were written for.

use std::{
    collections::HashMap,
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};

use anyhow::Result;
use deploy_import::{CommandSink, ImportOptions, ItemAnswer, StepSummary, Summary, run};
use events::values::Zone;
use serde_json::{Value, json};

/// Accepts every command once.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<HashMap<String, Value>>>);

impl Ledger {
    fn commands(&self) -> MutexGuard<'_, HashMap<String, Value>> {
        self.0.lock().expect("no test panics with the lock")
    }

    fn of(&self, name: &str) -> Vec<Value> {
        self.commands().values().filter(|item| item["type"] == name).cloned().collect()
    }
}

impl CommandSink for Ledger {
    async fn send(&self, batch: Vec<Value>) -> Result<Vec<ItemAnswer>> {
        let mut commands = self.commands();
        let answer = |item: Value| {
            let id = item["id"].as_str().unwrap_or_default().to_owned();
            let replayed = commands.insert(id.clone(), item).is_some();
            json!({ "status": "accepted", "id": id, "replayed": replayed })
        };
        Ok(serde_json::from_value(batch.into_iter().map(answer).collect())?)
    }

    async fn zone(&self) -> Result<Zone> {
        Ok(Zone::utc())
    }
}

async fn import(set: &str, folder: &Path, ledger: &Ledger) -> Summary {
    let mapping =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../deploy/mappings/{set}/{set}.toml"));
    let options = ImportOptions {
        mapping,
        folder: Some(folder.to_path_buf()),
        report: Some(Box::new(io::sink())),
        quiet: true,
        ..ImportOptions::default()
    };
    run(options, ledger).await.expect("a mapping that fits its files")
}

fn replaced(step: &StepSummary) -> Vec<(&str, &str, u64)> {
    step.replaced.iter().map(|((_, from, to), n)| (from.as_str(), to.as_str(), *n)).collect()
}

#[tokio::test]
async fn the_sales_lists_become_exactly_the_commands_they_hold() {
    let name = "the_sales_lists_become_exactly_the_commands_they_hold";
    let Some(folder) = tests::reference_data(name, "maven_crm_sales") else { return };
    let ledger = Ledger::default();
    let summary = import("maven_crm_sales", &folder, &ledger).await;
    assert!(summary.is_clean(), "{summary}");
    let accepted: Vec<_> =
        summary.steps.iter().map(|step| (step.name.as_str(), step.accepted)).collect();
    assert_eq!(
        accepted,
        [
            ("add_manager", 6),
            ("add_agent", 35),
            ("create_account", 85),
            ("set_address", 85),
            ("set_parent", 15),
            ("create_opportunity", 8_800),
            ("win_opportunity", 4_238),
            ("lose_opportunity", 2_473),
        ]
    );
    let step = |name: &str| summary.step(name).expect("the step");
    assert_eq!(replaced(step("create_account")), [("technolgy", "technology", 12)]);
    assert_eq!(replaced(step("set_address")), [("Philipines", "Philippines", 1)]);
    assert_eq!(replaced(step("create_opportunity")), [("GTXPro", "GTX Pro", 1_480)]);
    assert_eq!(step("create_opportunity").blanks["account"], 1_425);
    assert_eq!(step("add_manager").repeated, 29);

    let dated =
        |name: &str| ledger.of(name).iter().filter(|item| item["effective_at"].is_string()).count();
    assert_eq!(dated("CreateOpportunity"), 8_300);
    assert_eq!(dated("WinOpportunity") + dated("LoseOpportunity"), 6_711);
    let won: u64 = ledger
        .of("WinOpportunity")
        .iter()
        .map(|item| item["data"]["actual_value"]["amount"].as_str().expect("an amount"))
        .map(|amount| amount.strip_suffix(".00").expect("whole dollars").parse::<u64>())
        .map(|dollars| dollars.expect("a number"))
        .sum();
    assert_eq!(won, 10_005_534);

    let again = import("maven_crm_sales", &folder, &ledger).await;
    assert!(again.is_clean());
    assert!(again.steps.iter().all(|step| step.accepted == 0));
}
