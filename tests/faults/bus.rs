//! The read loop under a bus that loses, repeats, reorders, delays, forges and forgets: the rows of
//! every read model end equal to those of a fresh replay.
//!
//! `ANNALS_SEEDS` chooses how many seeds there are, `ANNALS_SEED` the first of them.

use std::{path::Path, sync::Arc, time::Duration};

use command_service::relay::relay;
use events::{Instant, NewEvent, Position, Recorded, ids::LogId};
use events_log::{
    bus::nemesis::{Dice, NemesisBus},
    keys::{KeyFiles, SqliteKeyReader, Unsealer},
    store::{
        Append, EventFeed, EventStore, Fingerprint, StreamReader,
        ladder::unheard,
        memory::MemoryStore,
        sqlite::{OpenOptions, SqliteStore},
    },
};
use projection_service::{
    compare::{Verdict, compare},
    follow::{Follow, Goal, Log, Progress},
    models::{self, ReadModels},
    read_store::{ReadStore, SqliteReadStore},
};
use serde_json::json;
use tests::{Annals, number_from};
use tokio::{sync::watch, task::JoinSet};

/// How many seeds run at once: mostly they wait for a bus that is late.
const TOGETHER: usize = 24;
const PATIENCE: Duration = Duration::from_secs(120);

/// What happened in a real installation, to happen again under every seed.
struct Past {
    log_id: LogId,
    unsealer: Unsealer,
    events: Vec<Arc<Recorded>>,
    models: Arc<ReadModels>,
    at: Instant,
}

/// A few sales from the first day to the order, with everything around them.
async fn lived(annals: &Annals) {
    for number in 0..3 {
        let name = format!("Contoso {number}");
        let account = annals.accept("CreateAccount", json!({ "name": name })).await.id;
        let customer = json!({ "type": "account", "id": account });
        let person = json!({ "first_name": "Ana", "last_name": "Souza", "parent": customer });
        let contact = annals.accept("CreateContact", person).await.id;
        let deal = json!({ "topic": "Chairs", "customer": customer, "contact": contact });
        let deal = annals.accept("CreateOpportunity", deal).await.id;
        for stage in ["Develop", "Propose", "Close"] {
            let body = json!({ "opportunity_id": deal, "stage": stage });
            annals.accept("ChangeOpportunityStage", body).await;
        }
        let quote = json!({ "opportunity": deal });
        let quote = annals.accept("StartQuote", quote).await.id;
        let line = json!({
            "quote_id": quote, "product": "Chair", "quantity": "3", "unit_price": "150.10",
        });
        annals.accept("AddQuoteLine", line).await;
        annals.accept("ActivateQuote", json!({ "quote_id": quote })).await;
        let accept = json!({ "quote_id": quote, "close_opportunity": "won" });
        annals.accept("AcceptQuote", accept).await;
    }
}

impl Past {
    async fn of(data: &Path) -> Self {
        let clock = Arc::new(|| Instant::from_micros(0));
        let options =
            OpenOptions { log_id: LogId(uuid::Uuid::nil()), clock, readers: 1, hear: unheard() };
        let store = SqliteStore::open(data.join("log.db"), options).unwrap();
        let log_id = store.log_id();
        let events = store.read(Position::START, 10_000).await.unwrap();
        let files = KeyFiles {
            keys: data.join("keys.db"),
            master_key: data.join("master.key"),
            log: log_id,
            may_create: false,
        };
        let keys = SqliteKeyReader::open(&files).unwrap();
        let unsealer = Unsealer::new(Arc::new(keys), log_id);
        let at = events.last().unwrap().recorded_at;
        let models = Arc::new(models::all().unwrap());
        Self { log_id, unsealer, events, models, at }
    }

    fn store(&self) -> Arc<MemoryStore> {
        let at = self.at;
        Arc::new(MemoryStore::new(self.log_id, Arc::new(move || at)))
    }

    /// Lets the next command happen again; answers with how many events it was.
    async fn repeat(&self, store: &MemoryStore, from: usize) -> usize {
        let first = &self.events[from];
        let command = first.event.cause.command_id;
        let same = self.events[from..]
            .iter()
            .take_while(|one| one.event.cause.command_id == command && one.stream == first.stream);
        let events: Vec<NewEvent> = same.map(|one| one.event.clone()).collect();
        let count = events.len();
        let append = Append {
            command_id: command,
            fingerprint: Fingerprint([0; 32]),
            actor: first.event.cause.actor,
            stream: first.stream,
            expected: events::Version(first.version.0 - 1),
            events,
        };
        store.append(vec![append]).await.pop().unwrap().unwrap();
        count
    }

    fn head(&self) -> Position {
        self.events.last().unwrap().position
    }
}

/// A read loop on a file of its own.
struct Reading {
    rows: Arc<SqliteReadStore>,
    goal: watch::Sender<Goal>,
    progress: watch::Receiver<Progress>,
    task: tokio::task::JoinHandle<()>,
}

impl Reading {
    fn start(past: &Past, store: Arc<MemoryStore>, bus: Option<NemesisBus>, path: &Path) -> Self {
        let rows = Arc::new(SqliteReadStore::open(path, past.models.tables()).unwrap());
        let (goal, goals) = watch::channel(Goal::default());
        let (sender, progress) = watch::channel(Progress::default());
        let follow = Follow {
            models: past.models.clone(),
            store: rows.clone(),
            log: Log {
                feed: store,
                bus: bus.map(|bus| Arc::new(bus) as _),
                unsealer: past.unsealer.clone(),
                log_id: past.log_id,
            },
            cache_bytes: 200_000,
            goal: goals,
            progress: sender,
        };
        Self { rows, goal, progress, task: tokio::spawn(follow.run()) }
    }

    async fn reach(&mut self, head: Position, what: &str) {
        let there = self.progress.wait_for(|progress| progress.position >= head);
        let is_there = tokio::time::timeout(PATIENCE, there).await.is_ok_and(|seen| seen.is_ok());
        assert!(is_there, "{what} stands still: {:?}", *self.progress.borrow());
    }

    async fn end(self) {
        self.goal.send_modify(|goal| goal.stop = true);
        self.task.await.unwrap();
        self.rows.close().await;
    }
}

/// A fresh replay of the whole log, without any bus.
async fn replayed(past: &Past, folder: &Path) -> Reading {
    let store = past.store();
    let mut next = 0;
    while next < past.events.len() {
        next += past.repeat(&store, next).await;
    }
    let mut reading = Reading::start(past, store, None, &folder.join("replayed.db"));
    reading.reach(past.head(), "the replay").await;
    reading
}

async fn one(past: Arc<Past>, fresh: Arc<SqliteReadStore>, seed: u64, path: std::path::PathBuf) {
    let store = past.store();
    let bus = NemesisBus::new(seed);
    let (stop, stopped) = watch::channel(false);
    let feed: Arc<dyn EventFeed> = store.clone();
    let relaying = tokio::spawn(relay(feed, Arc::new(bus.clone()), stopped));
    let mut reading = Reading::start(&past, store.clone(), Some(bus), &path);
    let mut dice = Dice::new(!seed);
    let mut next = 0;
    while next < past.events.len() {
        next += past.repeat(&store, next).await;
        // Sometimes the follower keeps up, sometimes it has a backlog.
        for _ in 0..dice.roll(200) {
            tokio::task::yield_now().await;
        }
    }
    reading.reach(past.head(), &format!("seed {seed}")).await;
    let mut seen = reading.rows.snapshot().await.unwrap();
    let mut expected = fresh.snapshot().await.unwrap();
    let mut rows = 0;
    for table in past.models.tables() {
        let report = compare(table, past.head(), &mut *expected, &mut *seen).await.unwrap();
        assert_eq!(report.verdict, Verdict::Equal, "seed {seed}: {}", table.name);
        rows += report.old.rows;
    }
    assert!(rows > past.head().0, "empty tables are equal to anything");
    drop(seen);
    stop.send_replace(true);
    relaying.await.unwrap().unwrap();
    reading.end().await;
    std::fs::remove_file(path).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_that_means_ill_changes_nothing_in_the_read_models() {
    let first = number_from("ANNALS_SEED").unwrap_or(1);
    let seeds = number_from("ANNALS_SEEDS").unwrap_or(240);
    let mut annals = Annals::start().await;
    lived(&annals).await;
    annals.stop().await;
    let past = Arc::new(Past::of(&annals.data()).await);
    let folder = tempfile::tempdir().unwrap();
    let fresh = replayed(&past, folder.path()).await;
    let mut under_way = JoinSet::new();
    for seed in first..first + seeds {
        if under_way.len() >= TOGETHER {
            under_way.join_next().await.unwrap().unwrap();
        }
        let path = folder.path().join(format!("{seed}.db"));
        under_way.spawn(one(past.clone(), fresh.rows.clone(), seed, path));
    }
    while let Some(done) = under_way.join_next().await {
        done.unwrap();
    }
    fresh.end().await;
    eprintln!(
        "seeds {first} to {}: {} events each, every table equal to a replay; with 95 % confidence \
         a seed does harm in less than {:.2} % of cases",
        first + seeds - 1,
        past.events.len(),
        300.0 / f64::from(u32::try_from(seeds).unwrap()),
    );
}
