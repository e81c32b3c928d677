//! What must not be moved, and where it must not be moved to: refused, with nothing written.

use std::fs;

use events_log::testing::TestDatabase;
use tests::{Process, annals, free_port, product};

use crate::{
    migrate::{Before, begun, done, one_line},
    startup::{REFUSED, TAMPERED, UNREACHABLE, USAGE, contents, founded, sql},
};

#[tokio::test(flavor = "multi_thread")]
async fn another_history_is_not_moved_on_top_of_what_was_begun() {
    let test = "another_history_is_not_moved";
    let Some(database) = TestDatabase::new(test) else { return };
    let before = Before::start().await;
    let backups = before.folder.path().join("backups");
    let backup = backups.join("before");
    let process = Process::start_with(&before.data(), &["--backups", backups.to_str().unwrap()]);
    let from = before.data();
    done(&annals(&["--data-folder", from.to_str().unwrap(), "backup", "before"]));
    // What goes apart from a backup.
    for secret in ["master.key", "token"] {
        fs::copy(from.join(secret), backup.join(secret)).unwrap();
    }
    process.http().account("Only in one").await;
    assert!(process.terminate().success());
    begun(&before, &database, "select count(*) from commands", 1).await;
    // The backup takes another way.
    let process = Process::start(&backup);
    process.http().account("Only in the other").await;
    assert!(process.terminate().success());
    let seen = contents(&database).await;
    let mut command = before.command(&database.url());
    let output = command.arg("--from").arg(&backup).output().unwrap();
    assert_eq!(output.status.code(), Some(USAGE), "one source at a time");
    let mut command = product();
    command.arg("migrate").arg("--from").arg(&backup).env("ANNALS_POSTGRES", database.url());
    let output = command.env("ANNALS_SECRETS", before.secrets()).output().unwrap();
    let line = one_line(&output, &database.url(), REFUSED);
    assert!(line.contains("another history"), "{line}");
    assert_eq!(contents(&database).await, seen);
    done(&before.migrate(&database.url()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_not_be_moved_or_written_to_is_refused() {
    let test = "what_must_not_be_moved";
    let (Some(empty), Some(taken)) = (TestDatabase::new(test), TestDatabase::new(test)) else {
        return;
    };
    let before = Before::start().await;
    let url = empty.url();
    let port = free_port();
    let line =
        before.refused(&format!("postgres://me:s3cret@127.0.0.1:{port}/annals"), UNREACHABLE);
    assert!(line.contains(&format!("127.0.0.1:{port}")), "{line}");
    before.refused("postgres://me:s3cret@192.0.2.1/annals", USAGE);

    // A folder that is none, or is in use.
    for from in [before.folder.path().join("none"), before.folder.path().to_owned()] {
        let mut command = product();
        command.arg("migrate").arg("--from").arg(&from).env("ANNALS_POSTGRES", &url);
        let line = one_line(&command.output().unwrap(), &url, REFUSED);
        assert!(line.contains("is no data folder"), "{line}");
    }
    assert!(!before.folder.path().join("none").exists());
    let process = Process::start(&before.data());
    let line = before.refused(&url, REFUSED);
    assert!(line.contains("in use by another process"), "{line}");
    assert!(process.terminate().success());
    let files = before.files();

    // Another installation's log, keys, read models, secrets.
    let theirs = before.folder.path().join("theirs");
    founded(&taken, &theirs);
    let seen = contents(&taken).await;
    let line = before.refused(&taken.url(), REFUSED);
    assert!(line.contains("another event log"), "{line}");
    let mut command = before.command(&url);
    let output = command.env("ANNALS_KEYS_POSTGRES", taken.url()).output().unwrap();
    let line = one_line(&output, &url, REFUSED);
    assert!(line.contains("keys of another installation"), "{line}");
    let output = before.command(&url).env("ANNALS_SECRETS", &theirs).output().unwrap();
    let line = one_line(&output, &url, REFUSED);
    assert!(line.contains("it is of another installation"), "{line}");
    assert_eq!(contents(&taken).await, seen);

    // Settings by which events would be lost.
    let (_, name) = url.rsplit_once('/').unwrap();
    sql(&empty, &format!("alter database {name} set synchronous_commit = off")).await;
    let line = before.refused(&url, REFUSED);
    assert!(line.contains("synchronous_commit is off"), "{line}");
    assert_eq!(contents(&empty).await, Vec::<String>::new());
    assert!(!before.secrets().exists());
    assert!(before.files() == files, "the data folder has changed");

    // Keys that are wrapped under a master key which is not there any more.
    sql(&empty, &format!("alter database {name} reset synchronous_commit")).await;
    begun(&before, &empty, "select count(*) from annals_keys.keys", 1).await;
    let key = before.secrets().join("master.key");
    fs::rename(&key, before.folder.path().join("kept")).unwrap();
    fs::copy(theirs.join("master.key"), &key).unwrap();
    let seen = contents(&empty).await;
    let line = before.refused(&url, REFUSED);
    assert!(line.contains("wrapped under another key"), "{line}");
    assert_eq!(contents(&empty).await, seen);
    fs::rename(before.folder.path().join("kept"), &key).unwrap();
    done(&before.migrate(&url));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_older_than_its_mark_is_not_moved() {
    let Some(database) = TestDatabase::new("an_older_log_is_not_moved") else { return };
    let before = Before::start().await;
    let older = fs::read(before.data().join("log.db")).unwrap();
    let process = Process::start(&before.data());
    process.http().account("Known to the mark").await;
    assert!(process.terminate().success());
    let newer = fs::read(before.data().join("log.db")).unwrap();
    fs::write(before.data().join("log.db"), older).unwrap();
    let files = before.files();
    let line = before.refused(&database.url(), TAMPERED);
    assert!(line.contains("is not the one that was there"), "{line}");
    assert_eq!(contents(&database).await, Vec::<String>::new());
    assert!(!before.secrets().exists());
    assert!(before.files() == files, "the data folder has changed");
    fs::write(before.data().join("log.db"), newer).unwrap();
    done(&before.migrate(&database.url()));
}
