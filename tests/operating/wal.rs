//! Write-ahead logs stay short while a load writes several times their bound and questions are
//! asked, and are gone after an end in order.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Value, json};
use tests::{Http, Process, annals, until};

const MIB: u64 = 1024 * 1024;
/// No write-ahead log is longer, with the batch on top of its bound.
const BOUND: u64 = 128 * MIB;
/// How much is written at the least, in all of them together.
const LOAD: u64 = 3 * 96 * MIB;
/// So many commands in a list, and so long a text in each.
const COMMANDS: usize = 500;
const TEXT: usize = 6_000;

/// Every write-ahead log below a folder.
fn logs(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| if path.is_dir() { logs(&path) } else { vec![path] })
        .filter(|path| path.to_str().unwrap().ends_with("-wal"))
        .collect()
}

/// How long they are now; one that goes while it is looked at has no length.
fn lengths(folder: &Path) -> Vec<(PathBuf, u64)> {
    let length = |path: &PathBuf| fs::metadata(path).map_or(0, |metadata| metadata.len());
    logs(folder).into_iter().map(|path| (path.clone(), length(&path))).collect()
}

/// Looks at them until it is told to stop: the longest that each was, and how much went in.
async fn watch(data: PathBuf, is_over: Arc<AtomicBool>) -> (u64, u64) {
    let (mut longest, mut written) = (0, 0);
    let mut before = lengths(&data);
    while !is_over.load(Ordering::Relaxed) {
        let now = lengths(&data);
        for (path, length) in &now {
            let was = before.iter().find(|(known, _)| known == path).map_or(0, |(_, was)| *was);
            written += length.saturating_sub(was);
            assert!(*length <= BOUND, "{} has {} MiB", path.display(), length / MIB);
            longest = longest.max(*length);
        }
        before = now;
        tokio::task::yield_now().await;
    }
    (longest, written)
}

async fn ask(http: Http, is_over: Arc<AtomicBool>) -> u64 {
    let mut answered = 0;
    while !is_over.load(Ordering::Relaxed) {
        for path in ["/accounts?limit=200&fresh=false", "/expected-revenue?fresh=false"] {
            http.get(path).await.ok();
            answered += 1;
        }
    }
    answered
}

async fn write(http: &Http, list: usize) {
    let one = |number: usize| {
        // Text of the test's own that no page has twice.
        let text = format!("{list}-{number} ").repeat(TEXT / 8);
        let data = json!({ "name": format!("Account {list} {number}"), "description": text });
        json!({ "type": "CreateAccount", "data": data })
    };
    let items: Vec<Value> = (0..COMMANDS).map(one).collect();
    http.post("/commands", &[], &json!(items)).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn write_ahead_logs_stay_within_their_bound_and_are_gone_after_an_end_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let process = Process::start(&data);
    let http = process.http();
    let is_over = Arc::new(AtomicBool::new(false));
    let watching = tokio::spawn(watch(data.clone(), is_over.clone()));
    let asking: Vec<_> = (0..3).map(|_| tokio::spawn(ask(http.clone(), is_over.clone()))).collect();
    let read = data.join("read");
    let size = || {
        let files = fs::read_dir(&read).unwrap().map(|entry| entry.unwrap().metadata().unwrap());
        files.map(|file| file.len()).sum::<u64>()
    };
    let mut list = 0;
    while size() < LOAD {
        write(&http, list).await;
        list += 1;
    }
    http.settled().await;
    is_over.store(true, Ordering::Relaxed);
    let (longest, written) = watching.await.unwrap();
    for asker in asking {
        assert!(asker.await.unwrap() > 0);
    }
    assert!(written > LOAD, "only {} MiB went through them", written / MIB);
    assert!(longest > BOUND / 4, "none was longer than {} MiB: nothing was seen", longest / MIB);

    // After the load they are cleared away: those of the rows by themselves.
    let rows = read.join("read-1.db-wal");
    until("the log of the rows is short again", async || {
        fs::metadata(&rows).map_or(0, |metadata| metadata.len()) < 2 * MIB
    })
    .await;

    // The same while they are made again beside the live ones.
    let is_over = Arc::new(AtomicBool::new(false));
    let watching = tokio::spawn(watch(data.clone(), is_over.clone()));
    let path = data.display().to_string();
    let replayed = tokio::task::spawn_blocking(move || annals(&["--data-folder", &path, "replay"]));
    let replayed = replayed.await.unwrap();
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    is_over.store(true, Ordering::Relaxed);
    watching.await.unwrap();

    assert!(process.terminate().success());
    assert_eq!(logs(&data), Vec::<PathBuf>::new());
}
