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

use crate::{import::done, refusals::copy};

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
    let backup = folder.path().join("backup");
    let process = Process::start(&data);
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> =
        (0..4).map(|_| tokio::spawn(write(process.http(), stop.clone()))).collect();
    process.http().accept("CreateAccount", json!({ "name": "Contoso" })).await;

    let arguments = ["--data-folder", data.to_str().unwrap(), "backup", backup.to_str().unwrap()];
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
    for name in ["token", "keys.db", "master.key", "installation.key", "log.db"] {
        let mode = fs::metadata(backup.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} of the backup is open to others");
    }
    let again =
        annals(&["--data-folder", data.to_str().unwrap(), "backup", backup.to_str().unwrap()]);
    assert!(!again.status.success(), "a backup was written over another");

    let restored = folder.path().join("restored");
    copy(&backup, &restored);
    let verified = done(&annals(&["--data-folder", restored.to_str().unwrap(), "verify"]));
    assert!(verified.contains(&format!("up to position {position}")), "{verified}");
    let copy = Process::start(&restored);
    let http = copy.http();
    assert_eq!(http.settled().await, position.to_string());
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
