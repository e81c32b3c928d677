//! Commands that have to be refused: one line, an exit code, nothing touched.

use std::{collections::BTreeMap, fs, os::unix::fs::DirBuilderExt, path::Path, process::Output};

use serde_json::json;
use tests::{Http, Process, annals};

/// The codes of `annals`, as its help and its operators know them.
pub(crate) const USAGE: i32 = 2;
pub(crate) const FOLDER: i32 = 3;
pub(crate) const TAMPERED: i32 = 6;

/// Runs a command that has to end with this code and one line on standard error.
#[track_caller]
pub(crate) fn refused(arguments: &[&str], code: i32) -> String {
    one_line(&annals(arguments), code)
}

/// The one line that a command said before it ended with this code.
#[track_caller]
pub(crate) fn one_line(output: &Output, code: i32) -> String {
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{told}");
    assert_eq!(told.trim_end().lines().count(), 1, "{told}");
    assert!(told.starts_with("annals: "), "{told}");
    told
}

/// Every file below a folder with its bytes; the lock, which only says whose the folder is, is not
/// one of them.
pub(crate) fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name != "annals.lock") {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// Copies a data folder that nobody uses.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::DirBuilder::new().mode(0o700).create(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let copy = to.join(path.file_name().unwrap());
        if path.is_file() {
            fs::copy(&path, &copy).unwrap();
        }
    }
}

/// Makes an installation with a few records at `data`, and ends it in order.
pub(crate) async fn installation(data: &Path) {
    let process = Process::start(data);
    fill(&process.http()).await;
    assert!(process.terminate().success());
}

/// A few records of several kinds.
pub(crate) async fn fill(http: &Http) {
    for number in 0..5 {
        let name = format!("Contoso {number}");
        let account = http.accept("CreateAccount", json!({ "name": name })).await;
        let parent = json!({ "type": "account", "id": account.id });
        let contact = json!({ "first_name": "Ana", "last_name": "Souza", "parent": parent });
        http.accept("CreateContact", contact).await;
        let opportunity = json!({ "topic": "Chairs", "customer": parent, "currency": "BRL" });
        http.accept("CreateOpportunity", opportunity).await;
    }
}
