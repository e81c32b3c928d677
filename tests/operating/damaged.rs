//! A damaged record stops alone, and says so; a backup of a damaged log is told and not complete.

use std::path::Path;

use rusqlite::Connection;
use serde_json::json;
use tests::{Process, annals};

use crate::refusals::{TAMPERED, installation};

/// Changes something in the log of a folder that nobody uses.
fn meddle(data: &Path, sql: &str) {
    let log = Connection::open(data.join("log.db")).unwrap();
    assert_eq!(log.execute(sql, []).unwrap(), 1, "{sql}");
    log.close().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_record_answers_503_and_everything_else_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let process = Process::start(&data);
    let http = process.http();
    let damaged = http.accept("CreateAccount", json!({ "name": "Contoso" })).await.id;
    let whole = http.accept("CreateAccount", json!({ "name": "Fabrikam" })).await.id;
    assert!(process.terminate().success());
    // The index leads to the right row; the row forgot an event.
    meddle(&data, &format!("update streams set version = 7 where id = x'{}'", damaged.simple()));

    let process = Process::start(&data);
    let http = process.http();
    http.get("/readyz").await.ok();
    let off = |account| json!({ "account_id": account });
    http.command("DeactivateAccount", off(damaged)).await.problem(503, "log.damaged");
    http.accept("DeactivateAccount", off(whole)).await;
    let state = http.get("/readyz").await.ok();
    let place = format!("account-{damaged}");
    assert_eq!(state["log"]["damaged"], json!([place]), "{state}");
    let metrics = http.get("/metrics").await.text();
    assert!(metrics.contains("annals_log_damaged_places 1"), "{metrics}");
    let verified = annals(&["--data-folder", data.to_str().unwrap(), "verify"]);
    assert_eq!(verified.status.code(), Some(TAMPERED));
    let told = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(told.contains("streams: 1 found") && told.contains(&place), "{told}");
    assert!(process.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_damaged_log_is_told_and_not_complete() {
    let folder = tempfile::tempdir().unwrap();
    let (data, backups) = (folder.path().join("data"), folder.path().join("backups"));
    installation(&data).await;
    meddle(&data, "update events set causation_id = zeroblob(16) where position = 12");
    let process = Process::start_with(&data, &["--backups", backups.to_str().unwrap()]);
    let backup = backups.join("monday");
    let backed = annals(&["--data-folder", data.to_str().unwrap(), "backup", "monday"]);
    let told = String::from_utf8_lossy(&backed.stderr).into_owned();
    assert_eq!(backed.status.code(), Some(TAMPERED), "{told}");
    assert!(told.contains("position 12"), "{told}");
    assert!(!backup.join("complete").exists(), "it is called complete");
    assert!(backup.join("log.db").exists(), "what can be saved is there");
    let acts = process.http().feed("category=administration").await;
    let [taken] = &acts[..] else { panic!("{acts:?}") };
    let taken = &taken["data"]["data"];
    assert_eq!((&taken["name"], &taken["outcome"]["result"]), (&json!("monday"), &json!("failed")));
    assert!(taken["position"].as_u64().is_some_and(|position| position >= 12), "{taken}");
    let why = taken["outcome"]["why"].as_str().unwrap();
    assert!(why.contains("the copy is damaged") && why.contains("position 12"), "{why}");
}
