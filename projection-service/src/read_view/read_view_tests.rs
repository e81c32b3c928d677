//! What a process that only answers sees of the read models of another one.

use std::{sync::Arc, time::Duration};

use events::ids::{LogId, derived};
use events_log::postgres::{Database, Lease, PostgresError, TERM};
use sqlx::{AssertSqlSafe, Executor};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{interval, timeout},
};
use uuid::Uuid;

use super::{ReadView, Reading};
use crate::{
    follow::{Progress, Status},
    places::{TestPlace, on_postgres, position_in},
    read_side::{ReadSide, Settings},
    standby::lease,
    testing::{Op, Script, TestLog, busy, log_id, models},
};

fn settings(place: &TestPlace, log: &TestLog, script: Script) -> Settings {
    Settings {
        place: place.place(),
        models: models(script),
        log: log.log(),
        cache_bytes: 100_000,
        connections: 2,
    }
}

fn reading(place: &TestPlace, log: &TestLog) -> Reading {
    Reading {
        server: place.server(),
        log_id: log_id(),
        feed: log.log().feed,
        models: models(Arc::new(busy)),
        connections: 2,
    }
}

/// Somebody leads, however long the test takes.
struct Leading {
    lease: Lease,
    renewing: JoinHandle<()>,
}

impl Leading {
    async fn on(place: &TestPlace) -> Self {
        let lease = lease(&place.server(), log_id(), Uuid::from_u128(1)).await.unwrap();
        assert!(lease.hold().await.unwrap());
        let renewed = lease.clone();
        let renewing = tokio::spawn(async move {
            let mut rhythm = interval(TERM / 16);
            loop {
                rhythm.tick().await;
                // The database may be away. A connection that was cut off is noticed by its next use.
                renewed.hold().await.ok();
            }
        });
        Self { lease, renewing }
    }

    async fn release(self) {
        self.renewing.abort();
        self.renewing.await.ok();
        self.lease.release().await;
    }
}

async fn until(view: &ReadView, is_so: impl FnMut(&Progress) -> bool) -> Progress {
    let (mut progress, _waiting) = (view.progress(), view.waiting());
    let waiting = timeout(Duration::from_secs(20), progress.wait_for(is_so));
    waiting.await.unwrap().unwrap().clone()
}

fn is_waiting(progress: &Progress) -> bool {
    matches!(progress.status, Status::Waiting { .. })
}

#[test]
fn a_view_follows_the_rows_and_a_switch_of_generations() {
    on_postgres("a_view_follows_the_rows", follow_a_switch);
}

async fn follow_a_switch(place: &TestPlace) {
    let log = TestLog::founded().await;
    log.append(100).await;
    // There may be nothing yet.
    let view = ReadView::follow(reading(place, &log)).await.unwrap();
    assert!(view.live().is_none());
    until(&view, is_waiting).await;

    let leading = Leading::on(place).await;
    let side = ReadSide::open(settings(place, &log, Arc::new(busy))).await.unwrap();
    let progress = until(&view, |progress| progress.position.0 >= 101).await;
    assert_eq!((progress.generation, progress.position.0), (1, 101));
    until(&view, Progress::is_ready).await;
    let old = view.live().unwrap();
    for round in 1..=20 {
        log.append(1).await;
        until(&view, |progress| progress.position.0 >= 101 + round).await;
        assert!(position_in(&old.pool).await >= 101 + i64::try_from(round).unwrap());
    }

    side.replay(&|_| {}, watch::channel(false).1).await.unwrap();
    log.append(10).await;
    until(&view, |progress| progress.position.0 >= 131).await;
    let live = view.live().unwrap();
    assert_eq!(live.number, 2);
    assert_eq!(position_in(&live.pool).await, 131);
    // Whoever holds the old generation can finish on it.
    assert_eq!(position_in(&old.pool).await, 121);

    leading.release().await;
    until(&view, is_waiting).await;
    view.close().await;
    assert_eq!(view.status().status, Status::Ended);
    assert!(view.live().is_none());
    side.close().await;
}

#[test]
fn a_view_tells_of_an_event_that_stops_the_rows() {
    on_postgres("a_view_tells_of_an_event", tell_of_a_stop);
}

async fn tell_of_a_stop(place: &TestPlace) {
    let log = TestLog::founded().await;
    log.append(20).await;
    let _leading = Leading::on(place).await;
    let poisoned: Script =
        Arc::new(|position| if position.0 == 15 { vec![Op::Damage] } else { busy(position) });
    let side = ReadSide::open(settings(place, &log, poisoned)).await.unwrap();
    let view = ReadView::follow(reading(place, &log)).await.unwrap();
    let progress = until(&view, |progress| matches!(progress.status, Status::Stopped(_))).await;
    let Status::Stopped(stop) = progress.status else { unreachable!() };
    assert_eq!((stop.position.0, stop.code), (15, "row.damaged"));
    assert_eq!(progress.position.0, 14);
    side.close().await;
}

#[test]
fn a_view_waits_while_the_database_is_away() {
    on_postgres("a_view_waits_while_the_database_is_away", wait_for_the_database);
}

async fn wait_for_the_database(place: &TestPlace) {
    let log = TestLog::founded().await;
    let _leading = Leading::on(place).await;
    let side = ReadSide::open(settings(place, &log, Arc::new(busy))).await.unwrap();
    let view = ReadView::follow(reading(place, &log)).await.unwrap();
    until(&view, Progress::is_ready).await;

    let server = place.server();
    let name = server.shown().rsplit('/').next().unwrap().to_owned();
    let operator = Database::new(&server.clone().with_database("postgres"), "public", 1);
    let statement = |statement: String| {
        operator.run(|connection| Box::pin(connection.execute(AssertSqlSafe(statement))))
    };
    statement(format!("alter database {name} allow_connections false")).await.unwrap();
    let end = format!(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}' \
         and usename = current_user"
    );
    statement(end).await.unwrap();
    until(&view, is_waiting).await;
    log.append(5).await;
    statement(format!("alter database {name} allow_connections true")).await.unwrap();
    let goes_on = |status: &Status| matches!(status, Status::Following | Status::CatchingUp);
    until(&view, |progress| progress.position.0 >= 6 && goes_on(&progress.status)).await;
    side.close().await;
}

#[test]
fn a_view_refuses_another_log_and_does_not_answer_from_another_shape() {
    on_postgres("a_view_refuses_another_log", refuse_what_is_not_ours);
}

async fn refuse_what_is_not_ours(place: &TestPlace) {
    let log = TestLog::founded().await;
    let _leading = Leading::on(place).await;
    let side = ReadSide::open(settings(place, &log, Arc::new(busy))).await.unwrap();
    let other = Reading { log_id: LogId(derived("another")), ..reading(place, &log) };
    let refused = ReadView::follow(other).await.err().unwrap();
    assert!(matches!(refused, PostgresError::Refused { .. }), "{refused}");

    let models = Arc::new(crate::models::ReadModels::new(7, Vec::new()).unwrap());
    let newer = ReadView::follow(Reading { models, ..reading(place, &log) }).await.unwrap();
    until(&newer, is_waiting).await;
    assert!(newer.live().is_none());
    side.close().await;
}
