//! A data folder that has lost some of its files is refused, and left as it was found.

use std::{fs, os::unix::fs::DirBuilderExt, path::Path};

use tests::Process;

use crate::refusals::{FOLDER, TAMPERED, contents, installation, refused};

/// What an installation consists of, and what each is good for.
const FILES: [&str; 8] = [
    "log.db",
    "keys.db",
    "master.key",
    "installation.key",
    "log.mark",
    "token",
    "read",
    "annals.lock",
];

/// Copies a folder with what is in it, but for some of it.
pub(crate) fn copy_without(from: &Path, to: &Path, left_out: &[&str]) {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if left_out.contains(&&*name) {
            continue;
        }
        if path.is_dir() {
            copy_without(&path, &to.join(name), left_out);
        } else {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

/// The code that a start has to end with; none where it has to go on.
fn expected(lost: &[&str]) -> Option<i32> {
    let is_lost = |name| lost.contains(&name);
    let needed = ["log.db", "keys.db", "master.key", "installation.key"];
    if needed.into_iter().any(is_lost) {
        return Some(FOLDER);
    }
    is_lost("log.mark").then_some(TAMPERED)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_has_lost_any_of_its_files_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    installation(&data).await;
    let everything = (1 << FILES.len()) - 1;
    let mut refusals = 0;
    for subset in 1..everything {
        let lost: Vec<_> =
            (0..FILES.len()).filter(|bit| subset & (1 << bit) != 0).map(|bit| FILES[bit]).collect();
        let Some(code) = expected(&lost) else { continue };
        let left = folder.path().join(format!("without {subset}"));
        copy_without(&data, &left, &lost);
        let before = contents(&left);
        // A folder with nothing but a lock is that of a first start that was cut short.
        if before.is_empty() {
            continue;
        }
        let line =
            refused(&["--listen", "127.0.0.1:0", "--data-folder", left.to_str().unwrap()], code);
        assert!(before == contents(&left), "without {lost:?} a file has changed: {line}");
        let has_lock = left.join("annals.lock").exists();
        assert_eq!(has_lock, !lost.contains(&"annals.lock"), "without {lost:?}: {line}");
        assert!(lost.iter().any(|name| line.contains(name)) || code == TAMPERED, "{line}");
        refusals += 1;
        fs::remove_dir_all(&left).unwrap();
    }
    assert!(refusals > 200, "{refusals} refusals");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_made_again_may_be_lost() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    installation(&data).await;
    for lost in [&["read"][..], &["annals.lock"], &["read", "token", "annals.lock"]] {
        let left = folder.path().join("left");
        copy_without(&data, &left, lost);
        if lost.contains(&"token") {
            // The client of the test reads it there.
            fs::copy(data.join("token"), left.join("token")).unwrap();
        }
        let process = Process::start(&left);
        let http = process.http();
        http.settled().await;
        let accounts = http.get("/accounts").await.ok();
        assert_eq!(accounts["items"].as_array().unwrap().len(), 5, "without {lost:?}");
        assert!(process.terminate().success());
        fs::remove_dir_all(&left).unwrap();
    }
}
