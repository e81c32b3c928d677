//! Imports against a ledger in memory: what a repeat, a stop, an edit and a refusal do.

use std::{
    collections::HashMap,
    fs,
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};

use anyhow::{Result, bail};
use events::values::Zone;
use serde_json::{Value, json};
use tokio::sync::watch;
use uuid::Uuid;

use super::*;

const MAPPING: &str = r##"
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

const PEOPLE: &str = "name\nMoss\nJen\n";
const ACCOUNTS: &str = "number,name,staff\n1,Acmee,12\n2,Initech,\n3,Initech,7\n";
const DEALS: &str = "deal;product;account;seller;value;currency;stage;since;won
D1;Pump;Acmee;Moss;1.234,50;EUR;O;20.10.2016;01.03.2017
D2;Valve;;Jen;;EUR;P;NULL;no
D3;Hose;NULL;Moss;5;JPY;O;21.10.2016;
";

/// The ledger of a service: a command is accepted once, a repeat is answered again, and the same id
/// for something else is refused.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<LedgerState>>);

#[derive(Default)]
struct LedgerState {
    accepted: HashMap<Uuid, Value>,
    order: Vec<Value>,
    batches: usize,
    /// The batch from which on nothing is taken any more.
    breaks_at: Option<usize>,
    /// How many batches are answered with `Busy` first.
    busy: usize,
    /// The product whose deals are refused.
    refused_topic: Option<&'static str>,
}

impl Ledger {
    fn state(&self) -> MutexGuard<'_, LedgerState> {
        self.0.lock().unwrap()
    }

    fn commands(&self, name: &str) -> Vec<Value> {
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
struct Told(Arc<Mutex<Vec<u8>>>);

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Told {
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

struct World {
    folder: tempfile::TempDir,
    ledger: Ledger,
    told: Told,
    stop: watch::Sender<bool>,
}

impl World {
    fn new() -> Self {
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

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from));
        fs::write(self.path(name), text.replace(from, to)).unwrap();
    }

    fn options(&self) -> ImportOptions {
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

    async fn import(&self) -> Summary {
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

fn counts(summary: &Summary) -> Vec<(u64, u64, u64, u64)> {
    let of = |step: &StepSummary| (step.accepted, step.already_there, step.changed, step.refused);
    summary.steps.iter().map(of).collect()
}

#[tokio::test]
async fn rows_become_commands_as_the_mapping_says() {
    let world = World::new();
    let summary = world.import().await;
    assert!(summary.is_clean(), "{summary}");
    let account = events::ids::derived("test:account:1");
    assert_eq!(
        world.ledger.commands("CreateAccount")[0],
        json!({
            "id": Uuid::new_v5(&account, b"CreateAccount"),
            "type": "CreateAccount",
            "data": { "account_id": account, "account_number": "1", "name": "Acme", "employees": 12 },
        })
    );
    let deal = events::ids::derived("test:opportunity:D1");
    let seller = events::ids::derived("test:person:#row:1");
    assert_eq!(
        world.ledger.commands("CreateOpportunity")[0],
        json!({
            "id": Uuid::new_v5(&deal, b"deal"),
            "type": "CreateOpportunity",
            "effective_at": "2016-10-20T02:00:00Z",
            "data": {
                "opportunity_id": deal,
                "topic": "Pump for Acmee",
                "customer": { "type": "account", "id": account },
                "owner": { "type": "user", "id": seller },
                "estimated_value": { "amount": "1234.50", "currency": "EUR" },
                "stage": "Open",
            },
        })
    );
    let second = &world.ledger.commands("CreateOpportunity")[1];
    assert_eq!(second.get("effective_at"), None);
    assert_eq!(second["data"].get("customer"), None);
    assert_eq!(world.ledger.commands("WinOpportunity").len(), 1);
}

#[tokio::test]
async fn the_summary_says_what_was_replaced_left_out_and_not_used() {
    let world = World::new();
    let summary = world.import().await;
    let replaced = &summary.step("CreateAccount").unwrap().replaced;
    let acme = ("name".to_owned(), "Acmee".to_owned(), "Acme".to_owned());
    assert_eq!(replaced.get(&acme), Some(&1));
    let deal = summary.step("deal").unwrap();
    assert_eq!(deal.blanks.get("account"), Some(&2));
    assert_eq!(summary.step("win").unwrap().skipped, 2);
    let text = summary.to_string();
    assert!(text.contains("account: blank in 2 rows, left out"), "{text}");
    assert!(text.ends_with("complete: 9 accepted, 0 already there, 0 changed since, 0 refused"));
}

#[tokio::test]
async fn a_second_import_changes_nothing() {
    let world = World::new();
    let first = world.import().await;
    assert_eq!(counts(&first), [(2, 0, 0, 0), (3, 0, 0, 0), (3, 0, 0, 0), (1, 0, 0, 0)]);
    let before = world.ledger.state().order.clone();
    let second = world.import().await;
    assert_eq!(counts(&second), [(0, 2, 0, 0), (0, 3, 0, 0), (0, 3, 0, 0), (0, 1, 0, 0)]);
    assert_eq!(world.ledger.state().order, before);
    assert!(second.is_clean());
}

#[tokio::test]
async fn an_import_that_was_cut_off_anywhere_goes_on() {
    let whole = World::new();
    whole.import().await;
    let all = whole.ledger.state().order.clone();
    for cut in 0..all.len() {
        let world = World::new();
        world.ledger.state().breaks_at = Some(cut);
        let summary = world.import().await;
        assert!(matches!(summary.outcome, Outcome::Failed(_)), "{cut}");
        let text = summary.to_string();
        assert!(text.contains("cannot reach the service; run the same import again"), "{text}");
        assert_eq!(world.ledger.state().order.len(), cut);
        world.ledger.state().breaks_at = None;
        assert!(world.import().await.is_clean());
        assert_eq!(world.ledger.state().order, all, "cut at {cut}");
    }
}

#[tokio::test]
async fn an_edited_list_brings_what_is_new_and_names_what_changed() {
    let world = World::new();
    world.import().await;
    world.edit("accounts.csv", "2,Initech,", "2,Initech,99");
    world.edit("deals.csv", "D2;", "D0;Tap;Acmee;Jen;;EUR;O;;no\nD2;");
    let summary = world.import().await;
    assert_eq!(counts(&summary), [(0, 2, 0, 0), (0, 2, 1, 0), (1, 3, 0, 0), (0, 1, 0, 0)]);
    assert_eq!(summary.refused(), 1);
    assert_eq!(
        world.told.lines(),
        ["accounts.csv:3: CreateAccount: import.row_changed: the row was imported before with \
          other values; the change was not applied"]
    );
}

#[tokio::test]
async fn where_the_place_is_the_identity_a_changed_row_is_not_taken_for_the_old_one() {
    let world = World::new();
    world.import().await;
    world.edit("people.csv", "name\n", "name\nRoy\n");
    world.edit("deals.csv", "D2;", "D0;Tap;Acmee;Roy;;EUR;O;;no\nD2;");
    let summary = world.import().await;
    assert_eq!(counts(&summary)[0], (1, 0, 2, 0), "the rows were moved, one is new");
    let deals = summary.step("deal").unwrap();
    assert_eq!((deals.accepted, deals.refused), (0, 3), "Jen is new there, Roy and Moss moved");
    assert!(world.told.lines().iter().any(|line| line.contains("told apart by their place")));
}

#[tokio::test]
async fn what_the_mapping_cannot_use_is_refused_with_line_column_and_code() {
    let world = World::new();
    fs::write(
        world.path("deals.csv"),
        "deal;product;account;seller;value;currency;stage;since;won
A;Pump;Initech;Moss;1;EUR;O;;
B;Pump;Nobody;Moss;1;EUR;O;;
C;Pump;Acmee;Moss;1;EUR;X;;
D;Pump;Acmee;Moss;1,2345;EUR;O;;
E;Pump;Acmee;Moss;1;XXX;O;;
F;Pump;Acmee;Moss;1;EUR;O;2016-10-20;
G;Pump;Acmee;Moss;1;EUR;;;
;Pump;Acmee;Moss;1;EUR;O;;
A;Pump;Acmee;Moss;1;EUR;O;;
H;Pump
I;Pump;Acmee;Moss;1;EUR;O;;30.02.2017
B;Pump;Acmee;Moss;1;EUR;O;;no
",
    )
    .unwrap();
    let summary = world.import().await;
    let told = world.told.lines();
    let begins = |number: usize, start: &str| {
        assert!(told[number].starts_with(start), "{start}: {}", told[number]);
    };
    begins(0, "deals.csv:2: deal: account: import.lookup_ambiguous: ");
    begins(1, "deals.csv:3: deal: account: import.lookup_not_found: ");
    begins(2, "deals.csv:4: deal: stage: import.value_not_mapped: ");
    begins(3, "deals.csv:5: deal: value: import.bad_number: ");
    begins(4, "deals.csv:6: deal: value: import.bad_number: ");
    begins(5, "deals.csv:7: deal: since: import.bad_date: ");
    begins(6, "deals.csv:8: deal: stage: import.blank: ");
    begins(7, "deals.csv:9: deal: import.blank: the key");
    begins(8, "deals.csv:10: deal: import.bad_row: the key is that of row 1");
    begins(9, "deals.csv:11: deal: import.bad_row: 2 fields, the header has 9");
    begins(10, "deals.csv:13: deal: import.bad_row: the key is that of row 2");
    begins(11, "deals.csv:11: win: import.bad_row: ");
    begins(12, "deals.csv:12: win: won: import.bad_date: ");
    assert_eq!(told.len(), 13, "{told:?}");
    assert_eq!(summary.refused(), 13);
}

/// Corrects a file of refused rows: each row is given to `fix` with its first column.
fn correct(path: &Path, fix: impl Fn(&mut Vec<String>)) {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(b';').has_headers(false).from_path(path).unwrap();
    let mut rows: Vec<Vec<String>> =
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
    rows.iter_mut().skip(1).for_each(fix);
    let mut writer = csv::WriterBuilder::new().delimiter(b';').from_path(path).unwrap();
    for row in rows {
        writer.write_record(row).unwrap();
    }
    writer.flush().unwrap();
}

#[tokio::test]
async fn refused_rows_are_corrected_and_imported_as_the_rows_they_were() {
    let world = World::new();
    world.edit("deals.csv", "D1;Pump", "D1;Pump;too;many");
    world.edit("deals.csv", ";P;NULL", ";Q;NULL");
    world.edit("deals.csv", "D3;Hose;NULL", "D3;Hose;Acmee");
    world.ledger.state().refused_topic = Some("Hose");
    let rejects = world.path("rejects");
    let options = ImportOptions { rejects: Some(rejects.clone()), ..world.options() };
    let summary = run(options, &world.ledger).await.unwrap();
    assert_eq!(summary.step("deal").unwrap().refused, 3, "{summary}");
    let file = rejects.join("deals.csv");
    let written = fs::read_to_string(&file).unwrap();
    let lines: Vec<_> = written.lines().collect();
    assert_eq!(lines.len(), 4, "each row once, though two steps refused the first: {written}");
    assert!(lines[0].ends_with(&format!("won;{}", REJECT_COLUMNS.join(";"))), "{written}");
    assert!(lines[1].starts_with(";;;;;;;;;") && lines[1].contains("D1;Pump;too;many"));
    assert!(lines[2].starts_with("D2;Valve;;Jen;;EUR;Q;NULL;no;"), "{written}");
    assert!(lines[3].contains(";3;4;product, account;opportunity.closed;no;"), "{written}");
    assert!(!rejects.join("accounts.csv").exists());

    world.ledger.state().refused_topic = None;
    correct(&file, |row| {
        if row[0].is_empty() {
            let right = "D1;Pump;Acmee;Moss;1.234,50;EUR;O;20.10.2016;01.03.2017";
            row.splice(..9, right.split(';').map(str::to_owned));
        }
        row[6] = row[6].replace('Q', "P");
    });
    let again = ImportOptions { files: [("deals.csv".to_owned(), file)].into(), ..world.options() };
    let summary = run(again, &world.ledger).await.unwrap();
    assert!(summary.is_clean(), "{:?}", world.told.lines());
    assert_eq!(summary.step("deal").unwrap().accepted, 3);
    assert_eq!(summary.step("win").unwrap().accepted, 1);
}

#[tokio::test]
async fn a_file_of_refused_rows_is_never_overwritten() {
    let world = World::new();
    fs::write(world.path("deals.csv"), DEALS).unwrap();
    let options =
        ImportOptions { rejects: Some(world.folder.path().to_path_buf()), ..world.options() };
    let error = run(options, &world.ledger).await.unwrap_err().to_string();
    assert!(error.contains("is there already"), "{error}");
    assert_eq!(world.ledger.state().batches, 0);
}

#[tokio::test]
async fn rows_without_a_key_keep_their_identity_through_a_file_of_refused_rows() {
    let world = World::new();
    world.edit("mapping.toml", "key = [\"deal\"]", "");
    world.edit("deals.csv", "D3;Hose;NULL;Moss;5;JPY", "D3;Hose;NULL;Moss;5;EURO");
    let rejects = world.path("rejects");
    let options = ImportOptions { rejects: Some(rejects.clone()), ..world.options() };
    run(options, &world.ledger).await.unwrap();
    let file = rejects.join("deals.csv");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("EURO", "JPY")).unwrap();
    let sha256 = reader::sha256(&world.path("deals.csv")).unwrap();
    let again = ImportOptions { files: [("deals.csv".to_owned(), file)].into(), ..world.options() };
    run(again, &world.ledger).await.unwrap();
    let deals = world.ledger.commands("CreateOpportunity");
    let expected = events::ids::derived(&format!("test:opportunity:{sha256}:3"));
    assert_eq!(deals[2]["data"]["opportunity_id"], json!(expected));
    assert_eq!(deals.len(), 3);
}

#[tokio::test]
async fn a_row_whose_record_was_not_made_is_not_tried_again_in_later_steps() {
    let world = World::new();
    world.ledger.state().refused_topic = Some("Pump");
    let summary = world.import().await;
    assert_eq!(summary.step("deal").unwrap().refused, 1);
    assert_eq!(summary.step("win").unwrap().refused, 1);
    let told = world.told.lines();
    assert_eq!(told[0], "deals.csv:2: deal: product, account: opportunity.closed: no");
    assert!(told[1].starts_with("deals.csv:2: win: command.not_tried: "), "{}", told[1]);
    assert!(world.ledger.commands("WinOpportunity").is_empty());
}

#[tokio::test]
async fn an_import_that_is_told_to_stop_says_how_to_go_on() {
    let world = World::new();
    world.stop.send_replace(true);
    let summary = world.import().await;
    assert!(matches!(summary.outcome, Outcome::Interrupted));
    assert!(summary.to_string().contains("stopped: run the same import again"), "{summary}");
    assert!(!summary.is_clean());
    let taken = world.ledger.state().order.len();
    assert!(taken < 9, "{taken}");
    world.stop.send_replace(false);
    assert!(world.import().await.is_clean());
    assert_eq!(world.ledger.state().order.len(), 9);
}

#[tokio::test]
async fn a_busy_service_is_asked_again() {
    let world = World::new();
    world.ledger.state().busy = 1;
    let summary = world.import().await;
    assert!(summary.is_clean(), "{summary}");
    assert_eq!(world.ledger.state().order.len(), 9);
}

#[tokio::test]
async fn nothing_is_sent_when_the_mapping_does_not_fit_the_files() {
    for (file, from, to, why) in [
        (
            "deals.csv",
            "deal;",
            "dael;",
            "step `deal` on `deals.csv`: the file has no column `deal`",
        ),
        ("deals.csv", "deal;", "deal,", "no column"),
        ("accounts.csv", "name,staff", "title,staff", "no column `name`"),
        ("mapping.toml", "lookup = \"person\"", "lookup = \"nobody\"", "no earlier step makes"),
        (
            "mapping.toml",
            "lookup = \"person\", by = [\"name\"]",
            "lookup = \"person\"",
            "name the columns with `by`",
        ),
        (
            "mapping.toml",
            "by = [\"name\"], column = \"seller\"",
            "by = [\"n\"], column = \"seller\"",
            "`people.csv` has no column `n`",
        ),
        ("mapping.toml", "people.csv", "nowhere.csv", "cannot open"),
    ] {
        let world = World::new();
        world.edit(file, from, to);
        let error = run(world.options(), &world.ledger).await.unwrap_err().to_string();
        assert!(error.contains(why) && !error.contains('\n'), "{why}: {error}");
        assert_eq!(world.ledger.state().batches, 0);
    }
    let world = World::new();
    fs::write(world.path("people.csv"), "name\n").unwrap();
    let error = run(world.options(), &world.ledger).await.unwrap_err().to_string();
    assert!(error.contains("a header and no rows"), "{error}");
}

#[tokio::test]
async fn batches_under_way_together_keep_the_order_of_the_report() {
    let world = World::new();
    let rows: String =
        (0..250).map(|n| format!("{n},N{n},{}\n", if n % 50 == 0 { "x" } else { "1" })).collect();
    fs::write(world.path("accounts.csv"), format!("number,name,staff\n{rows}")).unwrap();
    fs::write(world.path("deals.csv"), DEALS.replace("Acmee", "N7")).unwrap();
    let options = ImportOptions { batch: Some(10), in_flight: Some(3), ..world.options() };
    let summary = run(options, &world.ledger).await.unwrap();
    let accounts = summary.step("CreateAccount").unwrap();
    assert_eq!((accounts.accepted, accounts.refused), (245, 5));
    let lines: Vec<_> = world.told.lines();
    assert!(lines[1].starts_with("accounts.csv:52: CreateAccount: staff: import.bad_number"));
}

#[test]
fn every_mapping_of_the_project_is_a_good_one() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings");
    let mut seen = 0;
    for set in fs::read_dir(folder).unwrap() {
        for file in fs::read_dir(set.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "toml") {
                Mapping::load(&path).unwrap();
                seen += 1;
            }
        }
    }
    assert!(seen > 0);
}
