//! The read loop against a real store.

use std::{sync::Arc, time::Duration};

use events::{EventType, Position};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use super::{Follow, Goal, Progress, Status};
use crate::{
    models::ReadModels,
    places::{TestPlace, on_both},
    read_store::ReadStore,
    testing::{Expected, LINE, Op, Script, TALLY, THING, TestLog, busy, dump, models},
};

on_both! {
    the_rows_are_in_step_with_the_log,
    a_restart_goes_on_where_the_rows_are,
    a_loop_that_is_killed_between_two_batches_loses_and_repeats_nothing,
    a_loop_stands_still_where_it_is_told_to,
    an_event_whose_rows_are_damaged_stops_the_loop,
    an_event_that_makes_a_projector_panic_stops_the_loop,
    an_event_that_adds_a_row_twice_stops_the_loop,
    an_event_that_nobody_knows_stops_the_loop,
    of_two_loops_on_one_file_one_stops,
}

struct Running {
    store: Arc<dyn ReadStore>,
    goal: watch::Sender<Goal>,
    progress: watch::Receiver<Progress>,
    task: JoinHandle<()>,
}

async fn start(place: &TestPlace, models: Arc<ReadModels>, log: &TestLog) -> Running {
    let store = place.store(models.tables()).await;
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
        // What is of the present comes first.
        assert_eq!(dump(&mut *snapshot, &TALLY, cut).await, expected.tallies());
        assert_eq!(dump(&mut *snapshot, &THING, cut).await, expected.things());
        assert_eq!(dump(&mut *snapshot, &LINE, cut).await, expected.lines());
    }
}

async fn the_rows_are_in_step_with_the_log(place: &TestPlace) {
    let (log, script): (_, Script) = (TestLog::founded().await, Arc::new(busy));
    log.append(500).await;
    let mut running = start(place, models(script.clone()), &log).await;
    running.at(501).await;
    running.holds(&script, 501).await;

    log.append(30).await;
    running.at(531).await;
    running.holds(&script, 531).await;
    let progress = running.until(|progress| progress.status == Status::Following).await;
    assert_eq!(progress.lag(), 0);
    running.end().await;
}

async fn a_restart_goes_on_where_the_rows_are(place: &TestPlace) {
    let (log, script): (_, Script) = (TestLog::founded().await, Arc::new(busy));
    for round in 1..=5 {
        log.append(100).await;
        let mut running = start(place, models(script.clone()), &log).await;
        running.at(round * 100 + 1).await;
        running.holds(&script, round * 100 + 1).await;
        running.end().await;
    }
}

async fn a_loop_that_is_killed_between_two_batches_loses_and_repeats_nothing(place: &TestPlace) {
    let (log, script): (_, Script) = (TestLog::founded().await, Arc::new(busy));
    for round in 1..=10_u64 {
        log.append(200).await;
        let mut running = start(place, models(script.clone()), &log).await;
        running.at((round - 1) * 200 + 2).await;
        running.task.abort();
        assert!(running.task.await.is_err_and(|error| error.is_cancelled()));
        running.store.close().await;
    }
    let mut running = start(place, models(script.clone()), &log).await;
    running.at(2001).await;
    running.holds(&script, 2001).await;
    running.end().await;
}

async fn a_loop_stands_still_where_it_is_told_to(place: &TestPlace) {
    let (log, script): (_, Script) = (TestLog::founded().await, Arc::new(busy));
    let mut running = start(place, models(script.clone()), &log).await;
    running.goal.send_modify(|goal| goal.until = Some(Position(77)));
    log.append(200).await;
    running.at(77).await;
    running.holds(&script, 77).await;
    running.goal.send_modify(|goal| goal.until = None);
    running.at(201).await;
    running.holds(&script, 201).await;
    running.end().await;
}

async fn stops_at(place: &TestPlace, op: Op, code: &str) {
    let log = TestLog::founded().await;
    let poisoned: Script = Arc::new(move |position| match position.0 {
        20 => vec![Op::Put(1, 1)],
        130 => vec![op],
        _ => busy(position).into_iter().filter(|op| *op != Op::Remove(1)).collect(),
    });
    log.append(300).await;
    let mut running = start(place, models(poisoned.clone()), &log).await;
    let stop = running.stopped().await;
    assert_eq!((stop.position, stop.code), (Position(130), code));
    running.holds(&poisoned, 129).await;
    running.end().await;

    let healed: Script = Arc::new(move |position| match position.0 {
        130 => vec![],
        _ => poisoned(position),
    });
    let mut running = start(place, models(healed.clone()), &log).await;
    running.at(301).await;
    running.holds(&healed, 301).await;
    running.end().await;
}

async fn an_event_whose_rows_are_damaged_stops_the_loop(place: &TestPlace) {
    stops_at(place, Op::Damage, "row.damaged").await;
}

async fn an_event_that_makes_a_projector_panic_stops_the_loop(place: &TestPlace) {
    stops_at(place, Op::Panic, "projector.panicked").await;
}

async fn an_event_that_adds_a_row_twice_stops_the_loop(place: &TestPlace) {
    stops_at(place, Op::Misfit(1), "projector.misfit").await;
}

async fn an_event_that_nobody_knows_stops_the_loop(place: &TestPlace) {
    let (log, script): (_, Script) = (TestLog::founded().await, Arc::new(busy));
    log.append(50).await;
    log.append_raw(EventType::new("user.promoted", 1), br#"{"data":{}}"#.to_vec()).await;
    log.append(50).await;
    let mut running = start(place, models(script.clone()), &log).await;
    let stop = running.stopped().await;
    assert_eq!((stop.position, stop.code), (Position(52), "event.unknown"));
    running.holds(&script, 51).await;
    running.end().await;
}

async fn of_two_loops_on_one_file_one_stops(place: &TestPlace) {
    let (log, script): (_, Script) = (TestLog::founded().await, Arc::new(busy));
    let mut first = start(place, models(script.clone()), &log).await;
    let mut second = start(place, models(script.clone()), &log).await;
    let appending = async {
        let mut rhythm = tokio::time::interval(Duration::from_millis(5));
        for _ in 0..2_000 {
            log.append(3).await;
            rhythm.tick().await;
        }
    };
    let (fenced, mut other) = tokio::select! {
        stop = first.stopped() => (stop, second),
        stop = second.stopped() => (stop, first),
        () = appending => unreachable!("two loops write to the same rows"),
    };
    assert_eq!(fenced.code, super::FENCED);
    let head = log.head().await;
    other.at(head).await;
    other.holds(&script, head).await;
    other.end().await;
}
