//! The follower of the log: what it runs, what it leaves alone, and how often it writes.

use std::{sync::atomic::Ordering, time::Instant};

use events::store::{EventStore, StreamReader};
use serde_json::json;

use super::*;
use crate::handle::testing::{Watched, World};

/// Follows the log on a watched store until its checkpoint is at the head, and stops.
async fn follow(world: &World, store: &Arc<Watched>) {
    let (stop, stopped) = watch::channel(false);
    let handler = world.handler_on(store.clone());
    let following = tokio::spawn(handler.follow_processes(world.store.clone(), stopped));
    let head = world.store.head().await.unwrap().position;
    while world.store.checkpoint(CHECKPOINT).await.unwrap() < head {
        tokio::task::yield_now().await;
    }
    stop.send(true).unwrap();
    following.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_ran_with_its_command_is_not_sent_again() {
    let world = World::new().await;
    let (quote, _) = world.active_quote().await;
    world
        .send("AcceptQuote", json!({ "quote_id": quote, "close_opportunity": "won" }))
        .await
        .unwrap();
    let before = world.length().await;
    let store = Watched::new(world.store.clone(), None);
    follow(&world, &store).await;
    assert_eq!(store.appends.load(Ordering::SeqCst), 0);
    assert_eq!(world.length().await, before);
}

#[tokio::test]
async fn nothing_is_written_while_nothing_happens() {
    let world = World::new().await;
    let store = Watched::new(world.store.clone(), None);
    follow(&world, &store).await;
    let saves = store.saves.load(Ordering::SeqCst);
    assert!(saves >= 1);
    for _ in 0..3 {
        follow(&world, &store).await;
    }
    assert_eq!(store.saves.load(Ordering::SeqCst), saves);
}

#[tokio::test]
async fn under_load_the_checkpoint_is_saved_once_a_second_at_most() {
    let world = World::new().await;
    let store = Watched::new(world.store.clone(), None);
    let (stop, stopped) = watch::channel(false);
    let handler = world.handler_on(store.clone());
    let begun = Instant::now();
    let following = tokio::spawn(handler.follow_processes(world.store.clone(), stopped));
    for _ in 0..200 {
        world.send("CreateAccount", json!({ "name": "Contoso" })).await.unwrap();
        tokio::task::yield_now().await;
    }
    stop.send(true).unwrap();
    following.await.unwrap().unwrap();
    // One at once, one for each second, one at the end.
    let allowed = begun.elapsed().as_secs() + 2;
    let saves = u64::try_from(store.saves.load(Ordering::SeqCst)).unwrap();
    assert!(saves <= allowed, "{saves} savings");
}

#[tokio::test]
async fn it_ends_when_whoever_would_stop_it_is_gone() {
    let world = World::new().await;
    let (stop, stopped) = watch::channel(false);
    let following =
        tokio::spawn(world.handler.clone().follow_processes(world.store.clone(), stopped));
    drop(stop);
    following.await.unwrap().unwrap();
}
