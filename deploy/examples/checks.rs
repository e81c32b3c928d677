//! How long the checks of a log take, on a log of N events that is made for it:
//! `cargo run --release -p deploy --example checks -- <folder> <events>`.

#![expect(clippy::print_stdout, reason = "it says what it measured")]
#![expect(clippy::unwrap_used, reason = "it ends where something is not as it has to be")]

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant as Stopwatch},
};

use bytes::Bytes;
use deploy::verify::verify;
use events::{
    Actor, ActorKind, Cause, Channel, Instant, NewEvent, Version,
    evidence::sha256,
    ids::{Category, CommandId, LogId, StreamName},
};
use events_log::store::{
    Append, EventStore as _, Fingerprint, StreamReader as _,
    audit::Audit as _,
    ladder::unheard,
    sqlite::{OpenOptions, SqliteStore},
};
use rusqlite::Connection;
use uuid::Uuid;

/// How many events a record has.
const LENGTH: u64 = 4;
/// How many commands go into one commit.
const BATCH: u64 = 1_000;
/// How many records are loaded one by one.
const LOADED: u64 = 20_000;
/// A payload that can be decoded.
const PAYLOAD: &[u8] = br#"{"data":{"key":"00000000-0000-4000-8000-000000000001","owner":{"type":"user","id":"00000000-0000-4000-8000-000000000007"},"customer_type":"Customer","name":"Contoso, maker of chairs and of the tables that go with them","industry":"retail","website":"https://contoso.example","employees":120}}"#;

fn stream(n: u64) -> StreamName {
    // As ids that come in no order do.
    let id = Uuid::new_v5(&Uuid::nil(), &n.to_be_bytes());
    StreamName { category: Category::Account, id }
}

fn append(n: u64, version: u64) -> Append {
    let command_id = CommandId(Uuid::new_v5(&stream(n).id, &version.to_be_bytes()));
    let actor = Actor { kind: ActorKind::User, id: Uuid::from_u128(7) };
    let event = NewEvent {
        event_id: command_id.event(0),
        event_type: events::EventType::new("account.created", 1),
        effective_at: None,
        cause: Cause {
            actor,
            on_behalf_of: None,
            channel: Channel::Api,
            command_id,
            causation_id: command_id.0,
            correlation_id: command_id.0,
        },
        payload: Bytes::from_static(PAYLOAD),
        payload_sha256: sha256(PAYLOAD),
    };
    Append {
        command_id,
        fingerprint: Fingerprint([7; 32]),
        actor,
        stream: stream(n),
        expected: Version(version),
        events: vec![event],
    }
}

fn open(path: &Path) -> SqliteStore {
    let options = OpenOptions {
        log_id: LogId(Uuid::from_u128(1)),
        clock: Arc::new(|| Instant::from_micros(1_767_225_600_000_000)),
        readers: 2,
        hear: unheard(),
    };
    SqliteStore::open(path, options).unwrap()
}

fn told(what: &str, took: Duration) {
    println!("{what:<50} {:>10.3} s", took.as_secs_f64());
}

async fn make(store: &SqliteStore, events: u64) {
    let records = events / LENGTH;
    for version in 0..LENGTH {
        for first in (0..records).step_by(usize::try_from(BATCH).unwrap()) {
            let batch = (first..records.min(first + BATCH)).map(|n| append(n, version)).collect();
            for answer in store.append(batch).await {
                answer.unwrap();
            }
        }
    }
}

/// Makes of the log one of the first format, as an older build wrote it.
fn lower(path: &Path) {
    let log = Connection::open(path).unwrap();
    log.execute_batch(
        "alter table events drop column before_position; \
         alter table events drop column before_leaf; \
         alter table commands drop column checksum; \
         alter table attempts drop column token; \
         alter table attempts drop column count; \
         alter table attempts drop column checksum; \
         alter table process_checkpoints drop column checksum; \
         pragma user_version = 1; pragma wal_checkpoint(truncate);",
    )
    .unwrap();
    log.close().unwrap();
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap();
    let events: u64 = arguments.next().unwrap().parse().unwrap();
    fs::create_dir_all(&folder).unwrap();
    let path = Path::new(&folder).join("log.db");

    let at = Stopwatch::now();
    let store = open(&path);
    make(&store, events).await;
    told("made", at.elapsed());
    store.shutdown().await;
    println!("{} bytes", fs::metadata(&path).unwrap().len());

    let at = Stopwatch::now();
    let store = open(&path);
    told("opened, with the look at the end", at.elapsed());

    let at = Stopwatch::now();
    for n in 0..LOADED {
        // Here and there.
        let stream = stream(n * 7_919 % (events / LENGTH));
        assert_eq!(store.read_stream(stream, Version::NONE, 1_000).await.unwrap().len(), 4);
    }
    told("20,000 records loaded one by one", at.elapsed());

    let at = Stopwatch::now();
    let hear = Arc::new(|_: &'static str, _, _| {});
    let audited = store.audit(hear.clone()).await.unwrap();
    told("the store against itself", at.elapsed());
    assert!(audited.found.is_empty(), "{:?}", audited.found);
    let at = Stopwatch::now();
    let verified = verify(&store, store.log_id(), hear).await.unwrap();
    told("verify", at.elapsed());
    assert_eq!(verified.first(), None);
    let at = Stopwatch::now();
    let copy = Path::new(&folder).join("copy.db");
    store.backup_to(&copy).await.unwrap();
    told("backup: copied", at.elapsed());
    let at = Stopwatch::now();
    assert!(SqliteStore::check_copy(&copy).unwrap().found.is_empty());
    told("backup: the copy checked", at.elapsed());
    store.shutdown().await;

    let at = Stopwatch::now();
    lower(&copy);
    told("(lowered to the first format)", at.elapsed());
    let at = Stopwatch::now();
    open(&copy).shutdown().await;
    told("carried over from the first format", at.elapsed());
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM"));
    println!("{}", peak.unwrap_or_default());
}
