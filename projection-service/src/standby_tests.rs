//! Of several processes one makes the rows; another takes over; nothing is lost or doubled, also
//! when one that was asleep wakes up.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use events::Position;
use tokio::{sync::watch, time::timeout};
use uuid::Uuid;

use super::{lease, run};
use crate::{
    places::{TestPlace, on_postgres, runtime},
    read_side::{ReadSide, Settings},
    testing::{Expected, LINE, Script, TALLY, THING, TestLog, busy, dump, log_id, models},
};

const PATIENCE: Duration = Duration::from_secs(30);

fn settings(place: &TestPlace, log: &TestLog) -> Settings {
    Settings {
        place: place.place(),
        models: models(Arc::new(busy)),
        log: log.log(),
        cache_bytes: 100_000,
        connections: 2,
    }
}

/// A projection process, in a thread and on a runtime of its own.
struct Process {
    stop: watch::Sender<bool>,
    shown: watch::Receiver<Option<ReadSide>>,
    runtime: tokio::runtime::Handle,
    thread: thread::JoinHandle<()>,
}

impl Process {
    fn start(settings: Settings, holder: u128) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (show, shown) = watch::channel(None);
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = runtime();
            tell.send(runtime.handle().clone()).unwrap();
            let crate::read_side::Place::Postgres(server) = settings.place.clone() else { return };
            runtime.block_on(async move {
                let lease = lease(&server, log_id(), Uuid::from_u128(holder)).await.unwrap();
                run(settings, &lease, stopped, show).await.unwrap();
            });
        });
        Self { stop, shown, runtime: told.recv().unwrap(), thread }
    }

    async fn leads(&mut self) -> ReadSide {
        let shown = timeout(PATIENCE, self.shown.wait_for(Option::is_some)).await;
        shown.unwrap().unwrap().clone().unwrap()
    }

    async fn stands_by(&mut self) {
        timeout(PATIENCE, self.shown.wait_for(Option::is_none)).await.unwrap().unwrap();
    }

    /// Puts the process to sleep, with everything that goes on in it, until the sender is gone.
    fn pause(&self) -> mpsc::Sender<()> {
        let (wake, woken) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        self.runtime.spawn(async move {
            tell.send(()).unwrap();
            // Nobody sends: it ends with the sender.
            woken.recv().ok();
        });
        told.recv().unwrap();
        wake
    }

    async fn end(self) {
        self.stop.send_replace(true);
        let joined = tokio::task::spawn_blocking(|| self.thread.join());
        timeout(PATIENCE, joined).await.unwrap().unwrap().unwrap();
    }
}

async fn at(side: &ReadSide, position: u64) {
    let mut progress = side.progress();
    let come = progress.wait_for(|progress| progress.position.0 >= position);
    timeout(PATIENCE, come).await.unwrap().unwrap();
}

/// The rows of a generation are what the events say.
async fn holds(place: &TestPlace, number: u32, until: u64) {
    let (script, cut): (Script, _) = (Arc::new(busy), Position(until));
    let expected = Expected::of(&script, cut);
    let store = place.store_of(number, &[&THING, &LINE, &TALLY]).await;
    let mut snapshot = store.snapshot().await.unwrap();
    assert_eq!(snapshot.position(), cut);
    // What is of the present comes first.
    assert_eq!(dump(&mut *snapshot, &TALLY, cut).await, expected.tallies());
    assert_eq!(dump(&mut *snapshot, &THING, cut).await, expected.things());
    assert_eq!(dump(&mut *snapshot, &LINE, cut).await, expected.lines());
}

#[test]
fn another_process_takes_over_when_one_ends() {
    on_postgres("another_process_takes_over_when_one_ends", take_over);
}

async fn take_over(place: &TestPlace) {
    let log = TestLog::founded().await;
    log.append(100).await;
    let mut first = Process::start(settings(place, &log), 1);
    at(&first.leads().await, 101).await;
    let mut second = Process::start(settings(place, &log), 2);
    log.append(100).await;
    at(&first.leads().await, 201).await;
    assert!(second.shown.borrow().is_none(), "two at once");
    first.end().await;
    log.append(100).await;
    at(&second.leads().await, 301).await;
    second.end().await;
    holds(place, 1, 301).await;
}

#[test]
fn a_process_that_was_asleep_is_fenced_and_stands_by_again() {
    on_postgres("a_process_that_was_asleep", wake_up);
}

async fn wake_up(place: &TestPlace) {
    let log = TestLog::founded().await;
    log.append(500).await;
    let mut first = Process::start(settings(place, &log), 1);
    at(&first.leads().await, 501).await;
    let mut second = Process::start(settings(place, &log), 2);
    log.append(300).await;
    let wake = first.pause();
    log.append(200).await;
    at(&second.leads().await, 1_001).await;

    // It finds events that it has not taken yet, and tries.
    drop(wake);
    log.append(300).await;
    first.stands_by().await;
    at(&second.leads().await, 1_301).await;
    let side = second.leads().await;
    let replaying = second
        .runtime
        .spawn(async move { side.replay(&|_| {}, watch::channel(false).1).await.unwrap() });
    let report = replaying.await.unwrap();
    assert!(report.is_equal(), "{report:?}");
    second.end().await;
    // And it can still take over.
    log.append(100).await;
    at(&first.leads().await, 1_401).await;
    first.end().await;
    holds(place, report.new, 1_401).await;
}
