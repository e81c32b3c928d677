//! A read side on real files and databases: rebuilt, compared, switched, cancelled, restarted.

use std::{sync::Arc, time::Duration};

use events::Position;
use tokio::{sync::watch, time::timeout};

use super::{Phase, ReplayError, ReplayProgress, Report};
use crate::{
    compare::Verdict,
    follow::{Progress, Status},
    models::ReadModels,
    places::{TestPlace, on_both, on_sqlite, position_in},
    read_side::{ReadSide, Settings},
    testing::{Op, Script, Scripted, TestLog, busy},
};

on_both! {
    a_rebuild_equals_the_live_rows_while_the_log_grows,
    readers_finish_on_the_old_rows_which_go_with_the_last_of_them,
    a_planted_difference_is_found_and_named,
    a_cancelled_rebuild_is_resumed,
    only_one_rebuild_runs_at_a_time,
    an_event_that_stops_a_rebuild_leaves_the_live_rows_alone,
    rows_of_another_shape_are_made_again_at_start,
    rows_of_another_log_are_made_again_at_start,
    the_read_side_ends_when_it_is_told_to,
    an_event_that_stops_the_live_rows_is_told_with_its_position,
}

fn settings(place: &TestPlace, log: &TestLog, script: Script) -> Settings {
    versioned(place, log, script, 1)
}

fn versioned(place: &TestPlace, log: &TestLog, script: Script, version: u32) -> Settings {
    let models = ReadModels::new(version, vec![Box::new(Scripted(script))]).unwrap();
    Settings {
        place: place.place(),
        models: Arc::new(models),
        log: log.log(),
        cache_bytes: 100_000,
        connections: 2,
    }
}

async fn until(side: &ReadSide, is_so: impl FnMut(&Progress) -> bool) -> Progress {
    let mut progress = side.progress();
    let waiting = timeout(Duration::from_secs(20), progress.wait_for(is_so));
    waiting.await.unwrap().unwrap().clone()
}

async fn at(side: &ReadSide, position: u64) {
    until(side, |progress| progress.position.0 >= position).await;
}

fn never() -> watch::Receiver<bool> {
    watch::channel(false).1
}

async fn replay(side: &ReadSide) -> Result<Report, ReplayError> {
    side.replay(&|_| {}, never()).await
}

async fn a_rebuild_equals_the_live_rows_while_the_log_grows(place: &TestPlace) {
    let log = TestLog::founded().await;
    log.append(2_000).await;
    let side = ReadSide::open(settings(place, &log, Arc::new(busy))).await.unwrap();
    at(&side, 2_001).await;

    let writer = async {
        for _ in 0..300 {
            log.append(3).await;
            tokio::task::yield_now().await;
        }
    };
    let (report, ()) = tokio::join!(replay(&side), writer);
    let report = report.unwrap();
    assert!(report.is_equal());
    assert_eq!(report.tables.len(), 3);
    for table in &report.tables {
        assert_eq!(table.verdict, Verdict::Equal);
        assert_eq!(table.old, table.new);
        assert!(table.new.rows > 0);
    }
    assert_eq!((report.old, report.new), (1, 2));

    at(&side, 2_901).await;
    let live = side.live();
    assert_eq!(live.number, 2);
    assert_eq!(position_in(&live.pool).await, 2_901);
    drop(live);
    side.close().await;
}

async fn readers_finish_on_the_old_rows_which_go_with_the_last_of_them(place: &TestPlace) {
    let log = TestLog::founded().await;
    log.append(100).await;
    let side = ReadSide::open(settings(place, &log, Arc::new(busy))).await.unwrap();
    at(&side, 101).await;
    let old = side.live();
    replay(&side).await.unwrap();
    assert_eq!(position_in(&old.pool).await, 101);
    assert_eq!(place.generations().await, [1, 2]);

    drop(old);
    place.keeps_only(2).await;
    side.close().await;
    let side = ReadSide::open(settings(place, &log, Arc::new(busy))).await.unwrap();
    assert_eq!(side.live().number, 2);
    side.close().await;
}

async fn a_planted_difference_is_found_and_named(place: &TestPlace) {
    let log = TestLog::founded().await;
    log.append(3_000).await;
    let side = ReadSide::open(settings(place, &log, Arc::new(busy))).await.unwrap();
    at(&side, 3_001).await;
    let changed =
        place.execute(1, "update thing set amount = amount + 1 where from_position = 2000").await;
    place.execute(1, "delete from line where position = (select max(position) from line)").await;
    place.execute(1, "insert into tally (id, count) values (777, 1)").await;
    assert!(changed > 0);

    let report = replay(&side).await.unwrap();
    assert!(!report.is_equal());
    let different = |name| {
        let table = report.tables.iter().find(|table| table.table == name).unwrap();
        let Verdict::Different(difference) = &table.verdict else { unreachable!() };
        assert_ne!(table.old.digest, table.new.digest);
        difference.clone()
    };
    let thing = different("thing");
    assert_eq!(thing.what, "different in amount");
    assert!(thing.key.contains("from_position 2000"), "{}", thing.key);
    assert!(thing.key.contains("kind (text of "), "{}", thing.key);
    assert_eq!(different("line").what, "only in the new generation");
    let tally = different("tally");
    assert_eq!((&*tally.key, &*tally.what), ("id 777", "only in the old generation"));

    assert!(replay(&side).await.unwrap().is_equal());
    side.close().await;
}

/// Rows behind the product's back, with what SQLite keeps of its own schema.
fn vandal(place: &TestPlace, statements: &str) {
    let TestPlace::Folder(folder) = place else { unreachable!("it is for files") };
    let vandal = rusqlite::Connection::open(folder.path().join("read-1.db")).unwrap();
    vandal.execute_batch("pragma writable_schema = on").unwrap();
    vandal.execute_batch(statements).unwrap();
}

#[test]
fn an_index_that_misses_rows_is_told_though_the_rows_are_equal() {
    on_sqlite(async |place: &TestPlace| {
        let log = TestLog::founded().await;
        log.append(500).await;
        let side = ReadSide::open(settings(place, &log, Arc::new(busy))).await.unwrap();
        at(&side, 501).await;
        // A question that goes by the index finds nothing.
        vandal(
            place,
            "drop index line_text;
             create index line_text on line (text) where text = 'none of them';
             update sqlite_schema set sql = 'CREATE INDEX \"line_text\" on \"line\" (\"text\")'
                 where name = 'line_text';",
        );
        let report = replay(&side).await.unwrap();
        assert!(!report.is_equal());
        let line = report.tables.iter().find(|table| table.table == "line").unwrap();
        assert_eq!(line.old.digest, line.new.digest);
        let Verdict::Damaged(what) = &line.verdict else { unreachable!("{:?}", line.verdict) };
        assert!(what.contains("index line_text"), "{what}");
        assert!(replay(&side).await.unwrap().is_equal());
        side.close().await;
    });
}

#[test]
fn rows_that_cannot_be_read_are_told_and_made_again() {
    on_sqlite(async |place: &TestPlace| {
        let log = TestLog::founded().await;
        log.append(500).await;
        let side = ReadSide::open(settings(place, &log, Arc::new(busy))).await.unwrap();
        at(&side, 501).await;
        vandal(place, "drop table line; update checkpoint set position = 'none'");
        let report = replay(&side).await.unwrap();
        assert!(report.tables.iter().all(|table| matches!(table.verdict, Verdict::Damaged(_))));
        assert!(report.tables.iter().all(|table| table.new.rows > 0));
        assert!(replay(&side).await.unwrap().is_equal());
        side.close().await;
    });
}

#[test]
fn rows_that_cannot_be_read_at_a_start_are_made_again() {
    for damage in ["zone = 'Asia/Tokyo'", "position = 'none'", "leaf = zeroblob(32)", "leaf = null"]
    {
        on_sqlite(async |place: &TestPlace| {
            let log = TestLog::founded().await;
            log.append(50).await;
            let side = ReadSide::open(settings(place, &log, Arc::new(busy))).await.unwrap();
            at(&side, 51).await;
            side.close().await;
            vandal(place, &format!("update checkpoint set {damage}"));
            let side = ReadSide::open(settings(place, &log, Arc::new(busy))).await.unwrap();
            assert_eq!(side.live().number, 2, "{damage}");
            at(&side, 51).await;
            assert!(replay(&side).await.unwrap().is_equal(), "{damage}");
            side.close().await;
        });
    }
}

async fn a_cancelled_rebuild_is_resumed(place: &TestPlace) {
    let log = TestLog::founded().await;
    log.append(9_000).await;
    let side = ReadSide::open(settings(place, &log, Arc::new(busy))).await.unwrap();
    at(&side, 9_001).await;
    let (cancel, cancelled) = watch::channel(false);
    let tell = |progress: ReplayProgress| {
        if progress.phase == Phase::Indexing {
            cancel.send_replace(true);
        }
    };
    let outcome = side.replay(&tell, cancelled).await;
    assert!(matches!(outcome, Err(ReplayError::Cancelled)));
    assert_eq!(side.live().number, 1);

    side.close().await;
    let side = ReadSide::open(settings(place, &log, Arc::new(busy))).await.unwrap();
    at(&side, 9_001).await;
    let report = replay(&side).await.unwrap();
    assert!(report.is_equal());
    assert_eq!((report.new, report.events), (2, 0));
    assert_eq!(report.position, Position(9_001));
    side.close().await;
}

async fn only_one_rebuild_runs_at_a_time(place: &TestPlace) {
    let log = TestLog::founded().await;
    log.append(500).await;
    let side = ReadSide::open(settings(place, &log, Arc::new(busy))).await.unwrap();
    let (first, second) = tokio::join!(replay(&side), replay(&side));
    assert!(first.is_ok());
    assert!(matches!(second, Err(ReplayError::Busy)));
    side.close().await;
}

async fn an_event_that_stops_a_rebuild_leaves_the_live_rows_alone(place: &TestPlace) {
    let log = TestLog::founded().await;
    log.append(200).await;
    let side = ReadSide::open(settings(place, &log, Arc::new(busy))).await.unwrap();
    at(&side, 201).await;
    side.close().await;
    let poisoned: Script =
        Arc::new(|position| if position.0 == 150 { vec![Op::Damage] } else { busy(position) });
    let side = ReadSide::open(settings(place, &log, poisoned)).await.unwrap();
    let outcome = replay(&side).await;
    let Err(ReplayError::Stopped(stop)) = outcome else { unreachable!() };
    assert_eq!((stop.position, stop.code), (Position(150), "row.damaged"));
    assert_eq!(side.live().number, 1);
    log.append(10).await;
    at(&side, 211).await;
    side.close().await;
}

async fn rows_of_another_shape_are_made_again_at_start(place: &TestPlace) {
    let log = TestLog::founded().await;
    log.append(200).await;
    let side = ReadSide::open(settings(place, &log, Arc::new(busy))).await.unwrap();
    at(&side, 201).await;
    side.close().await;

    let newer = versioned(place, &log, Arc::new(busy), 2);
    let side = ReadSide::open(newer).await.unwrap();
    assert_eq!(side.live().number, 2);
    // It may be done already, where other threads are quicker than this one.
    let begun = side.status();
    assert!(!begun.is_ready() || begun.position == Position(201), "{begun:?}");
    let progress = until(&side, Progress::is_ready).await;
    assert_eq!((progress.position, progress.lag()), (Position(201), 0));
    place.keeps_only(2).await;
    side.close().await;
}

async fn rows_of_another_log_are_made_again_at_start(place: &TestPlace) {
    let log = TestLog::founded().await;
    log.append(200).await;
    let side = ReadSide::open(settings(place, &log, Arc::new(busy))).await.unwrap();
    at(&side, 201).await;
    side.close().await;

    let restored = TestLog::founded().await;
    restored.append(50).await;
    let side = ReadSide::open(settings(place, &restored, Arc::new(busy))).await.unwrap();
    until(&side, Progress::is_ready).await;
    let live = side.live();
    assert_eq!((live.number, position_in(&live.pool).await), (2, 51));
    drop(live);
    side.close().await;
}

async fn the_read_side_ends_when_it_is_told_to(place: &TestPlace) {
    let log = TestLog::founded().await;
    log.append(20).await;
    let side = ReadSide::open(settings(place, &log, Arc::new(busy))).await.unwrap();
    at(&side, 21).await;
    let (wish, wished) = watch::channel(false);
    let running = {
        let side = side.clone();
        tokio::spawn(async move { side.run(wished).await })
    };
    wish.send_replace(true);
    timeout(Duration::from_secs(20), running).await.unwrap().unwrap();
    assert_eq!(side.status().status, Status::Ended);
    assert!(matches!(replay(&side).await, Err(ReplayError::Ended)));
}

async fn an_event_that_stops_the_live_rows_is_told_with_its_position(place: &TestPlace) {
    let log = TestLog::founded().await;
    log.append(20).await;
    let poisoned: Script =
        Arc::new(|position| if position.0 == 15 { vec![Op::Panic] } else { busy(position) });
    let side = ReadSide::open(settings(place, &log, poisoned)).await.unwrap();
    let progress = until(&side, |progress| matches!(progress.status, Status::Stopped(_))).await;
    let Status::Stopped(stop) = &progress.status else { unreachable!() };
    assert_eq!((stop.position, stop.code), (Position(15), "projector.panicked"));
    assert_eq!(progress.position, Position(14));
    assert!(!progress.is_ready());
    side.close().await;
}
