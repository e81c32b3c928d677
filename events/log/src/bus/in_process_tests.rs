//! The in-process bus keeps the laws of every bus, and forgets rather than waits.

use super::*;
use crate::bus::{contract, testing};

macro_rules! laws {
    ($($law:ident)*) => {$(
        #[tokio::test]
        async fn $law() {
            contract::$law(&InProcessBus::default()).await;
        }
    )*};
}

laws! {
    what_is_published_arrives_in_order
    messages_arrive_unchanged
    subscribers_do_not_share
    a_subscriber_may_go
    the_limit_is_kept
    silence_is_an_empty_answer
    a_message_ends_the_wait
    a_dropped_wait_loses_nothing
    the_last_position_is_known
}

#[tokio::test]
async fn a_slow_follower_loses_the_oldest_and_hears_the_newest() {
    let bus = InProcessBus::new(4);
    let mut ear = bus.subscribe(Position::START).await.unwrap();
    for position in 1..=100 {
        bus.publish(vec![testing::message(position)]).await.unwrap();
    }
    let messages = ear.next(1_000, Duration::from_secs(10)).await.unwrap();
    let positions: Vec<_> = messages.iter().map(|message| message.event.position.0).collect();
    assert_eq!(positions, [97, 98, 99, 100]);
}

#[tokio::test]
async fn followers_are_told_when_the_bus_is_gone() {
    let bus = InProcessBus::default();
    let mut ear = bus.subscribe(Position::START).await.unwrap();
    bus.publish(vec![testing::message(1)]).await.unwrap();
    drop(bus);
    assert_eq!(ear.next(10, Duration::from_secs(10)).await.unwrap().len(), 1);
    assert!(ear.next(10, Duration::from_secs(10)).await.is_err());
}
