//! Who may read what the product keeps: its owner, and nobody else.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use tests::{Process, annals};

use crate::refusals::{FOLDER, contents, fill, installation, refused};

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Everything below a folder, itself too, that others may use.
fn open_to_others(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut all = vec![folder.to_owned()];
    while let Some(path) = all.pop() {
        let metadata = fs::metadata(&path).unwrap();
        if metadata.permissions().mode() & 0o077 != 0 {
            found.push(path.display().to_string());
        }
        if metadata.is_dir() {
            all.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_kept_is_open_to_others_at_work_or_at_rest() {
    let folder = tempfile::tempdir().unwrap();
    let (data, backups) = (folder.path().join("data"), folder.path().join("backups"));
    let process = Process::start_with(&data, &["--backups", backups.to_str().unwrap()]);
    fill(&process.http()).await;
    process.http().replay().await;
    let names = contents(&data);
    for name in ["log.db-wal", "log.db-shm", "read/read.db"] {
        assert!(names.contains_key(name), "{:?}", names.keys());
    }
    assert_eq!(open_to_others(&data), Vec::<String>::new());
    assert!(
        annals(&["--data-folder", data.to_str().unwrap(), "backup", "monday"]).status.success()
    );
    assert_eq!(open_to_others(&backups), Vec::<String>::new());
    assert!(process.terminate().success());
    assert_eq!(open_to_others(&data), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_or_a_secret_that_is_open_to_others_is_refused_with_what_to_run() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    installation(&data).await;
    let start = ["--listen", "127.0.0.1:0", "--data-folder", data.to_str().unwrap()];
    for mode in [0o755, 0o750, 0o701] {
        set(&data, mode);
        let line = refused(&start, FOLDER);
        assert!(line.contains(&format!("chmod 700 {}", data.display())), "{line}");
    }
    set(&data, 0o700);
    for name in ["token", "installation.key", "master.key"] {
        set(&data.join(name), 0o640);
        let line = refused(&start, FOLDER);
        assert!(line.contains(&format!("chmod 600 {}", data.join(name).display())), "{line}");
        set(&data.join(name), 0o600);
    }
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    set(&empty, 0o755);
    refused(&["--listen", "127.0.0.1:0", "--data-folder", empty.to_str().unwrap()], FOLDER);
    assert!(contents(&empty).is_empty() && !empty.join("annals.lock").exists());

    let config = folder.path().join("annals.toml");
    fs::write(&config, "log-level = \"error\"\n").unwrap();
    set(&config, 0o644);
    let config = config.to_str().unwrap();
    let line = refused(&[&start[..], &["--config", config]].concat(), FOLDER);
    assert!(line.contains(&format!("chmod 600 {config}")), "{line}");
    let token = folder.path().join("a token");
    fs::copy(data.join("token"), &token).unwrap();
    set(&token, 0o644);
    let asked = ["--data-folder", data.to_str().unwrap(), "verify", "--token-file"];
    let line = refused(&[&asked[..], &[token.to_str().unwrap()]].concat(), FOLDER);
    assert!(line.contains("chmod 600"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folder_of_an_older_build_opens_and_is_closed_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    installation(&data).await;
    // As it was left: databases of 0644 in a folder of 0700.
    for name in ["log.db", "read/read.db"] {
        set(&data.join(name), 0o644);
    }
    set(&data.join("read"), 0o755);
    let process = Process::start(&data);
    assert_eq!(open_to_others(&data), Vec::<String>::new());
    process.http().get("/accounts").await.ok();
    assert!(process.terminate().success());

    // Where the folder itself was open, its owner says that it is closed now.
    set(&data, 0o755);
    set(&data.join("log.db"), 0o644);
    let line =
        refused(&["--listen", "127.0.0.1:0", "--data-folder", data.to_str().unwrap()], FOLDER);
    assert!(line.contains("chmod 700"), "{line}");
    set(&data, 0o700);
    let process = Process::start(&data);
    assert_eq!(open_to_others(&data), Vec::<String>::new());
    assert!(process.terminate().success());
}
