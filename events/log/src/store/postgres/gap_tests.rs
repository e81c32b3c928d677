//! Nobody who follows the log misses an event, whatever those who write do: and the detector that
//! says so does fire where a sequence numbers the rows.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use events::envelope::Position;
use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::{
    task::JoinHandle,
    time::{Instant, interval},
};

use super::{
    PostgresStore,
    testing::{meddle, open, put, session, whole_log},
};
use crate::{
    postgres::Server,
    store::{AppendError, EventFeed as _, StoreError, StreamReader as _, contract::good},
    testing::TestDatabase,
};

const RUN: Duration = Duration::from_secs(6);
/// How long that may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long the log may stand still while many write.
const STALL: Duration = Duration::from_secs(2);

/// Whether some are still at it.
#[derive(Clone, Default)]
struct Going(Arc<AtomicBool>);

impl Going {
    fn on(&self) -> bool {
        !self.0.load(Ordering::SeqCst)
    }

    fn stop(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// What a follower of a table saw.
#[derive(Default)]
struct Seen {
    all: BTreeSet<i64>,
    /// How often a row came after one with a higher number, or a number was passed over.
    out_of_order: usize,
}

/// Follows a table as one follows a log: whatever is after the last row that was seen.
fn follow(server: &Server, sql: &'static str, going: &Going) -> JoinHandle<Seen> {
    let (server, going) = (server.clone(), going.clone());
    tokio::spawn(async move {
        let mut connection = session(&server).await;
        let (mut seen, mut last) = (Seen::default(), 0);
        loop {
            let is_last = !going.on();
            let rows: Vec<i64> =
                sqlx::query_scalar(sql).bind(last).fetch_all(&mut connection).await.unwrap();
            for row in rows {
                seen.out_of_order += usize::from(row != last + 1);
                last = row;
                seen.all.insert(row);
            }
            if is_last {
                return seen;
            }
        }
    })
}

/// Numbers that look random and are the same in every run (splitmix64).
fn random(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A raw session that does what `append` does, lingers in the database, and then commits, rolls back
/// or is killed in the middle.
async fn write_raw(server: Server, writer: u64, going: Going, committed: Arc<AtomicU64>) {
    let mut connection = session(&server).await;
    let mut n = writer * 1_000_000;
    while going.on() {
        n += 1;
        let ends = random(n) % 16;
        match raw_append(&mut connection, ends).await {
            Ok(true) => {
                committed.fetch_add(1, Ordering::SeqCst);
            }
            Ok(false) => {}
            // Killed, as it was told to be, or no lock in time: on with a new session.
            Err(_) => connection = session(&server).await,
        }
    }
    connection.close().await.unwrap();
}

const RAW_APPEND: &str = "with head as (update log_head set position = position + 1, \
         streams = streams + 1, turn = turn + 1 returning position, streams, recorded_at), \
     stream as (insert into streams select streams, 1, gen_random_uuid(), 'account' from head), \
     command as (insert into commands select gen_random_uuid(), streams, 1, position, 1, \
         gen_random_uuid(), 'user', sha256('') from head) \
     insert into events select position, streams, 1, recorded_at, null, 1, gen_random_uuid(), \
         gen_random_uuid(), null, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), \
         'account.created', 'user', 'api', sha256(''), sha256(''), '' from head";

async fn raw_append(connection: &mut PgConnection, ends: u64) -> Result<bool, sqlx::Error> {
    connection.execute("begin").await?;
    connection.execute(RAW_APPEND).await?;
    connection.execute("select pg_sleep(random() * 0.01)").await?;
    match ends {
        0 => connection.execute("select pg_terminate_backend(pg_backend_pid())").await.map(drop)?,
        1..=4 => connection.execute("rollback").await.map(drop)?,
        _ => {
            connection.execute("commit").await?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// Appends through a store until told to stop.
async fn write(store: Arc<PostgresStore>, writer: u64, going: Going, stored: Arc<AtomicU64>) {
    let mut n = writer * 1_000_000;
    while going.on() {
        n += 1;
        // On a busy machine the head may not be had in time: whoever is told so asks again with the
        // same command, and it is stored once.
        while let Err(error) = put(&store, n).await {
            let AppendError::Store(StoreError::Unavailable(_)) = error else {
                panic!("the store refused: {error:?}");
            };
        }
        stored.fetch_add(2, Ordering::SeqCst);
    }
}

/// Follows a store, and demands each next event.
async fn read(store: Arc<PostgresStore>, going: Going) -> u64 {
    let mut last = Position::START;
    loop {
        let is_last = !going.on();
        // On a busy machine no connection may be free in time: a follower asks again.
        let events = match store.read(last, 100).await {
            Err(StoreError::Unavailable(_)) => continue,
            events => good(events),
        };
        for event in events {
            assert_eq!(event.position.0, last.0 + 1, "an event was passed over");
            last = event.position;
        }
        if is_last && store.head().await.is_ok_and(|head| head.position == last) {
            return last.0;
        }
    }
}

/// The longest time that the head stood still.
async fn longest_stall(server: Server, going: Going) -> Duration {
    let mut connection = session(&server).await;
    let (mut head, mut moved, mut longest) = (0, Instant::now(), Duration::ZERO);
    let mut rhythm = interval(Duration::from_millis(20));
    while going.on() {
        rhythm.tick().await;
        let sql = "select position from log_head";
        let now: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
        longest = longest.max(moved.elapsed());
        if now != head {
            (head, moved) = (now, Instant::now());
        }
    }
    longest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_misses_an_event_whatever_the_writers_do() {
    let Some(test) = TestDatabase::new("nobody_misses_an_event") else { return };
    let server = test.server();
    let mut stores = Vec::new();
    for _ in 0..3 {
        stores.push(Arc::new(open(&server).await.unwrap()));
    }
    let mut idle = session(&server).await;
    idle.execute("create table beside (n bigint); begin; insert into beside values (1)")
        .await
        .unwrap();
    let (going, following) = (Going::default(), Going::default());
    let (stored, committed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let sql = "select position from events where position > $1 order by position";
    let followers: Vec<_> = (0..3).map(|_| follow(&server, sql, &following)).collect();
    let readers: Vec<_> = stores
        .iter()
        .map(|store| tokio::spawn(read(Arc::clone(store), following.clone())))
        .collect();
    let stall = tokio::spawn(longest_stall(server.clone(), going.clone()));
    let mut writers: Vec<_> = (0..48)
        .zip(stores.iter().cycle())
        .map(|(writer, store)| {
            let store = Arc::clone(store);
            tokio::spawn(write(store, writer, going.clone(), Arc::clone(&stored)))
        })
        .collect();
    writers.extend((0..16).map(|writer| {
        tokio::spawn(write_raw(server.clone(), writer, going.clone(), Arc::clone(&committed)))
    }));
    let is_enough = || stored.load(Ordering::SeqCst) > 300 && committed.load(Ordering::SeqCst) > 20;
    run_until(RUN, is_enough).await;
    going.stop();
    for writer in writers {
        good(writer.await);
    }
    following.stop();
    let log = whole_log(&stores[0]).await;
    let (stored, raw) = (stored.load(Ordering::SeqCst), committed.load(Ordering::SeqCst));
    assert_eq!(log.len() as u64, stored + raw);
    assert!(log.iter().map(|event| event.position.0).eq(1..=stored + raw));
    for reader in readers {
        assert_eq!(good(reader.await), stored + raw);
    }
    for follower in followers {
        let seen = good(follower.await);
        assert_eq!(seen.out_of_order, 0);
        assert_eq!(seen.all.len(), log.len(), "a follower missed something");
    }
    let stall = good(stall.await);
    assert!(stall < STALL, "the log stood still for {stall:?}");
    idle.execute("rollback").await.unwrap();
    for store in stores {
        store.shutdown().await;
    }
}

/// Waits for that long, and longer until enough was written.
async fn run_until(time: Duration, is_enough: impl Fn() -> bool) {
    let (begun, mut rhythm) = (Instant::now(), interval(Duration::from_millis(20)));
    while begun.elapsed() < time || !is_enough() {
        rhythm.tick().await;
        assert!(begun.elapsed() < PATIENCE, "hardly anything was written");
    }
}

async fn write_serial(server: Server, seed: u64, going: Going, committed: Arc<AtomicU64>) {
    let mut connection = session(&server).await;
    let mut n = seed * 1_000_000;
    while going.on() {
        n += 1;
        let end = if random(n).is_multiple_of(4) { "rollback" } else { "commit" };
        connection.execute("begin; insert into naive default values").await.unwrap();
        connection.execute("select pg_sleep(random() * 0.01)").await.unwrap();
        connection.execute(end).await.unwrap();
        committed.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_follower_misses_rows_that_a_sequence_numbers() {
    let Some(test) = TestDatabase::new("the_same_follower_misses_rows") else { return };
    let server = test.server();
    meddle(&server, "create schema annals; create table annals.naive (n bigserial primary key)")
        .await;
    let (going, following) = (Going::default(), Going::default());
    let committed = Arc::new(AtomicU64::new(0));
    let sql = "select n from naive where n > $1 order by n";
    let follower = follow(&server, sql, &following);
    let writers: Vec<_> = (0..16)
        .map(|seed| {
            tokio::spawn(write_serial(server.clone(), seed, going.clone(), Arc::clone(&committed)))
        })
        .collect();
    run_until(Duration::ZERO, || committed.load(Ordering::SeqCst) > 400).await;
    going.stop();
    for writer in writers {
        good(writer.await);
    }
    following.stop();
    let seen = good(follower.await);
    let all: Vec<i64> = sqlx::query_scalar("select n from naive")
        .fetch_all(&mut session(&server).await)
        .await
        .unwrap();
    let missed = all.iter().filter(|n| !seen.all.contains(n)).count();
    assert!(missed > 0, "the detector found nothing among {} rows", all.len());
    assert!(seen.out_of_order > 0);
}
