//! One bit of the file of keys flips. Nobody is taken for erased who was not, nothing that was destroyed
//! is there again, and what cannot be read any more says so.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::{Arc, Mutex},
};

use deploy::verify_keys::verify_keys;
use events::{
    Instant, Payload, Position, Recorded,
    ids::{KeyId, LogId},
};
use events_log::{
    keys::{
        BareKey, KeyBatch, KeyEraser as _, KeyError, KeyFiles, KeyReader as _, KeyState,
        KeyStore as _, SqliteKeyReader, SqliteKeys, Unsealer, sealed_keys,
    },
    store::{EventFeed as _, StreamReader as _, sqlite::SqliteStore},
};
use tests::Annals;

use super::{Flip, Flipped, Outcome, case, flips, lived, run, without_journals};

/// How many flips are tried where nothing else is said.
const SAMPLE: usize = 400;

/// What is known of a key, without the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Here,
    Destroyed,
    Unknown,
    Damaged,
}

impl Known {
    const fn of(state: &KeyState) -> Self {
        match state {
            KeyState::Here(_) => Self::Here,
            KeyState::Destroyed => Self::Destroyed,
            KeyState::Unknown => Self::Unknown,
            KeyState::Damaged => Self::Damaged,
        }
    }
}

/// The installation whose keys are flipped.
struct Case {
    _annals: Mutex<Annals>,
    log: LogId,
    store: Arc<SqliteStore>,
    master_key: Vec<u8>,
    bytes: Vec<u8>,
    /// All keys, those that the log names among them, and one that was destroyed.
    ids: Vec<KeyId>,
    known: Vec<Known>,
    events: Vec<Arc<Recorded>>,
    payloads: Vec<Payload>,
    batch: KeyBatch,
    exported: Vec<BareKey>,
}

fn files(folder: &Path, log: LogId) -> KeyFiles {
    KeyFiles {
        keys: folder.join("keys.db"),
        master_key: folder.join("master.key"),
        log,
        may_create: false,
    }
}

impl Case {
    async fn new() -> Self {
        let mut annals = Annals::start().await;
        lived(&annals).await;
        annals.stop().await;
        let data = annals.data();
        let clock = Arc::new(|| Instant::from_micros(4_000_000_000_000_000));
        let store = Arc::new(SqliteStore::open_existing(data.join("log.db"), clock, 1).unwrap());
        let log = store.log_id();
        let events = store.read(Position::START, 10_000).await.unwrap();
        let keys = SqliteKeys::open(&files(&data, log)).unwrap();
        let destroyed = keys.take().await.unwrap();
        keys.destroy(destroyed).await.unwrap();
        let exported =
            SqliteKeyReader::open(&files(&data, log)).unwrap().export(None, 10_000).await;
        let exported = exported.unwrap();
        let mut ids: Vec<_> = exported.iter().map(BareKey::id).collect();
        for event in &events {
            let named = sealed_keys(&mut Payload::decode(&event.event).unwrap());
            assert!(named.iter().all(|id| ids.contains(id)), "a key is missing that the log names");
        }
        ids.push(destroyed);
        let batch = keys.newest_batch().await.unwrap().unwrap();
        let states = keys.keys(ids.clone()).await.unwrap();
        let known: Vec<_> = states.iter().map(Known::of).collect();
        assert_eq!(known.iter().filter(|known| **known == Known::Destroyed).count(), 1);
        let keys = Arc::new(keys);
        let payloads = unsealed(&Unsealer::new(keys.clone(), log), &events).await.unwrap();
        drop(keys);
        assert!(!data.join("keys.db-wal").exists(), "it was closed in order");
        let [bytes, master_key] =
            ["keys.db", "master.key"].map(|name| fs::read(data.join(name)).unwrap());
        Self {
            _annals: Mutex::new(annals),
            log,
            store,
            master_key,
            bytes,
            ids,
            known,
            events,
            payloads,
            batch,
            exported,
        }
    }

    /// What a look at the keys says.
    async fn look(&self, keys: &SqliteKeys) -> Result<Outcome, String> {
        let Ok(states) = keys.keys(self.ids.clone()).await else { return Ok(Outcome::Loud) };
        let mut outcome = Outcome::Harmless;
        for (id, (known, state)) in self.ids.iter().zip(self.known.iter().zip(&states)) {
            match (known, Known::of(state)) {
                (known, found) if *known == found => {}
                (_, Known::Unknown | Known::Damaged) => outcome = Outcome::Loud,
                (known, found) => return Err(format!("{} was {known:?}, is {found:?}", id.0)),
            }
        }
        Ok(outcome)
    }

    /// What whoever uses the keys sees.
    async fn judge(&self, folder: &Path, keys: &Arc<SqliteKeys>) -> Result<Outcome, String> {
        let mut outcome = self.look(keys).await?;
        // A start says of a store without the batch that the mark names that it is older.
        if !matches!(keys.has_batch(self.batch).await, Ok(true)) {
            outcome = Outcome::Loud;
        }
        let unsealer = Unsealer::new(keys.clone(), self.log);
        match unsealed(&unsealer, &self.events).await {
            Ok(payloads) if outcome == Outcome::Harmless && payloads != self.payloads => {
                return Err("a value is another".to_owned());
            }
            Ok(_) => {}
            Err(_) => outcome = Outcome::Loud,
        }
        if outcome == Outcome::Harmless && matches!(self.exports(folder).await, Ok(false)) {
            let found = verify_keys(&*self.store, &unsealer, |_, _| {}).await;
            if found.is_ok_and(|found| found.is_empty()) {
                return Err("other keys are carried over, and verify finds nothing".to_owned());
            }
            outcome = Outcome::Told;
        }
        Ok(outcome)
    }

    /// Whether another key store is given the same keys.
    async fn exports(&self, folder: &Path) -> Result<bool, KeyError> {
        let reader = SqliteKeyReader::open(&files(folder, self.log))?;
        let found = reader.export(None, 10_000).await?;
        let is_same = |(ours, theirs): (&BareKey, &BareKey)| ours.is_same(theirs);
        // What is made ahead at a start comes on top.
        let mut found =
            found.iter().filter(|key| self.exported.iter().any(|of| of.id() == key.id()));
        Ok(self.exported.iter().all(|key| found.next().is_some_and(|of| is_same((key, of)))))
    }
}

/// What the events say, with the personal values that can be read.
async fn unsealed(unsealer: &Unsealer, events: &[Arc<Recorded>]) -> Result<Vec<Payload>, KeyError> {
    let decode = |event: &Arc<Recorded>| Payload::decode(&event.event).unwrap();
    let mut payloads: Vec<_> = events.iter().map(decode).collect();
    unsealer.unseal(&mut payloads).await?;
    Ok(payloads)
}

impl Flipped for Case {
    async fn flip(&self, folder: &Path, flip: Flip) -> Result<Outcome, String> {
        let path = folder.join("keys.db");
        without_journals(&path);
        fs::write(&path, flip.of(&self.bytes)).unwrap();
        let master_key = folder.join("master.key");
        if !master_key.exists() {
            let mut made = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(master_key)
                .unwrap();
            made.write_all(&self.master_key).unwrap();
        }
        let Ok(keys) = SqliteKeys::open(&files(folder, self.log)) else { return Ok(Outcome::Loud) };
        let keys = Arc::new(keys);
        let outcome = self.judge(folder, &keys).await?;
        // It goes on: somebody is added, somebody is erased.
        if let Ok(key) = keys.take().await {
            keys.destroy(key).await.ok();
        }
        drop(keys);
        let Ok(keys) = SqliteKeys::open(&files(folder, self.log)) else { return Ok(Outcome::Loud) };
        Ok(match self.look(&keys).await? {
            Outcome::Harmless => outcome,
            later => later,
        })
    }
}

#[test]
fn no_flipped_bit_of_the_keys_is_silent() {
    let case = case(Case::new());
    let flips = flips(&[&case.bytes], SAMPLE);
    run("the keys", &case, &flips);
}
