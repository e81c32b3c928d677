//! One bit of the log's file flips: every answer stays the same, or what the flip touches says so, or
//! `verify` does. Nothing else comes of it: no record begins anew and no command happens twice but
//! where a look-up misses, which `verify` tells.

use std::{fs, path::Path, sync::Arc};

use deploy::verify::verify;
use events::{
    Instant, Position, Recorded, Version,
    ids::{CommandId, StreamName},
};
use events_log::store::{
    Append, AppendError, EventFeed as _, EventStore as _, Fingerprint, LedgerEntry,
    RecordedAttempt, StoreError, StreamReader as _,
    contract::{ACTOR, event},
    sqlite::SqliteStore,
};
use tests::Annals;
use uuid::Uuid;

use super::{Flip, Flipped, Outcome, case, flips, lived, run, without_journals};

/// How many flips are tried where nothing else is said.
const SAMPLE: usize = 400;
/// The name under which the process managers keep their place.
const CHECKPOINT: &str = "processes";

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

impl Flipped for Case {
    async fn flip(&self, folder: &Path, flip: Flip) -> Result<Outcome, String> {
        let path = folder.join("log.db");
        without_journals(&path);
        fs::write(&path, flip.of(&self.bytes)).unwrap();
        let Ok(store) = open(&path) else { return Ok(Outcome::Loud) };
        let judged = self.judge(&store).await;
        store.shutdown().await;
        judged
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

#[test]
fn no_flipped_bit_of_the_log_is_silent() {
    let case = case(Case::new());
    let flips = flips(&[&case.bytes], SAMPLE);
    run("the log", &case, &flips);
}
