//! `annals backup` while writers write: up to its position everything is there, also what is sealed.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::json;
use tests::{Accepted, Http, Process, annals};

use crate::{
    import::done,
    refusals::{FOLDER, USAGE, contents, copy, one_line},
};

/// Creates contacts until it is told to stop; answers with what was acknowledged.
async fn write(http: Http, stop: Arc<AtomicBool>) -> Vec<Accepted> {
    let mut told = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        let contact = json!({ "first_name": "Ana", "last_name": "Souza" });
        told.push(http.accept("CreateContact", contact).await);
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_busy_installation_starts_with_everything_up_to_its_position() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let backups = folder.path().join("backups");
    let backup = backups.join("monday");
    let process = Process::start_with(&data, &["--backups", backups.to_str().unwrap()]);
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> =
        (0..4).map(|_| tokio::spawn(write(process.http(), stop.clone()))).collect();
    process.http().accept("CreateAccount", json!({ "name": "Contoso" })).await;

    let arguments = ["--data-folder", data.to_str().unwrap(), "backup", "monday"];
    let arguments = arguments.map(str::to_owned);
    let backing =
        tokio::task::spawn_blocking(move || annals(&arguments.each_ref().map(String::as_str)));
    let said = done(&backing.await.unwrap());
    stop.store(true, Ordering::SeqCst);
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }

    let position: u64 = fs::read_to_string(backup.join("complete")).unwrap().parse().unwrap();
    assert!(said.contains(&format!("position {position}")), "{said}");
    for name in contents(&backup).keys() {
        let mode = fs::metadata(backup.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} of the backup is open to others");
    }
    let before = contents(&backup);
    let again = annals(&["--data-folder", data.to_str().unwrap(), "backup", "monday"]);
    assert!(!again.status.success(), "a backup was written over another");
    assert!(contents(&backup) == before);
    let acts = process.http().feed("category=administration").await;
    let [taken] = &acts[..] else { panic!("{acts:?}") };
    let right = json!({ "name": "monday", "position": position, "outcome": { "result": "done" } });
    assert_eq!(
        (&taken["type"], &taken["data"]["data"]),
        (&json!("administration.backup_taken"), &right)
    );

    let restored = folder.path().join("restored");
    copy(&backup, &restored);
    let on_it = |arguments: &[&str]| {
        annals(&[&["--data-folder", restored.to_str().unwrap()], arguments].concat())
    };
    let line = one_line(&on_it(&["--listen", "127.0.0.1:0"]), FOLDER);
    assert!(line.contains("master.key"), "{line}");
    fs::copy(data.join("master.key"), restored.join("master.key")).unwrap();
    done(&on_it(&["token", "recover"]));
    // The token that was recovered is the event after the cut.
    let verified = done(&on_it(&["verify"]));
    assert!(verified.contains(&format!("up to position {}", position + 1)), "{verified}");
    let copy = Process::start(&restored);
    let http = copy.http();
    assert_eq!(http.settled().await, (position + 1).to_string());
    let (before, after): (Vec<_>, Vec<_>) =
        acknowledged.iter().partition(|told| told.position.parse::<u64>().unwrap() <= position);
    assert!(!before.is_empty(), "the backup came before everything");
    for told in before {
        let seen = http.get(&format!("/contacts/{}", told.id)).await.ok();
        assert_eq!(seen["last_name"], "Souza", "{seen}");
    }
    for told in after {
        assert_eq!(http.get(&format!("/contacts/{}", told.id)).await.status.as_u16(), 404);
    }
    // It goes on as an installation of its own.
    http.accept("CreateContact", json!({ "last_name": "Lima" })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_holds_no_token_no_master_key_and_no_value_that_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let (data, backups) = (folder.path().join("data"), folder.path().join("backups"));
    let process = Process::start_with(&data, &["--backups", backups.to_str().unwrap()]);
    let contact = json!({ "first_name": "Quirinalda", "last_name": "Xanthopoulou" });
    process.http().accept("CreateContact", contact).await;
    let said = done(&annals(&["--data-folder", data.to_str().unwrap(), "backup", "monday"]));
    assert!(said.contains("master.key, which is NOT in it"), "{said}");
    let files = contents(&backups.join("monday"));
    for name in ["log.db", "keys.db", "installation.key", "complete"] {
        assert!(files.contains_key(name), "{name}");
    }
    let token = fs::read_to_string(data.join("token")).unwrap();
    let (_, secret) = token.trim().rsplit_once('_').unwrap();
    let master = fs::read_to_string(data.join("master.key")).unwrap();
    let bare = hex_bytes(master.trim());
    for (name, bytes) in &files {
        assert!(!["token", "master.key"].contains(&name.as_str()), "{name}");
        for secret in
            [secret.as_bytes(), master.trim().as_bytes(), &bare, b"Quirinalda", b"Xanthopoulou"]
        {
            let found = bytes.windows(secret.len()).any(|window| window == secret);
            assert!(!found, "a secret stands in {name}");
        }
    }
}

fn hex_bytes(text: &str) -> Vec<u8> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.as_bytes().chunks(2).map(byte).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_goes_only_below_the_folder_named_at_start_and_refusals_are_attempts() {
    let folder = tempfile::tempdir().unwrap();
    let (data, backups) = (folder.path().join("data"), folder.path().join("backups"));
    let process = Process::start_with(&data, &["--backups", backups.to_str().unwrap()]);
    let http = process.http();
    let outside = folder.path().join("outside");
    std::os::unix::fs::symlink(&outside, backups.join("link")).unwrap();
    let names = [
        (outside.to_str().unwrap(), "backup.name_invalid"),
        ("../outside", "backup.name_invalid"),
        ("", "backup.name_invalid"),
        ("link", "backup.exists"),
    ];
    for (name, code) in names {
        http.post("/admin/backup", &[], &json!({ "name": name })).await.refused(code);
    }
    http.post("/admin/backup", &[], &json!({ "to": outside })).await.refused("body.invalid");
    assert!(!outside.exists());
    let codes: Vec<_> = http.attempts().await.iter().map(|one| one["code"].clone()).collect();
    let mut right: Vec<_> = names.iter().map(|(_, code)| json!(code)).collect();
    right.push(json!("body.invalid"));
    assert_eq!(codes, right);
    assert!(http.feed("category=administration").await.is_empty(), "nothing was done");
    process.kill();

    let process = Process::start(&data);
    let refused = process.http().post("/admin/backup", &[], &json!({ "name": "monday" })).await;
    refused.refused("backup.no_folder");
    // The command says what to start the service with, also where none runs.
    let told = |output| one_line(&output, USAGE);
    let backup = ["--data-folder", data.to_str().unwrap(), "backup", "monday"];
    let line = told(annals(&backup));
    assert!(line.contains("start it with --backups <folder>"), "{line}");
    assert!(process.terminate().success());
    let line = told(annals(&backup));
    assert!(line.contains("start it with --backups <folder>"), "{line}");
    assert!(!backups.join("monday").exists());
}
