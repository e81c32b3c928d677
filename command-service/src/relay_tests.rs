//! Whatever the bus does, it is handed the log once and in order.

use std::{path::Path, sync::Mutex};

use events::Instant;
use events_log::{
    bus::{
        Bus, BusError,
        nats::{BusStatus, NatsBus, NatsOptions},
        nemesis::Dice,
        testing::{LOG, VecFeed, message},
    },
    postgres::{Database, Lease},
    store::{Answer, Head},
    testing::{NatsServer, TestDatabase},
};
use tokio::{task::JoinHandle, time::interval};

use super::*;

const LONG: Duration = Duration::from_secs(60);

/// A bus that takes some of what it is handed, and says so or fails.
struct Unsteady {
    state: Mutex<(Vec<Message>, Dice)>,
    failing: u64,
    distrusted: Mutex<Option<Arc<str>>>,
}

impl Unsteady {
    fn new(taken: Vec<Message>, failing: u64) -> Arc<Self> {
        let state = Mutex::new((taken, Dice::new(7)));
        Arc::new(Self { state, failing, distrusted: Mutex::default() })
    }

    fn positions(&self) -> Vec<u64> {
        let state = self.state.lock().unwrap();
        let mut at = state.0[0].previous;
        for message in &state.0 {
            assert_eq!(message.previous, at, "the true previous position");
            at = message.event.position;
        }
        state.0.iter().map(|message| message.event.position.0).collect()
    }
}

impl Publisher for Unsteady {
    fn last(&self) -> Answer<'_, Result<Option<Last>, BusError>> {
        let mut state = self.state.lock().unwrap();
        let (taken, dice) = &mut *state;
        let last = taken
            .last()
            .map(|message| Last { position: message.event.position, leaf: message.event.leaf });
        let failed = dice.happens(self.failing).then(|| BusError("it does not say".into()));
        Box::pin(std::future::ready(failed.map_or(Ok(last), Err)))
    }

    fn publish(&self, mut messages: Vec<Message>) -> Answer<'_, Result<(), BusError>> {
        let mut state = self.state.lock().unwrap();
        let (taken, dice) = &mut *state;
        let fails = dice.happens(self.failing);
        if fails {
            let some = dice.roll(messages.len() as u64 + 1);
            messages.truncate(usize::try_from(some).unwrap());
        }
        taken.extend(messages);
        let answer = if fails { Err(BusError("it broke off".into())) } else { Ok(()) };
        Box::pin(std::future::ready(answer))
    }

    fn distrust(&self, why: Option<Arc<str>>) {
        *self.distrusted.lock().unwrap() = why;
    }
}

/// A log that is not available every other time.
struct Faltering(Arc<VecFeed>, Mutex<Dice>);

impl Faltering {
    fn fails(&self) -> Result<(), StoreError> {
        let fails = self.1.lock().unwrap().happens(30);
        if fails { Err(StoreError::Unavailable("for the moment".into())) } else { Ok(()) }
    }
}

impl EventFeed for Faltering {
    fn feed_head(&self) -> Answer<'_, Result<Head, StoreError>> {
        Box::pin(async move {
            self.fails()?;
            self.0.feed_head().await
        })
    }

    fn read(
        &self,
        after: Position,
        limit: usize,
    ) -> Answer<'_, Result<Vec<Arc<Recorded>>, StoreError>> {
        Box::pin(async move {
            self.fails()?;
            self.0.read(after, limit).await
        })
    }

    fn wait(&self, beyond: Position) -> Answer<'_, ()> {
        self.0.wait(beyond)
    }

    fn position_at(&self, instant: Instant) -> Answer<'_, Result<Position, StoreError>> {
        self.0.position_at(instant)
    }
}

struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), StoreError>>,
}

impl Running {
    fn start(feed: Arc<dyn EventFeed>, publisher: Arc<dyn Publisher>) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self { stop, task: tokio::spawn(relay(feed, publisher, stopped)) }
    }

    async fn end(self) {
        self.stop.send_replace(true);
        timeout(LONG, self.task).await.expect("it stops").unwrap().unwrap();
    }
}

async fn until(mut is_so: impl FnMut() -> bool) {
    let mut rhythm = interval(Duration::from_millis(10));
    let waiting = async {
        while !is_so() {
            rhythm.tick().await;
        }
    };
    timeout(LONG, waiting).await.expect("in time");
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_breaks_off_and_a_log_that_falters_get_everything_once() {
    let feed = Arc::new(VecFeed::default());
    let bus = Unsteady::new(feed.grow(1), 20);
    let log = Arc::new(Faltering(feed.clone(), Mutex::new(Dice::new(3))));
    let running = Running::start(log, bus.clone());
    for count in [1, 3, 2_000, 1, 700] {
        let _messages = feed.grow(count);
        until(|| bus.positions().len() == feed.all().len()).await;
    }
    running.end().await;
    assert_eq!(bus.positions(), (1..=2_706).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_new_bus_starts_at_the_head() {
    let feed = Arc::new(VecFeed::default());
    let _before = feed.grow(100);
    let bus = Unsteady::new(Vec::new(), 0);
    let carry = Relay { feed: feed.clone(), publisher: bus, carried: AtomicU64::new(0) };
    assert!(matches!(carry.start().await, Ok(Position(100))));
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_is_ahead_of_the_log_is_given_nothing_until_the_log_has_caught_up() {
    let feed = Arc::new(VecFeed::default());
    let _messages = feed.grow(5);
    let bus = Unsteady::new(vec![message(9)], 0);
    let running = Running::start(feed.clone(), bus.clone());
    until(|| bus.distrusted.lock().unwrap().is_some()).await;
    let why = bus.distrusted.lock().unwrap().clone().unwrap();
    assert!(why.contains("position 9") && why.contains("beyond its end"), "{why}");
    let _messages = feed.grow(3);
    assert_eq!(bus.positions(), [9]);
    // It was this history after all.
    let _messages = feed.grow(3);
    until(|| bus.positions() == [9, 10, 11]).await;
    assert_eq!(*bus.distrusted.lock().unwrap(), None);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_bus_of_another_history_is_given_nothing() {
    let feed = Arc::new(VecFeed::default());
    let _messages = feed.grow(9);
    let mut other = message(5);
    Arc::make_mut(&mut other.event).leaf.0[0] ^= 1;
    let bus = Unsteady::new(vec![other], 0);
    let running = Running::start(feed.clone(), bus.clone());
    until(|| bus.distrusted.lock().unwrap().is_some()).await;
    let why = bus.distrusted.lock().unwrap().clone().unwrap();
    assert!(why.contains("position 5") && why.contains("is another there"), "{why}");
    assert_eq!(bus.positions(), [5]);
    running.end().await;
}

async fn nats(server: &NatsServer) -> Arc<NatsBus> {
    let options = NatsOptions { servers: server.url(), ..NatsOptions::default() };
    Arc::new(NatsBus::open(options, LOG).await.unwrap())
}

/// Everything in the stream, in its order.
async fn stored(bus: &NatsBus, count: usize) -> Vec<u64> {
    let mut ear = bus.subscribe(Position::START).await.unwrap();
    let mut positions = Vec::new();
    while positions.len() < count {
        let messages = ear.next(1_000, LONG).await.unwrap();
        assert!(!messages.is_empty(), "{} of {count} came", positions.len());
        positions.extend(messages.iter().map(|message| message.event.position.0));
    }
    let more = ear.next(10, Duration::from_millis(200)).await.unwrap();
    assert!(more.is_empty(), "nothing was doubled");
    positions
}

async fn position(bus: &NatsBus) -> u64 {
    bus.last().await.ok().flatten().map_or(0, |last| last.position.0)
}

async fn reaches(bus: &NatsBus, expected: u64) {
    let mut rhythm = interval(Duration::from_millis(20));
    let waiting = async {
        while position(bus).await < expected {
            rhythm.tick().await;
        }
    };
    timeout(LONG, waiting).await.expect("in time");
}

fn server(name: &str, folder: &Path) -> Option<NatsServer> {
    NatsServer::start(name, folder)
}

#[tokio::test]
async fn two_relays_lose_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = server("relay::two_relays", folder.path()) else { return };
    let feed = Arc::new(VecFeed::default());
    let bus = nats(&server).await;
    bus.last().await.unwrap();
    bus.publish(feed.grow(1)).await.unwrap();
    let relays = [nats(&server).await, nats(&server).await];
    let running = relays.map(|bus| Running::start(feed.clone(), bus));
    for count in [1, 5, 600, 2, 1_200, 1] {
        let _messages = feed.grow(count);
        reaches(&bus, feed.all().len() as u64).await;
    }
    for running in running {
        running.end().await;
    }
    assert_eq!(stored(&bus, 1_810).await, (1..=1_810).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_server_that_dies_and_a_stream_that_goes_are_survived() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut server) = server("relay::a_server_that_dies", folder.path()) else { return };
    let feed = Arc::new(VecFeed::default());
    let bus = nats(&server).await;
    bus.last().await.unwrap();
    bus.publish(feed.grow(1)).await.unwrap();
    let running = Running::start(feed.clone(), nats(&server).await);
    let _messages = feed.grow(50);
    reaches(&bus, 51).await;
    server.kill();
    let _messages = feed.grow(50);
    server.restart();
    reaches(&bus, 101).await;
    assert_eq!(stored(&bus, 101).await, (1..=101).collect::<Vec<_>>());

    server.kill();
    std::fs::remove_dir_all(server.store()).unwrap();
    let _messages = feed.grow(50);
    server.restart();
    // The new stream begins where the log ended when the relay found it.
    let mut rhythm = interval(Duration::from_millis(100));
    let begun = async {
        while position(&bus).await == 0 {
            rhythm.tick().await;
            let _messages = feed.grow(1);
        }
    };
    timeout(LONG, begun).await.expect("the relay makes the stream anew");
    assert!(position(&bus).await > 151);
    running.end().await;
}

#[tokio::test]
async fn of_two_relays_with_a_lease_one_works_and_the_other_takes_over() {
    let Some(test) = TestDatabase::new("relay::two_with_a_lease") else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = server("relay::two_with_a_lease", folder.path()) else { return };
    let database = Database::new(&test.server(), "public", 2);
    Lease::make_table(&database).await.unwrap();
    let feed = Arc::new(VecFeed::default());
    let bus = nats(&server).await;
    bus.last().await.unwrap();
    bus.publish(feed.grow(1)).await.unwrap();
    assert_eq!(*bus.status().borrow(), BusStatus::Connected);
    let start = |holder, publisher: Arc<NatsBus>| {
        let lease = Lease::new(database.clone(), "relay", uuid::Uuid::from_u128(holder));
        let (stop, stopped) = watch::channel(false);
        let feed = feed.clone();
        let task =
            tokio::spawn(async move { relay_while_held(&lease, feed, publisher, stopped).await });
        Running { stop, task }
    };
    let first = start(1, nats(&server).await);
    let _messages = feed.grow(10);
    reaches(&bus, 11).await;
    let second = start(2, nats(&server).await);
    let _messages = feed.grow(10);
    reaches(&bus, 21).await;
    first.end().await;
    let _messages = feed.grow(10);
    reaches(&bus, 31).await;
    second.end().await;
    assert_eq!(stored(&bus, 31).await, (1..=31).collect::<Vec<_>>());
}
