//! `annals verify`: what was changed behind the product's back is named, with its place.

use std::path::Path;

use rusqlite::Connection;
use tests::annals;

use crate::{
    import::done,
    refusals::{FOLDER, TAMPERED, copy, installation, one_line, refused},
};

#[test]
fn verify_makes_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("missing");
    refused(&["--data-folder", data.to_str().unwrap(), "verify"], FOLDER);
    assert!(!data.exists());
    refused(&["--data-folder", folder.path().to_str().unwrap(), "verify"], FOLDER);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// The place of an event: its position, and its stream as people write it.
fn place(log: &Connection, position: i64) -> String {
    let (category, id): (String, Vec<u8>) = log
        .query_row(
            "select s.category, s.id from events e join streams s using (stream_key)
             where e.position = ?1",
            [position],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let id = uuid::Uuid::from_slice(&id).unwrap();
    format!("position {position}, stream {category}-{id}")
}

/// Tampers with a copy and demands that this is found at that place.
#[track_caller]
fn is_found(data: &Path, name: &str, tamper: impl FnOnce(&Connection) -> String) {
    let changed = data.with_file_name(name);
    copy(data, &changed);
    let log = Connection::open(changed.join("log.db")).unwrap();
    let expected = tamper(&log);
    log.close().unwrap();
    let output = annals(&["--data-folder", changed.to_str().unwrap(), "verify"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = told.trim_end().lines().last().unwrap_or_default();
    assert_eq!(output.status.code(), Some(TAMPERED), "{name}: {told}");
    assert!(last.contains(&expected), "{name}: expected `{expected}`, was told: {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_past_is_found_where_it_was_changed() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    installation(&data).await;
    let verified = done(&annals(&["--data-folder", data.to_str().unwrap(), "verify"]));
    assert!(verified.contains("up to position"), "{verified}");

    is_found(&data, "payload", |log| {
        let mut payload: Vec<u8> = log
            .query_row("select payload from events where position = 7", [], |row| row.get(0))
            .unwrap();
        let middle = payload.len() / 2;
        payload[middle] ^= 1;
        log.execute("update events set payload = ?1 where position = 7", [payload]).unwrap();
        place(log, 7)
    });
    for (column, value) in [
        ("actor_id", "zeroblob(16)"),
        ("command_id", "zeroblob(16)"),
        ("causation_id", "zeroblob(16)"),
        ("event_id", "zeroblob(16)"),
        ("recorded_at", "recorded_at + 1"),
        ("effective_at", "1"),
        ("channel", "'import'"),
        ("payload_sha256", "zeroblob(32)"),
        ("leaf", "zeroblob(32)"),
    ] {
        is_found(&data, column, |log| {
            let update = format!("update events set {column} = {value} where position = 9");
            assert_eq!(log.execute(&update, []).unwrap(), 1);
            place(log, 9)
        });
    }
    is_found(&data, "deleted", |log| {
        log.execute("delete from events where position = 8", []).unwrap();
        // What is missing has no stream.
        "position 8:".to_owned()
    });
    is_found(&data, "swapped", |log| {
        log.execute_batch(
            "update events set position = -1 where position = 10;
             update events set position = 10 where position = 11;
             update events set position = 11 where position = -1;",
        )
        .unwrap();
        // Where an event lies is not in its own hash; that time runs backwards tells.
        "position 11, stream ".to_owned()
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_cut_off_is_not_even_opened() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    installation(&data).await;
    let log = Connection::open(data.join("log.db")).unwrap();
    log.execute("delete from events where position = (select max(position) from events)", [])
        .unwrap();
    log.close().unwrap();
    let line = refused(&["--data-folder", data.to_str().unwrap(), "verify"], TAMPERED);
    // The mark that is kept apart knows where it ended.
    assert!(line.contains("is not the one that was there"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_something_else_is_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("log.db"), "this is a letter, not a log").unwrap();
    one_line(&annals(&["--data-folder", data.to_str().unwrap(), "verify"]), FOLDER);
    assert_eq!(std::fs::read(data.join("log.db")).unwrap(), b"this is a letter, not a log");
}
