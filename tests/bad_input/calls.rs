//! Runs the binary as the lines of a section say, and judges what it says and leaves.

use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output, Stdio},
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tests::{Deployment, Http, Process, binary, deployment, product, without_settings};

use crate::row::{Call, List, Proof, Row};

/// Nothing that it says of a wrong call is longer.
const LINE_MAX: usize = 1_000;

/// Makes every call and every import that the rows of a section say. The binary is the same whatever
/// is deployed: once is enough.
///
/// # Panics
/// With everything that is not as it has to be.
pub(crate) async fn run(rows: &[Row]) {
    if deployment() == Deployment::Cluster {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start_quietly(&folder.path().join("data"));
    let site = Site { http: process.http(), folder };
    let mut wrong = Vec::new();
    for row in rows {
        let place = format!("{}, {}", row.number, row.what);
        for (number, proof) in row.proofs.iter().enumerate() {
            let source = format!("line{}part{number}", row.number);
            prove(&site, &place, &source, proof, &mut wrong).await;
        }
        site.http.get("/accounts?limit=1").await.ok();
    }
    assert!(wrong.is_empty(), "{} wrong answers:\n{}", wrong.len(), wrong.join("\n"));
    assert!(process.terminate().success());
}

/// A running installation.
struct Site {
    http: Http,
    folder: TempDir,
}

impl Site {
    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }
}

async fn prove(site: &Site, place: &str, source: &str, proof: &Proof, wrong: &mut Vec<String>) {
    let mut told = |what: &str, outcome: Result<()>| {
        wrong.extend(outcome.err().map(|error| format!("{place}: {what}: {error:#}")));
    };
    match proof {
        Proof::Calls(calls) => {
            for call in calls {
                told(call.what, called(site, call).await);
            }
        }
        Proof::Lists(lists) => {
            for (number, list) in lists.iter().enumerate() {
                told(list.what, imported(site, &format!("{source}list{number}"), list).await);
            }
        }
        Proof::Asks(_) | Proof::Sends(_) | Proof::Journey(_) | Proof::Test(_) | Proof::Not(_) => {}
    }
}

/// One call, in a folder of its own.
async fn called(site: &Site, call: &Call) -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (name, bytes, mode) in &call.files {
        let path = folder.path().join(name);
        fs::write(&path, bytes)?;
        fs::set_permissions(&path, Permissions::from_mode(*mode))?;
    }
    let before = site.http.head().await;
    let mut command = match call.line {
        None => product(),
        Some(line) => {
            let mut bash = without_settings(Command::new("bash"));
            bash.args(["-c", line, "annals"]).arg(binary());
            bash
        }
    };
    command.current_dir(folder.path()).stdin(Stdio::null());
    let address = site.http.commands_url().trim_start_matches("http://");
    let filled = |it: &String| it.replace("{data}", &site.data()).replace("{address}", address);
    command.args(call.arguments.iter().map(filled));
    command.envs(call.environment.iter().map(|(name, value)| (name, value)));
    let output = command.output()?;
    judge(&output, call.code, call.says)?;
    ensure!(site.http.head().await == before, "something was appended");
    let known: BTreeSet<_> = call.files.iter().map(|(name, ..)| (*name).to_owned()).collect();
    ensure!(names(folder.path())? == known, "it left {:?}", names(folder.path())?);
    Ok(())
}

/// One list, by a mapping of its own.
async fn imported(site: &Site, source: &str, list: &List) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mapping = folder.path().join("mapping.toml");
    let text = format!(
        "source = \"{source}\"\n{}\n[[step]]\nfile = \"list.csv\"\nentity = \"account\"\n\
         command = \"CreateAccount\"\nkey = [\"#row\"]\n{}\n[step.fields]\n\
         account_id = {{ own = \"id\" }}\nname = {{ column = \"name\" }}\n{}\n",
        list.format, list.step, list.field,
    );
    fs::write(&mapping, text)?;
    fs::write(folder.path().join("list.csv"), &list.bytes)?;
    let before = position(site).await?;
    let mut command = product();
    command.args(["--data-folder", &site.data(), "import"]).arg(&mapping).stdin(Stdio::null());
    let output = command.output()?;
    judge(&output, list.code, list.says)?;
    let appended = position(site).await? - before;
    ensure!(appended == list.accepted, "{appended} events for {} rows", list.accepted);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(told.len() < 2 * LINE_MAX, "it repeats much: {} bytes", told.len());
    Ok(())
}

async fn position(site: &Site) -> Result<u64> {
    site.http.head().await.parse().context("a position")
}

/// What a call says and ends with. Where it fails, the last line says why, and one line is all of it
/// where nothing was done.
fn judge(output: &Output, code: i32, says: &str) -> Result<()> {
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.code() == Some(code),
        "{}, not {code}: {said:.500}{told:.500}",
        output.status
    );
    ensure!(!told.contains("panicked"), "{told:.1000}");
    ensure!(
        told.contains(says) || said.contains(says),
        "it does not say `{says}`: {said:.500}{told:.500}"
    );
    if code != 0 {
        let lines: Vec<_> = told.trim_end().lines().collect();
        let last = lines.last().context("it says nothing")?;
        ensure!(last.starts_with("annals: "), "{told:.500}");
        ensure!(last.len() <= LINE_MAX, "{} bytes: {last:.500}", last.len());
        ensure!(code == ROWS_REFUSED || lines.len() == 1, "more than one line: {told:.500}");
        for word in ["os error 22", "ParseIntError", "invalid digit", "unwrap", "TOML parse error"]
        {
            ensure!(!told.contains(word), "the language of a program: {told:.500}");
        }
    }
    Ok(())
}

const ROWS_REFUSED: i32 = 5;

/// What lies in a folder.
fn names(folder: &Path) -> Result<BTreeSet<String>> {
    let entries = fs::read_dir(folder)?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}
