//! The product put together here, with a clock and keys that are known: what the log is made by, and what
//! it is asked by.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use axum::{Router, body::Body};
use command_service::{handle::Handler, http};
use deploy::refusals::KeptRefusals;
use events::{
    Instant,
    access::PresentedToken,
    evidence::sha256,
    ids::{KeyId, LogId, TokenId, derived},
};
use events_log::{
    keys::{KeyEraser, KeyError, KeyReader, KeyState, KeyStore, Keyring, MemoryKeys},
    store::{
        Answer, Clock, EventFeed, EventLog, StreamReader,
        postgres::{PostgresOptions, PostgresStore},
        sqlite::{OpenOptions, SqliteStore},
    },
    testing::TestDatabase,
};
use http_body_util::BodyExt as _;
use hyper::{Request, service::Service as _};
use hyper_util::service::TowerToHyperService;
use projection_service::{
    follow::{Log, Status},
    models,
    read_side::{DEFAULT_CACHE_BYTES, Place, ReadSide, Settings},
};
use uuid::Uuid;

/// Fingerprints of commands are made under it.
const SECRET: [u8; 32] = *b"the secret of a log that is none";

/// The log of the fixture.
pub(super) fn log_id() -> LogId {
    LogId(derived("the log of the fixture"))
}

/// The token of a name: its id, and what its holder presents.
pub(super) fn token(name: &str) -> (TokenId, String) {
    let id = TokenId(derived(&format!("token {name} of the fixture")));
    (id, PresentedToken::text(id, &secret(name)))
}

fn secret(name: &str) -> [u8; 32] {
    sha256(format!("secret {name} of the fixture").as_bytes())
}

/// What an event keeps of a token's secret.
pub(super) fn digest(name: &str) -> [u8; 32] {
    PresentedToken::digest(&secret(name))
}

/// A clock that is set.
#[derive(Clone, Default)]
pub(super) struct SetClock(Arc<AtomicI64>);

impl SetClock {
    pub(super) fn set(&self, now: Instant) {
        self.0.store(now.micros(), Ordering::SeqCst);
    }

    pub(super) fn now(&self) -> Instant {
        Instant::from_micros(self.0.load(Ordering::SeqCst))
    }

    fn clock(&self) -> Clock {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }
}

/// Keys that follow from their ids: nothing of them has to be kept beside the log.
#[derive(Default)]
pub(super) struct KnownKeys {
    keys: MemoryKeys,
    made: AtomicU64,
}

impl KnownKeys {
    fn of(number: u64) -> KeyId {
        KeyId(derived(&format!("key {number} of the fixture")))
    }

    fn insert(&self, id: KeyId) -> Result<(), KeyError> {
        self.keys.insert(id, &sha256(id.0.as_bytes()))
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.made.load(Ordering::SeqCst)
    }

    /// Makes as many as there were.
    pub(super) fn make(&self, count: u64) {
        for number in 0..count {
            self.insert(Self::of(number)).expect("a key");
        }
        self.made.store(count, Ordering::SeqCst);
    }
}

impl KeyReader for KnownKeys {
    fn keys(&self, ids: Vec<KeyId>) -> Answer<'_, Result<Vec<KeyState>, KeyError>> {
        self.keys.keys(ids)
    }
}

impl KeyStore for KnownKeys {
    fn take(&self) -> Answer<'_, Result<KeyId, KeyError>> {
        let id = Self::of(self.made.fetch_add(1, Ordering::SeqCst));
        let taken = self.insert(id).map(|()| id);
        Box::pin(std::future::ready(taken))
    }
}

impl KeyEraser for KnownKeys {
    fn destroy(&self, id: KeyId) -> Answer<'_, Result<(), KeyError>> {
        self.keys.destroy(id)
    }
}

/// A log with whoever writes to it.
pub(super) struct Site {
    pub(super) store: Arc<dyn EventLog>,
    pub(super) keys: Arc<KnownKeys>,
    pub(super) clock: SetClock,
    pub(super) handler: Arc<Handler>,
    place: Place,
}

impl Site {
    /// On a file, with read models beside it.
    pub(super) fn on_sqlite(folder: &Path) -> Self {
        let clock = SetClock::default();
        let options = OpenOptions {
            log_id: log_id(),
            clock: clock.clock(),
            readers: 2,
            hear: deploy::carried::carried(),
        };
        let store = SqliteStore::open(folder.join("log.db"), options).expect("a log");
        let read = folder.join("read");
        std::fs::create_dir(&read).expect("a folder");
        Self::of(Arc::new(store), Place::Folder(read), clock)
    }

    /// On a database, which the read models share.
    pub(super) async fn on_postgres(database: &TestDatabase) -> Self {
        let clock = SetClock::default();
        let options = PostgresOptions {
            log_id: log_id(),
            clock: clock.clock(),
            connections: 2,
            may_create: true,
            hear: deploy::carried::carried(),
        };
        let store = PostgresStore::open(&database.server(), options).await.expect("a log");
        Self::of(Arc::new(store), Place::Postgres(database.server()), clock)
    }

    fn of(store: Arc<dyn EventLog>, place: Place, clock: SetClock) -> Self {
        let keys = Arc::new(KnownKeys::default());
        let keyring = Keyring::new(keys.clone(), log_id());
        let handler = Handler::new(store.clone(), keyring, clock.clock(), &SECRET);
        Self { store, keys, clock, handler: Arc::new(handler), place }
    }

    /// The write API. The commands get ids that follow from their order.
    pub(super) fn commands(&self) -> Asked {
        let count = AtomicU64::new(0);
        let draw = move || -> Uuid {
            derived(&format!("command {} of the fixture", count.fetch_add(1, Ordering::SeqCst)))
        };
        Asked::of(http::router(http::App::new(self.handler.clone(), Arc::new(draw))))
    }

    /// Makes the read models of what is in the log, and answers from them.
    pub(super) async fn answer(&self) -> (ReadSide, Asked) {
        let keyring = Keyring::new(self.keys.clone(), log_id());
        let unsealer = keyring.unsealer().clone();
        let feed = self.store.clone() as Arc<dyn EventFeed>;
        let settings = Settings {
            place: self.place.clone(),
            models: Arc::new(models::all().expect("the read models")),
            log: Log {
                feed: feed.clone(),
                bus: None,
                unsealer: unsealer.clone(),
                log_id: log_id(),
            },
            cache_bytes: DEFAULT_CACHE_BYTES,
            connections: 2,
        };
        let side = ReadSide::open(settings).await.expect("read models");
        let head = self.store.head().await.expect("the end of the log").position;
        let mut progress = side.progress();
        let there = progress.wait_for(|progress| {
            assert!(!matches!(progress.status, Status::Stopped(_)), "{progress:?}");
            progress.position >= head
        });
        drop(there.await.expect("somebody makes them"));
        let streams = self.store.clone() as Arc<dyn StreamReader>;
        let app = query_api::App::new(side.view(), feed, streams, unsealer, self.clock.clock())
            .with_refusals(KeptRefusals::in_log(self.handler.attempts().clone()));
        let writes = http::App::new(self.handler.clone(), Arc::new(Uuid::nil));
        let routes = query_api::router(app).merge(http::router(writes));
        (side, Asked::of(routes))
    }
}

/// Routes that are asked without a connection.
pub(super) struct Asked(TowerToHyperService<Router>);

/// An answer: its status, and its body.
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) text: String,
}

impl Asked {
    fn of(routes: Router) -> Self {
        Self(TowerToHyperService::new(routes))
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answered {
        let answer = self.0.call(request).await.expect("an answer");
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.expect("a body").to_bytes();
        Answered { status, text: String::from_utf8(bytes.to_vec()).expect("a text") }
    }
}
