//! The laws that every bus keeps, whatever carries its messages.
//!
//! An adapter's tests make a fresh bus for each law and call it. A law panics when it is broken.

use std::time::Duration;

use events::envelope::Position;

use super::{
    Bus, Message, Publisher, Subscription,
    testing::{event, message},
};

/// Longer than any bus needs for a handful of messages.
const PATIENCE: Duration = Duration::from_secs(10);
/// Long enough to see that nothing comes.
const MOMENT: Duration = Duration::from_millis(20);

async fn listen(bus: &impl Bus) -> Box<dyn Subscription> {
    bus.subscribe(Position::START).await.expect("the bus takes subscribers")
}

async fn publish(bus: &impl Publisher, positions: impl Iterator<Item = u64>) {
    bus.publish(positions.map(message).collect()).await.expect("the bus takes messages");
}

async fn receive(ear: &mut dyn Subscription, count: usize) -> Vec<Message> {
    let mut messages = Vec::new();
    while messages.len() < count {
        let more = ear.next(count - messages.len(), PATIENCE).await.expect("the bus carries");
        assert!(!more.is_empty(), "{} of {count} messages came in time", messages.len());
        messages.extend(more);
    }
    messages
}

fn positions(messages: &[Message]) -> Vec<u64> {
    messages.iter().map(|message| message.event.position.0).collect()
}

/// A subscriber gets what is published after it subscribed, in the order of publication.
pub async fn what_is_published_arrives_in_order(bus: &(impl Bus + Publisher)) {
    let mut ear = listen(bus).await;
    publish(bus, 1..=3).await;
    publish(bus, 4..=10).await;
    assert_eq!(positions(&receive(&mut *ear, 10).await), (1..=10).collect::<Vec<_>>());
}

/// Every message says what came before it, and the event is the one that was handed over: header,
/// leaf and the sealed bytes.
pub async fn messages_arrive_unchanged(bus: &(impl Bus + Publisher)) {
    let mut ear = listen(bus).await;
    publish(bus, 1..=5).await;
    for (message, position) in receive(&mut *ear, 5).await.iter().zip(1..) {
        assert_eq!(message.previous, Position(position - 1));
        assert_eq!(message.event, event(position));
    }
}

/// Every subscriber gets every message.
pub async fn subscribers_do_not_share(bus: &(impl Bus + Publisher)) {
    let (mut first, mut second) = (listen(bus).await, listen(bus).await);
    publish(bus, 1..=5).await;
    for ear in [&mut first, &mut second] {
        assert_eq!(positions(&receive(&mut **ear, 5).await), [1, 2, 3, 4, 5]);
    }
}

/// A subscriber that goes does not disturb the others, nor the publisher.
pub async fn a_subscriber_may_go(bus: &(impl Bus + Publisher)) {
    let (gone, mut ear) = (listen(bus).await, listen(bus).await);
    drop(gone);
    publish(bus, 1..=2).await;
    assert_eq!(positions(&receive(&mut *ear, 2).await), [1, 2]);
    drop(ear);
    publish(bus, 3..=3).await;
}

/// No answer holds more than was asked for; the rest comes with the next.
pub async fn the_limit_is_kept(bus: &(impl Bus + Publisher)) {
    let mut ear = listen(bus).await;
    publish(bus, 1..=5).await;
    let mut messages = Vec::new();
    while messages.len() < 5 {
        let more = ear.next(2, PATIENCE).await.expect("the bus carries");
        assert!((1..=2).contains(&more.len()), "{} messages", more.len());
        messages.extend(more);
    }
    assert_eq!(positions(&messages), [1, 2, 3, 4, 5]);
}

/// Silence is an empty answer, once patience is at an end.
pub async fn silence_is_an_empty_answer(bus: &(impl Bus + Publisher)) {
    let mut ear = listen(bus).await;
    let answer = tokio::time::timeout(PATIENCE, ear.next(10, MOMENT)).await;
    assert!(answer.expect("patience is kept").expect("silence is no error").is_empty());
    publish(bus, 1..=1).await;
    assert_eq!(positions(&receive(&mut *ear, 1).await), [1]);
}

/// Whoever waits is woken by the message, not by the end of its patience.
pub async fn a_message_ends_the_wait(bus: &(impl Bus + Publisher)) {
    let mut ear = listen(bus).await;
    let hour = Duration::from_secs(3_600);
    let both = async { tokio::join!(ear.next(10, hour), publish(bus, 1..=1)) };
    let (messages, ()) = tokio::time::timeout(PATIENCE, both).await.expect("the wait ends");
    assert_eq!(positions(&messages.expect("the bus carries")), [1]);
}

/// A wait that is dropped loses no message.
pub async fn a_dropped_wait_loses_nothing(bus: &(impl Bus + Publisher)) {
    let mut ear = listen(bus).await;
    let dropped = tokio::time::timeout(MOMENT, ear.next(10, PATIENCE)).await;
    assert!(dropped.is_err(), "nothing was there to receive");
    publish(bus, 1..=3).await;
    assert_eq!(positions(&receive(&mut *ear, 3).await), [1, 2, 3]);
}

/// The bus knows the last position it took; a new one knows none.
pub async fn the_last_position_is_known(bus: &(impl Bus + Publisher)) {
    let last = async || bus.last().await.expect("the bus answers").map(|last| last.position);
    assert_eq!(last().await, None);
    publish(bus, 1..=3).await;
    assert_eq!(last().await, Some(Position(3)));
    publish(bus, 0..0).await;
    assert_eq!(last().await, Some(Position(3)), "nothing was published");
    publish(bus, 4..=4).await;
    assert_eq!(last().await, Some(Position(4)));
    let leaf = bus.last().await.expect("the bus answers").map(|last| last.leaf);
    assert_eq!(leaf, Some(event(4).leaf));
}
