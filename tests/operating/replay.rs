//! `annals replay`, cut off and run again while questions are answered; `annals demo` twice.

use std::{collections::HashMap, path::Path, process::Stdio};

use tests::{Http, Process, annals, product, until};

use crate::{figures::head, import::done};

/// Replays; one that nobody watches any more may still be on its way out.
fn replay(data: &Path) -> String {
    loop {
        let output = annals(&["--data-folder", data.to_str().unwrap(), "replay"]);
        let told = String::from_utf8_lossy(&output.stderr);
        if !told.contains("a replay is running already") {
            return done(&output);
        }
    }
}

#[track_caller]
fn is_equal(said: &str) {
    let tables = said.lines().filter(|line| line.starts_with("equal ")).count();
    assert!(tables >= 10, "{said}");
    assert!(!said.contains("different") && !said.contains("not compared"), "{said}");
}

async fn every_deal_has_a_contact_of_its_customer(http: &Http) {
    let deals = http.all("/opportunities?limit=200").await;
    assert!(deals.len() > 60, "{}", deals.len());
    let contacts = http.all("/contacts?limit=200").await;
    let parents: HashMap<_, _> =
        contacts.iter().map(|contact| (&contact["id"], &contact["parent"]["id"])).collect();
    for deal in &deals {
        let parent = parents.get(&deal["contact"]);
        assert_eq!(parent, Some(&&deal["customer"]["id"]), "{deal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_company_is_made_once_and_replays_to_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let process = Process::start(&data);
    let http = process.http();
    let demo = ["--data-folder", data.to_str().unwrap(), "demo", "--accounts", "60"];
    done(&annals(&demo));
    let before = http.settled().await;
    assert!(before.parse::<u64>().unwrap() > 500, "a small company: {before}");
    every_deal_has_a_contact_of_its_customer(&http).await;
    done(&annals(&demo));
    assert_eq!(head(&http).await, before, "the second time something was written");

    // Somebody stops the first replay.
    let mut cut_off = product()
        .args(["--data-folder", data.to_str().unwrap(), "replay"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let generation = || data.join("read/read-2.db");
    until("the new generation is being made", async || generation().exists()).await;
    cut_off.kill().unwrap();
    cut_off.wait().unwrap();

    // Questions are answered all the while.
    let path = data.clone();
    let replaying = tokio::task::spawn_blocking(move || replay(&path));
    let mut answered = 0;
    until("the replay is done", async || {
        let accounts = http.get("/accounts?limit=1").await.ok();
        assert_eq!(accounts["items"].as_array().unwrap().len(), 1);
        // A replay that was stopped is an event, too.
        let position: u64 = accounts["position"].as_str().unwrap().parse().unwrap();
        assert!(position >= before.parse().unwrap(), "an older answer");
        answered += 1;
        replaying.is_finished()
    })
    .await;
    is_equal(&replaying.await.unwrap());
    assert!(answered > 1);
    is_equal(&replay(&data));
    drop(process);
    // Where none runs, the product is started for the time of the command.
    is_equal(&replay(&data));
}
