//! The gate with callers who come, wait, go away and come back.

use std::{sync::Arc, time::Duration};

use super::{Gate, Held, Shed};
use crate::admission::controller::Aim;

/// No room to wait but for one.
const NARROW: Aim = Aim {
    target: Duration::from_secs(60),
    interval: Duration::from_secs(60),
    least_room: 1,
    most_room: 1,
};

async fn waits(gate: &Arc<Gate>, count: usize) {
    let seen = async {
        while gate.seen().0 != count {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), seen).await.expect("they wait");
}

fn comes(gate: &Arc<Gate>) -> tokio::task::JoinHandle<Result<super::Place, Shed>> {
    let gate = gate.clone();
    tokio::spawn(async move { gate.enter(1, 1).await })
}

#[tokio::test]
async fn a_place_that_is_given_back_wakes_who_waits() {
    let gate = Gate::new("test", 1, NARROW);
    let first = gate.enter(1, 1).await.unwrap_or_else(|_| panic!("a place"));
    let second = comes(&gate);
    waits(&gate, 1).await;
    let third = gate.enter(1, 1).await;
    assert_eq!(third.err(), Some(Shed::Overloaded), "one may wait, not two");
    drop(first);
    assert!(second.await.unwrap().is_ok());
}

#[tokio::test]
async fn who_waits_for_something_else_keeps_no_place() {
    let gate = Gate::new("test", 1, NARROW);
    let held = Held::new(gate.enter(1, 1).await.unwrap_or_else(|_| panic!("a place")));
    let second = comes(&gate);
    waits(&gate, 1).await;
    held.leave();
    let second = second.await.unwrap().unwrap_or_else(|_| panic!("the place that was left"));
    let back = tokio::spawn({
        let held = held.clone();
        async move { held.enter(1).await }
    });
    tokio::task::yield_now().await;
    assert!(!back.is_finished() && held.is_out());
    drop(second);
    back.await.unwrap();
    assert!(!held.is_out());
}

#[tokio::test]
async fn who_goes_away_while_waiting_leaves_the_turn_to_the_next() {
    let gate = Gate::new("test", 1, Aim { most_room: 2, ..NARROW });
    let first = gate.enter(1, 1).await.unwrap_or_else(|_| panic!("a place"));
    let (gone, stays) = (comes(&gate), comes(&gate));
    waits(&gate, 2).await;
    gone.abort();
    assert!(gone.await.is_err());
    drop(first);
    let place = stays.await.unwrap().unwrap_or_else(|_| panic!("a place"));
    assert_eq!(gate.seen(), (0, false));
    drop(place);
    assert!(gate.enter(1, 1).await.is_ok(), "nothing was lost on the way");
}

#[tokio::test]
async fn whoever_gets_no_turn_is_refused_after_a_second() {
    let gate = Gate::new("test", 1, NARROW);
    let _first = gate.enter(1, 1).await.unwrap_or_else(|_| panic!("a place"));
    assert_eq!(gate.enter(1, 1).await.err(), Some(Shed::Overloaded));
}
