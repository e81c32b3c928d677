//! One bit of the log's file flips: every answer stays the same, or what the flip touches says so, or
//! `verify` does. Nothing else comes of it: no record begins anew and no command happens twice but
//! where a look-up misses, which `verify` tells.
//!
//! A seeded sample by default; `ANNALS_FLIPS=all` flips one bit of every byte.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use deploy::verify::verify;
use events::{
    Instant, Position, Recorded, Version,
    ids::{CommandId, StreamName},
    store::{
        Append, AppendError, EventFeed as _, EventStore as _, Fingerprint, LedgerEntry,
        RecordedAttempt, StoreError, StreamReader as _,
        contract::{ACTOR, event},
        sqlite::SqliteStore,
    },
};
use serde_json::json;
use tests::{Annals, Dice};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

/// How many flips are tried where nothing else is said.
const SAMPLE: usize = 400;
/// The name under which the process managers keep their place.
const CHECKPOINT: &str = "processes";

/// A few of everything: accounts, contacts, deals, quotes, orders, refusals, a token that was revoked.
async fn lived(annals: &Annals) {
    for number in 0..2 {
        let name = format!("Contoso {number}");
        let account = annals.accept("CreateAccount", json!({ "name": name })).await.id;
        let customer = json!({ "type": "account", "id": account });
        let person = json!({ "first_name": "Ana", "last_name": "Souza", "parent": customer });
        let contact = annals.accept("CreateContact", person).await.id;
        let deal = json!({ "topic": "Chairs", "customer": customer, "contact": contact });
        let deal = annals.accept("CreateOpportunity", deal).await.id;
        let quote = annals.accept("StartQuote", json!({ "opportunity": deal })).await.id;
        let line = json!({
            "quote_id": quote, "product": "Chair", "quantity": "3", "unit_price": "150.10",
        });
        annals.accept("AddQuoteLine", line).await;
        annals.accept("ActivateQuote", json!({ "quote_id": quote })).await;
        let accept = json!({ "quote_id": quote, "close_opportunity": "won" });
        annals.accept("AcceptQuote", accept).await;
        annals
            .command("ActivateQuote", json!({ "quote_id": quote }))
            .await
            .refused("quote.not_draft");
    }
    let user = annals.user("Bea").await;
    let (token, _) = annals.token_for(user, &["read"]).await;
    annals.accept("RevokeToken", json!({ "token_id": token })).await;
}

/// What a log answers.
struct Answers {
    feed: Result<Vec<Arc<Recorded>>, StoreError>,
    streams: Vec<Result<Vec<Arc<Recorded>>, StoreError>>,
    ledger: Vec<Result<Option<LedgerEntry>, StoreError>>,
    attempts: Result<Vec<RecordedAttempt>, StoreError>,
    checkpoint: Result<Position, StoreError>,
}

/// What is asked.
struct Questions {
    streams: Vec<StreamName>,
    commands: Vec<CommandId>,
}

impl Questions {
    async fn ask(&self, store: &SqliteStore) -> Answers {
        let mut streams = Vec::new();
        for stream in &self.streams {
            streams.push(store.read_stream(*stream, Version::NONE, 1_000).await);
        }
        let mut ledger = Vec::new();
        for command in &self.commands {
            let found = store.lookup(vec![*command]).await;
            ledger.push(found.map(|found| found.into_iter().next().flatten()));
        }
        Answers {
            feed: store.read(Position::START, 10_000).await,
            streams,
            ledger,
            attempts: store.attempts(0, 1_000).await,
            checkpoint: store.checkpoint(CHECKPOINT).await,
        }
    }
}

/// What came of a flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Harmless,
    Loud,
    Told,
}

/// The installation whose log is flipped.
struct Case {
    bytes: Vec<u8>,
    questions: Questions,
    answers: Answers,
}

fn open(path: &Path) -> Result<SqliteStore, String> {
    let clock = Arc::new(|| Instant::from_micros(4_000_000_000_000_000));
    SqliteStore::open_existing(path, clock, 1).map_err(|error| error.to_string())
}

impl Case {
    async fn new() -> Self {
        let mut annals = Annals::start().await;
        lived(&annals).await;
        annals.stop().await;
        let path = annals.data().join("log.db");
        let bytes = fs::read(&path).unwrap();
        assert!(!path.with_file_name("log.db-wal").exists(), "it was stopped in order");
        let store = open(&path).unwrap();
        let events = store.read(Position::START, 10_000).await.unwrap();
        let mut streams: Vec<StreamName> = events.iter().map(|event| event.stream).collect();
        streams.sort_unstable_by_key(ToString::to_string);
        streams.dedup();
        let ledger = store.ledger_page(None, 10_000).await.unwrap();
        let commands = ledger.iter().map(|entry| entry.command_id).collect();
        let questions = Questions { streams, commands };
        let answers = questions.ask(&store).await;
        assert!(answers.attempts.as_ref().is_ok_and(|attempts| attempts.len() >= 2));
        assert!(answers.checkpoint.as_ref().is_ok_and(|at| *at > Position::START));
        let verified = verify(&store, store.log_id(), Arc::new(|_, _, _| {})).await.unwrap();
        assert_eq!(verified.first(), None, "what was not flipped is found");
        store.shutdown().await;
        Self { bytes, questions, answers }
    }

    /// Flips a bit; what came of it, or what was silent about it.
    async fn flip(&self, path: &Path, offset: usize, bit: u8) -> Result<Outcome, String> {
        let mut bytes = self.bytes.clone();
        bytes[offset] ^= 1 << bit;
        for ending in ["-wal", "-shm"] {
            fs::remove_file(path.with_file_name(format!("log.db{ending}"))).ok();
        }
        fs::write(path, bytes).unwrap();
        let Ok(store) = open(path) else { return Ok(Outcome::Loud) };
        let judged = self.judge(&store).await;
        store.shutdown().await;
        judged
    }

    async fn judge(&self, store: &SqliteStore) -> Result<Outcome, String> {
        let found = self.questions.ask(store).await;
        let mut differs = Differs::default();
        differs.compare(&self.answers.feed, &found.feed);
        differs.compare(&self.answers.attempts, &found.attempts);
        differs.compare(&self.answers.checkpoint, &found.checkpoint);
        let mut missed = Vec::new();
        for ((expected, found), stream) in
            self.answers.streams.iter().zip(&found.streams).zip(&self.questions.streams)
        {
            if differs.compare(expected, found) {
                if found.as_ref().is_ok_and(|events| !events.is_empty()) {
                    return Err(format!("{stream} is another"));
                }
                missed.push(*stream);
            }
        }
        for (expected, found) in self.answers.ledger.iter().zip(&found.ledger) {
            if differs.compare(expected, found) && found.as_ref().is_ok_and(Option::is_some) {
                return Err("a command has another answer".to_owned());
            }
        }
        let told = if differs.silently {
            let hear = Arc::new(|_, _, _| {});
            let verified = verify(store, store.log_id(), hear).await;
            if verified.is_ok_and(|verified| verified.first().is_none()) {
                return Err("an answer is another and verify finds nothing".to_owned());
            }
            Outcome::Told
        } else if differs.loudly {
            Outcome::Loud
        } else {
            Outcome::Harmless
        };
        self.begin_anew(store, &missed).await?;
        Ok(told)
    }

    /// No record begins anew, but where the look-up misses it.
    async fn begin_anew(&self, store: &SqliteStore, missed: &[StreamName]) -> Result<(), String> {
        let begin = |(n, stream): (usize, &StreamName)| {
            let command_id = CommandId(Uuid::from_u128(0xF11 + n as u128));
            Append {
                command_id,
                fingerprint: Fingerprint([1; 32]),
                actor: ACTOR,
                stream: *stream,
                expected: Version::NONE,
                events: vec![event(command_id, 0, "anew")],
            }
        };
        let batch = self.questions.streams.iter().enumerate().map(begin).collect();
        let answers = store.append(batch).await;
        for (answer, stream) in answers.iter().zip(&self.questions.streams) {
            let refused = matches!(
                answer,
                Err(AppendError::Conflict { actual }) if *actual > Version::NONE
            ) || matches!(answer, Err(AppendError::Store(_)));
            if !refused && !missed.contains(stream) {
                return Err(format!("{stream} begins anew: {answer:?}"));
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Differs {
    silently: bool,
    loudly: bool,
}

impl Differs {
    /// Whether an answer is silently another.
    fn compare<T: PartialEq>(
        &mut self,
        expected: &Result<T, StoreError>,
        found: &Result<T, StoreError>,
    ) -> bool {
        match (expected, found) {
            (Ok(expected), Ok(found)) => {
                self.silently |= expected != found;
                expected != found
            }
            (_, Err(_)) | (Err(_), Ok(_)) => {
                self.loudly = true;
                false
            }
        }
    }
}

/// Which bits are flipped.
#[expect(clippy::disallowed_methods, reason = "how much is tried is said by who starts the run")]
fn flips(length: usize) -> Vec<(usize, u8)> {
    let mut dice = Dice::new(11);
    let mut bit = || u8::try_from(dice.roll(8)).unwrap_or(0);
    let asked = std::env::var("ANNALS_FLIPS").unwrap_or_default();
    if asked == "all" {
        return (0..length).map(|offset| (offset, bit())).collect();
    }
    let count = asked.parse().unwrap_or(SAMPLE);
    let mut dice = Dice::new(12);
    // The header and the schema are few bytes that everything hangs on: more of them.
    let mut offset = |n: usize| {
        let end = if n.is_multiple_of(8) { 4_096.min(length) } else { length };
        usize::try_from(dice.roll(end as u64)).unwrap_or(0)
    };
    (0..count).map(|n| (offset(n), bit())).collect()
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn no_flipped_bit_of_the_log_is_silent() {
    let case = Builder::new_multi_thread().enable_all().build().unwrap().block_on(Case::new());
    let flips = flips(case.bytes.len());
    let next = AtomicUsize::new(0);
    let work = || {
        let folder = tempfile::tempdir().unwrap();
        let (path, runtime) = (folder.path().join("log.db"), runtime());
        let mut seen = Vec::new();
        while let Some(&(offset, bit)) = flips.get(next.fetch_add(1, Ordering::Relaxed)) {
            seen.push((offset, bit, runtime.block_on(case.flip(&path, offset, bit))));
        }
        seen
    };
    let seen: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let count = |outcome| seen.iter().filter(|(.., found)| *found == Ok(outcome)).count();
    let silent: Vec<_> = seen.iter().filter(|(.., found)| found.is_err()).collect();
    eprintln!(
        "{} of {} bytes flipped: {} harmless, {} loud, {} told by verify, {} silent",
        flips.len(),
        case.bytes.len(),
        count(Outcome::Harmless),
        count(Outcome::Loud),
        count(Outcome::Told),
        silent.len()
    );
    let first: Vec<_> = silent.iter().take(20).collect();
    assert!(silent.is_empty(), "offset, bit, what: {first:#?}");
}
