//! The read loop against a real store.

use std::{path::Path, sync::Arc, time::Duration};

use events::{EventType, Position};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use super::{Follow, Goal, Progress, Status};
use crate::{
    models::ReadModels,
    read_store::{ReadStore, SqliteReadStore},
    testing::{Expected, LINE, Op, Script, TALLY, THING, TestLog, busy, dump, models},
};

struct Running {
    store: Arc<SqliteReadStore>,
    goal: watch::Sender<Goal>,
    progress: watch::Receiver<Progress>,
    task: JoinHandle<()>,
}

fn start(path: &Path, models: Arc<ReadModels>, log: &TestLog) -> Running {
    let store = Arc::new(SqliteReadStore::open(path, models.tables()).unwrap());
    let (goal, goals) = watch::channel(Goal::default());
    let (sender, progress) = watch::channel(Progress::default());
    let follow = Follow {
        models,
        store: store.clone(),
        log: log.log(),
        cache_bytes: 20_000,
        goal: goals,
        progress: sender,
    };
    Running { store, goal, progress, task: tokio::spawn(follow.run()) }
}

impl Running {
    async fn until(&mut self, is_so: impl FnMut(&Progress) -> bool) -> Progress {
        let waiting = timeout(Duration::from_secs(20), self.progress.wait_for(is_so));
        waiting.await.unwrap().unwrap().clone()
    }

    async fn at(&mut self, position: u64) {
        self.until(|progress| progress.position.0 >= position).await;
    }

    async fn stopped(&mut self) -> super::Stop {
        let progress = self.until(|progress| matches!(progress.status, Status::Stopped(_))).await;
        let Status::Stopped(stop) = progress.status else { unreachable!() };
        stop
    }

    async fn end(self) {
        self.goal.send_modify(|goal| goal.stop = true);
        self.task.await.unwrap();
        self.store.close().await;
    }

    async fn holds(&self, script: &Script, until: u64) {
        let (expected, cut) = (Expected::of(script, Position(until)), Position(until));
        let mut snapshot = self.store.snapshot().await.unwrap();
        assert_eq!(snapshot.position(), cut);
        assert_eq!(dump(&mut *snapshot, &THING, cut).await, expected.things());
        assert_eq!(dump(&mut *snapshot, &LINE, cut).await, expected.lines());
        assert_eq!(dump(&mut *snapshot, &TALLY, cut).await, expected.tallies());
    }
}

#[tokio::test]
async fn the_rows_are_in_step_with_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let (log, script): (_, Script) = (TestLog::founded().await, Arc::new(busy));
    log.append(500).await;
    let mut running = start(&folder.path().join("read.db"), models(script.clone()), &log);
    running.at(501).await;
    running.holds(&script, 501).await;

    log.append(30).await;
    running.at(531).await;
    running.holds(&script, 531).await;
    let progress = running.until(|progress| progress.status == Status::Following).await;
    assert_eq!(progress.lag(), 0);
    running.end().await;
}

#[tokio::test]
async fn a_restart_goes_on_where_the_rows_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("read.db");
    let (log, script): (_, Script) = (TestLog::founded().await, Arc::new(busy));
    for round in 1..=5 {
        log.append(100).await;
        let mut running = start(&path, models(script.clone()), &log);
        running.at(round * 100 + 1).await;
        running.holds(&script, round * 100 + 1).await;
        running.end().await;
    }
}

#[tokio::test]
async fn a_loop_that_is_killed_between_two_batches_loses_and_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("read.db");
    let (log, script): (_, Script) = (TestLog::founded().await, Arc::new(busy));
    for round in 1..=10_u64 {
        log.append(200).await;
        let mut running = start(&path, models(script.clone()), &log);
        running.at((round - 1) * 200 + 2).await;
        running.task.abort();
        assert!(running.task.await.is_err_and(|error| error.is_cancelled()));
        running.store.close().await;
    }
    let mut running = start(&path, models(script.clone()), &log);
    running.at(2001).await;
    running.holds(&script, 2001).await;
    running.end().await;
}

#[tokio::test]
async fn a_loop_stands_still_where_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let (log, script): (_, Script) = (TestLog::founded().await, Arc::new(busy));
    let mut running = start(&folder.path().join("read.db"), models(script.clone()), &log);
    running.goal.send_modify(|goal| goal.until = Some(Position(77)));
    log.append(200).await;
    running.at(77).await;
    running.holds(&script, 77).await;
    running.goal.send_modify(|goal| goal.until = None);
    running.at(201).await;
    running.holds(&script, 201).await;
    running.end().await;
}

async fn stops_at(op: Op, code: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("read.db");
    let log = TestLog::founded().await;
    let poisoned: Script = Arc::new(move |position| match position.0 {
        20 => vec![Op::Put(1, 1)],
        130 => vec![op],
        _ => busy(position).into_iter().filter(|op| *op != Op::Remove(1)).collect(),
    });
    log.append(300).await;
    let mut running = start(&path, models(poisoned.clone()), &log);
    let stop = running.stopped().await;
    assert_eq!((stop.position, stop.code), (Position(130), code));
    running.holds(&poisoned, 129).await;
    running.end().await;

    let healed: Script = Arc::new(move |position| match position.0 {
        130 => vec![],
        _ => poisoned(position),
    });
    let mut running = start(&path, models(healed.clone()), &log);
    running.at(301).await;
    running.holds(&healed, 301).await;
    running.end().await;
}

#[tokio::test]
async fn an_event_whose_rows_are_damaged_stops_the_loop() {
    stops_at(Op::Damage, "row.damaged").await;
}

#[tokio::test]
async fn an_event_that_makes_a_projector_panic_stops_the_loop() {
    stops_at(Op::Panic, "projector.panicked").await;
}

#[tokio::test]
async fn an_event_that_adds_a_row_twice_stops_the_loop() {
    stops_at(Op::Misfit(1), "projector.misfit").await;
}

#[tokio::test]
async fn an_event_that_nobody_knows_stops_the_loop() {
    let folder = tempfile::tempdir().unwrap();
    let (log, script): (_, Script) = (TestLog::founded().await, Arc::new(busy));
    log.append(50).await;
    log.append_raw(EventType::new("user.promoted", 1), br#"{"data":{}}"#.to_vec()).await;
    log.append(50).await;
    let mut running = start(&folder.path().join("read.db"), models(script.clone()), &log);
    let stop = running.stopped().await;
    assert_eq!((stop.position, stop.code), (Position(52), "event.unknown"));
    running.holds(&script, 51).await;
    running.end().await;
}

#[tokio::test]
async fn of_two_loops_on_one_file_one_stops() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("read.db");
    let (log, script): (_, Script) = (TestLog::founded().await, Arc::new(busy));
    let mut first = start(&path, models(script.clone()), &log);
    let mut second = start(&path, models(script.clone()), &log);
    log.append(100).await;
    let (fenced, mut other) = tokio::select! {
        stop = first.stopped() => (stop, second),
        stop = second.stopped() => (stop, first),
    };
    assert_eq!(fenced.code, "read_store.fenced");
    other.at(101).await;
    other.holds(&script, 101).await;
}
