//! One holds it at a time; another takes over when it is released or runs out.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use tokio::sync::watch;
use uuid::Uuid;

use super::{Lease, TERM, while_held};
use crate::{
    postgres::{Database, Server},
    testing::TestDatabase,
};

async fn database(server: &Server) -> Database {
    let database = Database::new(server, "public", 2);
    Lease::make_table(&database).await.unwrap();
    database
}

fn lease(database: &Database, holder: u128) -> Lease {
    Lease::new(database.clone(), "relay", Uuid::from_u128(holder))
}

#[tokio::test]
async fn one_holds_a_lease_and_renews_it_until_it_is_released() {
    let Some(test) = TestDatabase::new("one_holds_a_lease") else { return };
    let database = database(&test.server()).await;
    let (first, second) = (lease(&database, 1), lease(&database, 2));
    assert!(first.hold().await.unwrap());
    assert!(!second.hold().await.unwrap());
    assert!(first.hold().await.unwrap(), "it is renewed");
    second.release().await;
    assert!(!second.hold().await.unwrap(), "nobody releases another's lease");
    first.release().await;
    assert!(second.hold().await.unwrap());
    let other = Lease::new(database, "processes", Uuid::from_u128(1));
    assert!(other.hold().await.unwrap(), "leases of other names are others");
}

#[tokio::test]
async fn a_lease_that_is_not_renewed_is_taken_over() {
    let Some(test) = TestDatabase::new("a_lease_that_is_not_renewed") else { return };
    let database = database(&test.server()).await;
    let (silent, next) = (lease(&database, 1), lease(&database, 2));
    assert!(silent.hold().await.unwrap());
    let since = tokio::time::Instant::now();
    let mut rhythm = tokio::time::interval(std::time::Duration::from_millis(50));
    while !next.hold().await.unwrap() {
        rhythm.tick().await;
    }
    assert!(since.elapsed() > TERM / 2, "it was not taken from a living holder");
    assert!(!silent.hold().await.unwrap());
}

#[tokio::test]
async fn work_runs_in_one_process_at_a_time_and_passes_on() {
    let Some(test) = TestDatabase::new("work_runs_in_one_process") else { return };
    let database = database(&test.server()).await;
    let running = Arc::new(AtomicU32::new(0));
    let start = |holder| {
        let (stop, stopped) = watch::channel(false);
        let (lease, running) = (lease(&database, holder), Arc::clone(&running));
        let (started, mut has_started) = watch::channel(false);
        let task = tokio::spawn(async move {
            while_held::<(), _>(&lease, stopped, |mut told| {
                let (running, started) = (Arc::clone(&running), started.clone());
                async move {
                    assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "two at once");
                    started.send_replace(true);
                    told.wait_for(|told| *told).await.ok();
                    running.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                }
            })
            .await
        });
        (stop, task, async move { has_started.wait_for(|started| *started).await.map(drop) })
    };
    let (stop_first, first, first_started) = start(1);
    first_started.await.unwrap();
    let (stop_second, second, second_started) = start(2);
    stop_first.send_replace(true);
    first.await.unwrap().unwrap();
    second_started.await.unwrap();
    stop_second.send_replace(true);
    second.await.unwrap().unwrap();
}
