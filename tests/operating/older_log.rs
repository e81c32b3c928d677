//! A log that is older than is known of it: refused, or accepted by who repeats what would be lost.

use std::{fs, path::Path};

use rusqlite::Connection;
use serde_json::{Value, json};
use tests::Process;

use crate::{
    lost::copy_without,
    refusals::{TAMPERED, contents, installation, refused},
};

/// An installation that was copied at one time and went on: the older copy, and the newer folder.
async fn two_times(folder: &Path) -> (std::path::PathBuf, std::path::PathBuf) {
    let (older, newer) = (folder.join("older"), folder.join("newer"));
    installation(&newer).await;
    copy_without(&newer, &older, &[]);
    let process = Process::start(&newer);
    let http = process.http();
    for name in ["Later", "Latest"] {
        http.accept("CreateAccount", json!({ "name": name })).await;
    }
    http.settled().await;
    assert!(process.terminate().success());
    (older, newer)
}

/// Starts on a folder that has to be refused without being touched; answers with the position that the
/// operator has to repeat.
#[track_caller]
fn refused_on(data: &Path, flags: &[&str]) -> u64 {
    let before = contents(data);
    let arguments =
        [&["--listen", "127.0.0.1:0", "--data-folder", data.to_str().unwrap()][..], flags].concat();
    let line = refused(&arguments, TAMPERED);
    assert!(before == contents(data), "a file has changed: {line}");
    let number = line.split("--accept-older-log ").nth(1).expect("the line names the switch");
    number.trim().parse().expect("the line names the position")
}

fn head(data: &Path) -> u64 {
    let log = Connection::open(data.join("log.db")).unwrap();
    let head: i64 = log.query_row("select position from log_head", [], |row| row.get(0)).unwrap();
    head.try_into().unwrap()
}

/// Every event of the organisation's own stream, by the feed.
async fn organisation(process: &Process) -> Vec<Value> {
    let feed = process.http().get("/events?category=organization").await;
    feed.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_log_starts_only_for_who_repeats_what_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (older, newer) = two_times(folder.path()).await;
    let (lost, cut) = (head(&newer), head(&older));
    fs::copy(older.join("log.db"), newer.join("log.db")).unwrap();

    assert_eq!(refused_on(&newer, &[]), lost);
    for wrong in [0, cut, lost - 1, lost + 1] {
        assert_eq!(refused_on(&newer, &["--accept-older-log", &wrong.to_string()]), lost);
    }

    let flag = ["--accept-older-log", &lost.to_string()];
    let process = Process::start_with(&newer, &flag);
    let http = process.http();
    http.settled().await;
    let accounts = http.get("/accounts").await.ok();
    assert_eq!(accounts["items"].as_array().unwrap().len(), 5, "the read models are made anew");
    let told = organisation(&process).await;
    let accepted = told.last().unwrap();
    assert_eq!(accepted["type"], "organization.older_log_accepted", "{accepted}");
    let data = &accepted["data"]["data"];
    assert_eq!(
        (&data["epoch"], &data["position"], &data["known_position"]),
        (&json!(1), &json!(cut), &json!(lost))
    );
    // The position that was lost is given out a second time.
    let mut last = String::new();
    while last != lost.to_string() {
        last = http.accept("CreateAccount", json!({ "name": "Again" })).await.position;
    }
    http.settled().await;
    assert!(process.terminate().success());

    // A switch that stays behind accepts nothing any more.
    let process = Process::start_with(&newer, &flag);
    assert_eq!(organisation(&process).await.len(), told.len());
    assert!(process.terminate().success());
    let known = head(&newer);
    fs::copy(older.join("log.db"), newer.join("log.db")).unwrap();
    assert_eq!(refused_on(&newer, &[]), known);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_event_cannot_be_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let (_, newer) = two_times(folder.path()).await;
    let lost = head(&newer);
    let log = Connection::open(newer.join("log.db")).unwrap();
    log.execute_batch(
        "delete from streams where stream_key = (select stream_key from events order by position desc limit 1);
         delete from commands where position = (select max(position) from events);
         delete from events where position = (select max(position) from events);
         update log_head set position = position - 1, streams = streams - 1,
             recorded_at = (select recorded_at from events order by position desc limit 1);",
    )
    .unwrap();
    log.close().unwrap();
    assert_eq!(head(&newer), lost - 1);
    assert_eq!(refused_on(&newer, &[]), lost);
}

#[tokio::test(flavor = "multi_thread")]
async fn read_models_that_are_ahead_bear_witness_where_the_mark_was_set_back_with_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let (older, newer) = two_times(folder.path()).await;
    let lost = head(&newer);
    for name in ["log.db", "log.mark"] {
        fs::copy(older.join(name), newer.join(name)).unwrap();
    }
    assert_eq!(refused_on(&newer, &[]), lost);
    // Whoever set back everything has restored a backup.
    fs::remove_dir_all(newer.join("read")).unwrap();
    assert!(Process::start(&newer).terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mark_that_is_missing_or_changed_is_refused_like_an_older_log() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    installation(&data).await;
    let (mark, ends) = (data.join("log.mark"), head(&data));
    let text = fs::read_to_string(&mark).unwrap();

    fs::remove_file(&mark).unwrap();
    assert_eq!(refused_on(&data, &[]), ends);
    let position = format!("position {ends}");
    for changed in [
        text.replace(&position, &format!("position {}", ends - 1)),
        text[..text.len() / 2].to_owned(),
        String::new(),
    ] {
        assert_ne!(changed, text);
        fs::write(&mark, changed).unwrap();
        assert_eq!(refused_on(&data, &[]), ends);
    }
    let process = Process::start_with(&data, &["--accept-older-log", &ends.to_string()]);
    assert_eq!(organisation(&process).await.len(), 2);
    assert!(process.terminate().success());
    assert!(Process::start(&data).terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_the_build_before_gets_its_mark_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    installation(&data).await;
    let log = Connection::open(data.join("log.db")).unwrap();
    assert_eq!(log.execute("delete from meta where name = 'keeps_mark'", []).unwrap(), 1);
    log.close().unwrap();
    fs::remove_file(data.join("log.mark")).unwrap();
    assert!(Process::start(&data).terminate().success());
    fs::remove_file(data.join("log.mark")).unwrap();
    refused_on(&data, &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_killed_starts_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for round in 0..5 {
        let process = Process::start(&data);
        let http = process.http();
        for name in 0..20 * round {
            http.accept("CreateAccount", json!({ "name": format!("Contoso {name}") })).await;
        }
        process.kill();
    }
    assert!(Process::start(&data).terminate().success());
}
