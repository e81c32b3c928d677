//! Starts that have to be refused, and what a start says and leaves.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Stdio,
    time::Duration,
};

use serde_json::json;
use tests::{Process, annals, product};

use crate::refusals::{FOLDER, USAGE, contents, copy, fill, installation, refused};

/// Starts the product on a folder that it has to refuse without touching it.
#[track_caller]
fn refused_on(data: &Path) -> String {
    let before = contents(data);
    let line =
        refused(&["--listen", "127.0.0.1:0", "--data-folder", data.to_str().unwrap()], FOLDER);
    let after = contents(data);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "{line}");
    assert!(before == after, "a file has changed: {line}");
    line
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_has_one_owner() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let process = Process::start(&data);
    let line =
        refused(&["--listen", "127.0.0.1:0", "--data-folder", data.to_str().unwrap()], FOLDER);
    assert!(line.contains("in use by another process"), "{line}");
    process.http().accept("CreateAccount", json!({ "name": "Contoso" })).await;
}

#[test]
fn a_folder_of_something_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("letter.txt"), "Dear Ana").unwrap();
    let line = refused_on(folder.path());
    assert!(line.contains("is no data folder"), "{line}");
    assert!(!folder.path().join("annals.lock").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_newer_format_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    installation(&data).await;
    for name in ["log.db", "keys.db"] {
        let newer = folder.path().join(format!("newer {name}"));
        copy(&data, &newer);
        let database = rusqlite::Connection::open(newer.join(name)).unwrap();
        database.pragma_update(None, "user_version", 1_000).unwrap();
        database.close().unwrap();
        let line = refused_on(&newer);
        assert!(
            line.contains(name) && line.contains("newer") || line.contains("format 1000"),
            "{line}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_missing_open_or_wrong_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    installation(&data).await;
    let broken = |name: &str| {
        let broken = folder.path().join(name);
        copy(&data, &broken);
        broken
    };

    let without = broken("without keys.db");
    fs::remove_file(without.join("keys.db")).unwrap();
    refused_on(&without);

    let without = broken("without master.key");
    fs::remove_file(without.join("master.key")).unwrap();
    refused_on(&without);

    let open = broken("open to others");
    let mode = fs::Permissions::from_mode(0o644);
    fs::set_permissions(open.join("master.key"), mode).unwrap();
    let line = refused_on(&open);
    assert!(line.contains("master.key"), "{line}");

    let other = folder.path().join("other");
    installation(&other).await;
    let wrong = broken("of another installation");
    fs::copy(other.join("master.key"), wrong.join("master.key")).unwrap();
    refused_on(&wrong);

    let cut = broken("cut short");
    let key = fs::read(cut.join("master.key")).unwrap();
    fs::write(cut.join("master.key"), &key[..31]).unwrap();
    refused_on(&cut);

    let foreign = broken("keys of another log");
    fs::copy(other.join("keys.db"), foreign.join("keys.db")).unwrap();
    fs::copy(other.join("master.key"), foreign.join("master.key")).unwrap();
    refused_on(&foreign);
}

#[test]
fn an_address_beyond_loopback_needs_a_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let line = refused(&["--listen", "0.0.0.0:0", "--data-folder", data.to_str().unwrap()], USAGE);
    assert!(line.contains("--behind-proxy"), "{line}");
    assert!(!data.exists());
}

#[test]
fn a_call_that_makes_no_sense_touches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data_flag = ["--data-folder", data.to_str().unwrap()];
    for wrong in [
        &["--no-such-flag"][..],
        &["--listen", "nowhere"],
        &["--listen", "127.0.0.1:65536"],
        &["--currency", "REAL"],
        &["--zone", "Mars/Olympus"],
        &["no-such-command"],
        &["import"],
        &["token", "issue"],
        &["demo", "--accounts", "0"],
        &["--data-folder"],
    ] {
        let output = annals(&[&data_flag[..], wrong].concat());
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(USAGE), "{wrong:?}: {told}");
        assert!(!told.contains("panicked"), "{told}");
        assert!(!data.exists(), "{wrong:?} made the folder");
    }
    let help = annals(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&help.stdout).contains("import"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_cannot_be_used_touches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    installation(&data).await;
    let before = contents(&data);
    let mapping = folder.path().join("wrong.toml");
    let import = |mapping: &Path| {
        let arguments =
            ["--data-folder", data.to_str().unwrap(), "import", mapping.to_str().unwrap()];
        refused(&arguments, USAGE)
    };
    import(&folder.path().join("missing.toml"));
    for wrong in [
        "source = ",
        "source = \"x\"\nsurprise = 1\n",
        "source = \"x\"\n[[step]]\nname = \"a\"\nfile = \"missing.csv\"\nentity = \"account\"\n\
         command = \"CreateAccount\"\n[step.fields]\nname = { column = \"name\" }\n",
        "source = \"x\"\n[[step]]\nname = \"a\"\nfile = \"there.csv\"\nentity = \"account\"\n\
         command = \"CreateAccount\"\n[step.fields]\nname = { column = \"no such column\" }\n",
    ] {
        fs::write(folder.path().join("there.csv"), "name\nContoso\n").unwrap();
        fs::write(&mapping, wrong).unwrap();
        let line = import(&mapping);
        assert!(line.contains(".toml") || line.contains(".csv"), "{line}");
    }
    assert!(before == contents(&data), "a file has changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_never_tells_the_secret_and_keeps_it_private() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut child = product()
        .args(["--listen", "127.0.0.1:0", "--log-level", "debug", "--data-folder"])
        .arg(&data)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    while !said.contains("/openapi.json") {
        assert!(lines.read_line(&mut said).unwrap() > 0, "it ended: {said}");
    }
    let token = fs::read_to_string(data.join("token")).unwrap();
    let url = said.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned();
    fill(&tests::Http::new(&url, token.trim())).await;
    child.kill().unwrap();
    lines.read_to_string(&mut said).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    child.wait().unwrap();

    let secret = token.trim().rsplit('_').next().unwrap();
    assert!(secret.len() >= 40, "a short secret");
    assert!(!said.contains(secret), "the secret was told");
    assert!(said.contains(&data.join("token").display().to_string()), "{said}");
    for name in ["token", "keys.db", "master.key", "installation.key", "annals.addr"] {
        let mode = fs::metadata(data.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_serves_at_once_what_the_first_one_took() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    installation(&data).await;
    let token = fs::read(data.join("token")).unwrap();
    let starting = tokio::task::spawn_blocking(move || Process::start(&data));
    let process = tokio::time::timeout(Duration::from_secs(10), starting).await;
    let process = process.expect("it takes too long").unwrap();
    process.http().settled().await;
    let ready = process.http().get("/readyz").await;
    assert!(ready.status.is_success(), "{}", ready.text());
    let accounts = process.http().get("/accounts").await.ok();
    assert_eq!(accounts["items"].as_array().unwrap().len(), 5);
    assert_eq!(fs::read(folder.path().join("data/token")).unwrap(), token);
}
