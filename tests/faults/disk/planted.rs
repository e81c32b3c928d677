//! The checks are held against builds that are wrong about the disk: each has to be caught.

use std::{any::Any, fs, path::Path};

use axum::http::Method;
use serde_json::json;
use tests::{Launch, Process};
use tokio::{runtime::Handle, task::spawn_blocking};

use super::{
    errors::{flush_fails, founded, turn},
    shim::Disk,
};
use crate::killed::Known;

/// Within how many power cuts a mistake has to be seen.
const BUDGET: u64 = 4;

/// Runs a check that has to end in a panic, and gives what it said.
async fn caught<F: Future<Output = ()>>(check: impl FnOnce() -> F + Send + 'static) -> String {
    let runtime = Handle::current();
    let checking = spawn_blocking(move || runtime.block_on(check())).await;
    let why = checking.expect_err("nothing was seen of it").into_panic();
    said(&*why).to_owned()
}

fn said(why: &(dyn Any + Send)) -> &str {
    why.downcast_ref::<String>().expect("the check says why")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_syncs_at_checkpoints_only_is_caught_by_a_power_cut() {
    let why = caught(async || {
        let disk = Disk::new();
        let start = || disk.under(Launch::planted("synchronous-normal", &disk.data())).start();
        let mut process = start();
        let mut known = Known::found(&process.http(), 2).await;
        for _ in 0..BUDGET {
            let fresh = known.load_and_kill(process).await;
            disk.cut_power(&mut known.dice);
            process = start();
            known.check(&process.http(), fresh).await;
        }
    })
    .await;
    // Its whole beginning may be gone, and with it the token.
    assert!(why.contains("is lost") || why.contains("it did not start"), "{why}");
    eprintln!("synchronous-normal was caught: {why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_swallows_a_failed_flush_is_caught() {
    let _turn = turn().await;
    let why = caught(async || {
        let from = founded();
        for first in 1..=15 {
            flush_fails(&from, first, Some("swallowed-flush")).await;
        }
    })
    .await;
    assert!(why.contains("is lost"), "{why}");
    eprintln!("swallowed-flush was caught: {why}");
}

/// Takes a backup and holds it against what had been acknowledged before it was asked for.
async fn a_backup_holds_what_was_acknowledged(process: &Process, backups: &Path, name: &str) {
    let http = process.http();
    let last = http.accept("CreateAccount", json!({ "name": "Contoso" })).await;
    let body = json!({ "name": name }).to_string().into_bytes();
    let headers = [("content-type", "application/json")];
    let answer = http.send(Method::POST, "/admin/backup", &headers, body).await;
    let copied = fs::read_to_string(backups.join(name).join("complete")).unwrap_or_default();
    let copied: u64 = copied.parse().unwrap_or(0);
    let acknowledged: u64 = last.position.parse().unwrap();
    assert!(copied >= acknowledged, "{acknowledged} is not in the copy: {}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_leaves_the_wal_out_of_a_copy_is_caught() {
    let folder = tempfile::tempdir().unwrap();
    let backups = folder.path().join("backups");
    let flags = ["--backups", backups.to_str().unwrap()];
    let right = Launch::on(&folder.path().join("right")).flags(&flags).start();
    a_backup_holds_what_was_acknowledged(&right, &backups, "right").await;
    let wrong = folder.path().join("wrong");
    let wrong = Launch::planted("copy-without-wal", &wrong).flags(&flags).start();
    let why = caught(async move || {
        a_backup_holds_what_was_acknowledged(&wrong, &backups, "wrong").await;
    })
    .await;
    assert!(why.contains("is not in the copy"), "{why}");
    eprintln!("copy-without-wal was caught: {why}");
}
