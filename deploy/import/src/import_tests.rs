//! Imports against a ledger in memory: what a repeat, a stop and an edit do.

use std::{fs, path::Path};

use serde_json::json;
use uuid::Uuid;

use super::{testing::*, *};

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
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mappings");
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
