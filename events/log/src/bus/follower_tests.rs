//! Whatever the bus does, what comes out of the follower is the log.

use std::collections::HashSet;

use super::*;
use crate::bus::{
    Bus, InProcessBus, Publisher,
    nemesis::{Dice, NemesisBus},
    testing::{LOG, VecFeed, message},
};

const PATIENCE: Duration = Duration::from_secs(10);
const NONE: Duration = Duration::ZERO;

async fn follower(feed: &Arc<VecFeed>, bus: &impl Bus, at: u64) -> Follower {
    let subscription = bus.subscribe(Position(at)).await.unwrap();
    Follower::new(feed.clone(), Some(subscription), Position(at)).of_log(LOG)
}

fn positions(events: &[Arc<Recorded>]) -> Vec<u64> {
    events.iter().map(|event| event.position.0).collect()
}

/// Follows until silence and the end of the log.
async fn follow(follower: &mut Follower, feed: &VecFeed) -> Vec<Arc<Recorded>> {
    let mut seen = Vec::new();
    let mut turns = 0;
    while follower.at().0 < feed.all().len() as u64 {
        seen.extend(follower.next(7, NONE).await.unwrap());
        turns += 1;
        assert!(turns < 10_000, "stuck at {}", follower.at());
    }
    seen
}

#[tokio::test]
async fn live_events_come_by_the_bus_alone() {
    let (feed, bus) = (Arc::new(VecFeed::default()), InProcessBus::default());
    let mut follower = follower(&feed, &bus, 0).await;
    assert!(follower.next(10, NONE).await.unwrap().is_empty());
    let reads = feed.reads() + 1;
    for round in 0..10 {
        bus.publish(feed.grow(3)).await.unwrap();
        let expected: Vec<_> = (round * 3 + 1..=round * 3 + 3).collect();
        assert_eq!(positions(&follower.next(10, PATIENCE).await.unwrap()), expected);
    }
    assert_eq!(follower.at(), Position(30));
    assert_eq!(feed.reads(), reads, "the first was compared, otherwise the store was not read");
}

#[tokio::test]
async fn what_goes_with_it_comes_by_the_bus_or_not_at_all() {
    let (feed, bus) = (Arc::new(VecFeed::default()), InProcessBus::default());
    let mut follower = follower(&feed, &bus, 0).await;
    bus.publish(feed.grow(1)).await.unwrap();
    assert_eq!(positions(&follower.next(10, PATIENCE).await.unwrap()), [1]);
    // The first that is heard is compared with the store.
    bus.publish(feed.grow(1)).await.unwrap();
    assert_eq!(positions(&follower.next(10, PATIENCE).await.unwrap()), [2]);
    let (third, late) = (feed.grow(1), feed.grow(1));
    bus.publish(third).await.unwrap();
    let reads = feed.reads();
    assert_eq!(positions(&follower.more(10, PATIENCE).await.unwrap()), [3]);
    assert!(follower.more(10, Duration::from_millis(2)).await.unwrap().is_empty());
    assert_eq!(feed.reads(), reads, "the store was left alone");
    bus.publish(late).await.unwrap();
    assert_eq!(positions(&follower.more(10, PATIENCE).await.unwrap()), [4]);
    // Without a bus there is nothing but the store.
    let mut alone = Follower::new(feed.clone(), None, Position(2)).of_log(LOG);
    assert_eq!(positions(&alone.more(10, NONE).await.unwrap()), [3, 4]);
}

#[tokio::test]
async fn a_follower_far_behind_reads_the_store_in_pages() {
    let (feed, bus) = (Arc::new(VecFeed::default()), InProcessBus::default());
    let published = feed.grow(25);
    let mut follower = follower(&feed, &bus, 2).await;
    bus.publish(published).await.unwrap();
    assert_eq!(positions(&follower.next(10, NONE).await.unwrap()), (3..=12).collect::<Vec<_>>());
    assert_eq!(positions(&follower.next(10, NONE).await.unwrap()), (13..=22).collect::<Vec<_>>());
    assert_eq!(positions(&follower.next(10, NONE).await.unwrap()), [23, 24, 25]);
    assert!(follower.next(10, NONE).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_gap_is_filled_from_the_store() {
    let (feed, bus) = (Arc::new(VecFeed::default()), InProcessBus::default());
    let mut follower = follower(&feed, &bus, 0).await;
    let mut messages = feed.grow(6);
    messages.remove(2);
    bus.publish(messages).await.unwrap();
    assert_eq!(positions(&follow(&mut follower, &feed).await), [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_lost_tail_comes_from_the_store_after_a_silence() {
    let (feed, bus) = (Arc::new(VecFeed::default()), InProcessBus::default());
    let mut follower = follower(&feed, &bus, 0).await;
    assert!(follower.next(10, NONE).await.unwrap().is_empty());
    let _lost = feed.grow(2);
    assert_eq!(positions(&follower.next(10, NONE).await.unwrap()), [1, 2]);
}

#[tokio::test]
async fn duplicates_are_dropped() {
    let (feed, bus) = (Arc::new(VecFeed::default()), InProcessBus::default());
    let mut follower = follower(&feed, &bus, 0).await;
    let messages = feed.grow(3);
    for _ in 0..3 {
        bus.publish(messages.clone()).await.unwrap();
    }
    assert_eq!(positions(&follower.next(100, PATIENCE).await.unwrap()), [1, 2, 3]);
    assert!(follower.next(100, NONE).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_message_from_beyond_the_head_is_not_believed() {
    let (feed, bus) = (Arc::new(VecFeed::default()), InProcessBus::default());
    let mut follower = follower(&feed, &bus, 0).await;
    bus.publish(vec![message(1)]).await.unwrap();
    assert!(follower.next(10, NONE).await.unwrap().is_empty());
    let _unpublished = feed.grow(1);
    assert_eq!(positions(&follower.next(10, NONE).await.unwrap()), [1]);
}

#[tokio::test]
async fn a_message_that_hides_its_forerunners_is_not_believed() {
    let (feed, bus) = (Arc::new(VecFeed::default()), InProcessBus::default());
    let mut follower = follower(&feed, &bus, 0).await;
    let mut messages = feed.grow(5);
    let mut last = messages.remove(4);
    last.previous = Position::START;
    bus.publish(vec![last]).await.unwrap();
    assert_eq!(positions(&follow(&mut follower, &feed).await), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn on_a_sparse_log_the_previous_position_counts() {
    let (feed, bus) = (Arc::new(VecFeed::default()), InProcessBus::default());
    let mut follower = follower(&feed, &bus, 0).await.sparse();
    let mut messages = feed.grow(5);
    let mut last = messages.remove(4);
    last.previous = Position::START;
    bus.publish(vec![last]).await.unwrap();
    assert!(follower.next(10, NONE).await.unwrap().len() == 5, "first the store is read");
    follower.go_back_to(Position(5));
    let _lost = feed.grow(2);
    let mut last = message(7);
    last.previous = Position(5);
    (follower.behind, follower.is_unproven) = (false, false);
    bus.publish(vec![last]).await.unwrap();
    let mut seen = Vec::new();
    while seen.is_empty() {
        seen = follower.next(10, PATIENCE).await.unwrap();
    }
    assert_eq!(positions(&seen), [7]);
}

#[tokio::test]
async fn other_bytes_under_the_same_leaf_are_not_believed() {
    let (feed, bus) = (Arc::new(VecFeed::default()), InProcessBus::default());
    let mut follower = follower(&feed, &bus, 0).await;
    let mut messages = feed.grow(1);
    Arc::make_mut(&mut messages[0].event).event.payload = "{}".into();
    bus.publish(messages).await.unwrap();
    assert_eq!(follow(&mut follower, &feed).await, feed.all());
}

#[tokio::test]
async fn a_bus_that_kept_the_future_of_a_log_that_was_set_back_is_left() {
    let (feed, bus) = (Arc::new(VecFeed::default()), InProcessBus::default());
    let _before = feed.grow(3);
    let mut follower = follower(&feed, &bus, 0).await;
    assert_eq!(positions(&follower.next(10, NONE).await.unwrap()), [1, 2, 3]);
    let mut lost = message(4);
    let event = Arc::make_mut(&mut lost.event);
    event.version = events::envelope::Version(2);
    event.leaf = leaf(LOG, event.stream, event.version, event.recorded_at, &event.event);
    let _after = feed.grow(1);
    bus.publish(vec![lost]).await.unwrap();
    assert_eq!(follow(&mut follower, &feed).await, feed.all()[3..]);
    assert!(!follower.is_listening());
}

#[tokio::test]
async fn without_a_bus_the_store_is_followed() {
    let feed = Arc::new(VecFeed::default());
    let mut follower = Follower::new(feed.clone(), None, Position::START);
    assert!(follower.next(10, NONE).await.unwrap().is_empty());
    let (events, _) = tokio::join!(follower.next(10, PATIENCE), async { feed.grow(2) });
    assert_eq!(positions(&events.unwrap()), [1, 2]);
}

#[tokio::test]
async fn a_bus_that_fails_is_left_and_can_be_listened_to_again() {
    let (feed, bus) = (Arc::new(VecFeed::default()), InProcessBus::default());
    let mut follower = follower(&feed, &bus, 0).await;
    drop(bus);
    let _unpublished = feed.grow(2);
    assert_eq!(follow(&mut follower, &feed).await, feed.all());
    assert!(follower.next(10, NONE).await.unwrap().is_empty());
    assert!(!follower.is_listening());

    let bus = InProcessBus::default();
    follower.listen(bus.subscribe(follower.at()).await.unwrap());
    bus.publish(feed.grow(1)).await.unwrap();
    assert_eq!(positions(&follower.next(10, PATIENCE).await.unwrap()), [3]);
    assert!(follower.is_listening());
}

#[tokio::test]
async fn what_could_not_be_applied_comes_again() {
    let (feed, bus) = (Arc::new(VecFeed::default()), InProcessBus::default());
    let mut follower = follower(&feed, &bus, 0).await;
    bus.publish(feed.grow(4)).await.unwrap();
    assert_eq!(follow(&mut follower, &feed).await.len(), 4);
    follower.go_back_to(Position(2));
    assert_eq!(positions(&follower.next(10, NONE).await.unwrap()), [3, 4]);
}

/// One life of a follower under a hostile bus: the log grows, the bus does evil, the follower
/// forgets what it could not apply, and comes again where the bus threw it out.
async fn life(seed: u64) -> bool {
    let mut dice = Dice::new(!seed);
    let (feed, bus) = (Arc::new(VecFeed::default()), NemesisBus::new(seed));
    let mut follower = follower(&feed, &bus, 0).await;
    let mut seen = Vec::new();
    let mut thrown_out = false;
    for _ in 0..dice.roll(30) {
        for _ in 0..dice.roll(4) {
            let messages = feed.grow(1 + dice.roll(8));
            if dice.happens(90) {
                bus.publish(messages).await.unwrap();
            }
        }
        let limit = usize::try_from(1 + dice.roll(12)).unwrap();
        let events = follower.next(limit, NONE).await.unwrap();
        assert!(events.len() <= limit, "seed {seed}");
        if dice.happens(10) {
            follower.go_back_to(seen.last().map_or(Position::START, position));
        } else {
            seen.extend(events);
        }
        if !follower.is_listening() {
            thrown_out = true;
            follower.listen(bus.subscribe(follower.at()).await.unwrap());
        }
    }
    seen.extend(follow(&mut follower, &feed).await);
    assert_eq!(seen, feed.all(), "seed {seed}");
    thrown_out
}

fn position(event: &Arc<Recorded>) -> Position {
    event.position
}

#[test]
fn a_follower_under_any_bus_sees_the_log_once_and_in_order() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let thrown_out: HashSet<bool> = (0..5_000).map(|seed| runtime.block_on(life(seed))).collect();
    assert_eq!(thrown_out.len(), 2, "the bus failed in some lives and in others not");
}
