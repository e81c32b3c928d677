//! Work that nobody waits for any longer goes on; work that panicked, or never began, does not.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use tokio::{sync::oneshot, time::timeout};

use super::ToItsEnd;

/// Long enough for any machine; reached only when something is wrong.
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn what_is_awaited_to_its_end_answers() {
    assert_eq!(ToItsEnd::new(async { 7 }).await, 7);
}

#[tokio::test]
async fn what_is_dropped_in_its_midst_goes_on() {
    let (go_on, told) = oneshot::channel();
    let (end, ended) = oneshot::channel();
    let mut work = ToItsEnd::new(async move {
        told.await.expect("it is told to go on");
        end.send(()).expect("somebody listens");
    });
    assert!((&mut work).now_or_never().is_none(), "it waits");

    drop(work);
    go_on.send(()).expect("it still waits");

    timeout(LONG, ended).await.expect("it goes on").expect("to its end");
}

#[tokio::test]
async fn what_never_began_does_not_begin_when_it_is_dropped() {
    let begun = Arc::new(AtomicUsize::new(0));
    let counted = begun.clone();

    drop(ToItsEnd::new(async move { counted.fetch_add(1, Ordering::Relaxed) }));
    tokio::task::yield_now().await;

    assert_eq!(begun.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_panic_ends_it_where_it_is_awaited() {
    let begun = Arc::new(AtomicUsize::new(0));
    let counted = begun.clone();
    let work = ToItsEnd::new(async move {
        counted.fetch_add(1, Ordering::Relaxed);
        panic!("a mistake");
    });

    let caught = AssertUnwindSafe(work).catch_unwind().await;
    tokio::task::yield_now().await;

    assert!(caught.is_err(), "the panic came through");
    assert_eq!(begun.load(Ordering::Relaxed), 1, "it was not begun anew");
}
