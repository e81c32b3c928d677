//! A write or a flush of the data folder fails, at every place where a short script makes one.
//!
//! A flush that fails drops the bytes for good, so whatever was acknowledged after it is found
//! missing. `ANNALS_EVERY=1` takes every place; without it a seed chooses some.

use std::{
    process::{ExitStatus, Stdio},
    time::Duration,
};

use axum::http::Method;
use events_log::bus::nemesis::Dice;
use serde_json::{Value, json};
use tests::{Http, Launch, annals, number_from};
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use super::shim::{Disk, EIO, KILL, Rule};

/// How many commands the script sends.
const COMMANDS: usize = 10;
/// A place is tried with one chance in this many where not all are wanted.
const SPARSE: u64 = 4;
/// How long a command may take to be answered, also when it never is.
const PATIENCE: Duration = Duration::from_secs(30);

/// One run of these tests at a time: each has a core of its own that way.
static TURN: Mutex<()> = Mutex::const_new(());

pub(crate) async fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().await
}

/// An installation that was closed in order.
pub(crate) fn founded() -> Disk {
    let disk = Disk::new();
    assert!(disk.start().terminate().success());
    disk
}

/// What became of one run of the script.
struct Seen {
    /// The accounts whose making was acknowledged.
    acknowledged: Vec<Uuid>,
    /// Whether the rule had anything to fail.
    is_hit: bool,
    /// How the process ended, where it ended by itself.
    ended: Option<ExitStatus>,
}

/// Runs the script on a copy of `from` whose disk fails by that rule, from the start of the process
/// on, then takes the power away and holds what is left against what was acknowledged.
async fn script(from: &Disk, rule: Rule, planted: Option<&str>, dice: &mut Dice) -> Seen {
    let disk = Disk::copy_of(from);
    let launch = match planted {
        None => disk.launch(),
        Some(mistake) => disk.under(Launch::planted(mistake, &disk.data())),
    };
    disk.fail(&[rule]);
    let mut seen = Seen { acknowledged: Vec::new(), is_hit: false, ended: None };
    // A start that meets the failure is refused, or goes on without what failed.
    match launch.errors_to(Stdio::null()).try_start() {
        Err(ended) => seen.ended = Some(ended),
        Ok(mut process) => {
            let http = process.http().with_patience(PATIENCE);
            for _ in 0..COMMANDS {
                match create(&http).await {
                    Some(account) => seen.acknowledged.push(account),
                    None => break,
                }
            }
            if is_of_the_log(&rule) && disk.matched(0) >= rule.first && planted.is_none() {
                seen.ended = Some(process.ended().await);
            } else {
                process.kill();
            }
        }
    }
    seen.is_hit = disk.matched(0) >= rule.first;
    disk.cut_power(dice);
    let process = disk.start();
    let http = process.http();
    http.settled().await;
    for account in &seen.acknowledged {
        let answer = http.get(&format!("/accounts/{account}")).await;
        assert!(answer.status.is_success(), "{rule:?}: {account} was acknowledged and is lost");
    }
    assert!(create(&http).await.is_some(), "{rule:?}: nothing is accepted any more");
    assert!(process.terminate().success());
    let verified = annals(&["--data-folder", &disk.data().display().to_string(), "verify"]);
    assert!(verified.status.success(), "{rule:?}: {}", String::from_utf8_lossy(&verified.stdout));
    seen
}

/// Makes an account; its id, if that was acknowledged.
async fn create(http: &Http) -> Option<Uuid> {
    let body = json!({ "name": "Contoso" }).to_string().into_bytes();
    let headers = [("content-type", "application/json")];
    let sent = http.try_send(Method::POST, "/commands/CreateAccount", &headers, body).await;
    let answer = sent.ok().filter(|answer| answer.status.is_success())?;
    let answer: Value = answer.json();
    Some(answer["record"]["id"].as_str().unwrap().parse().unwrap())
}

/// Whether it is a write or a flush of a commit of the log that fails, not one of its copying.
fn is_of_the_log(rule: &Rule) -> bool {
    rule.path == "log.db-wal" && rule.errno != KILL
}

/// Fails one place after the other until the script does not get as far.
async fn everywhere(kinds: &'static str, path: &'static str, count: Option<u64>, errno: i32) {
    let _turn = turn().await;
    let every = number_from("ANNALS_EVERY").is_some();
    let mut dice = Dice::new(number_from("ANNALS_SEED").unwrap_or(20_261_127));
    let from = founded();
    let (mut tried, mut first) = (0, 0);
    loop {
        first += 1;
        // The first place always, so that no run is without one.
        if first > 1 && !every && dice.roll(SPARSE) > 0 {
            continue;
        }
        let rule = Rule { kinds, path, first, count, errno };
        let seen = script(&from, rule, None, &mut dice).await;
        if !seen.is_hit {
            break;
        }
        tried += 1;
        if let Some(ended) = seen.ended {
            // By the signal, where that is what happened to it.
            assert!(!ended.success() && ended.code() != Some(101), "{rule:?}: {ended}");
            assert!(seen.acknowledged.len() < COMMANDS, "{rule:?}: it was acknowledged");
        }
    }
    assert!(tried > 0, "nothing of {path} was ever hit");
    eprintln!("{kinds} of {path}, {count:?}, errno {errno}: {tried} of {first} places");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flush_of_the_log_that_fails_once_ends_the_process_and_acknowledges_nothing() {
    everywhere("s", "log.db-wal", Some(1), EIO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flush_of_the_log_that_fails_for_ever_ends_the_process_and_acknowledges_nothing() {
    everywhere("s", "log.db-wal", None, EIO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_of_the_log_that_fails_ends_the_process_and_acknowledges_nothing() {
    everywhere("wt", "log.db-wal", Some(1), EIO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_the_keys_file_loses_nothing_that_was_acknowledged() {
    everywhere("swtc", "keys.db-wal", Some(1), EIO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_the_read_models_file_loses_nothing_that_was_acknowledged() {
    everywhere("swtc", ".db-wal", Some(1), EIO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_in_the_middle_of_any_write_or_flush_loses_nothing() {
    everywhere("swtc", "*", Some(1), KILL).await;
}

/// The script with one flush of the log that fails.
pub(crate) async fn flush_fails(from: &Disk, first: u64, planted: Option<&str>) {
    let rule = Rule { kinds: "s", path: "log.db-wal", first, count: Some(1), errno: EIO };
    script(from, rule, planted, &mut Dice::new(first)).await;
}
