//! Nothing is lost and nothing doubled, whoever else publishes.

use std::sync::Arc;

use events::evidence::{leaf, sha256};
use futures_util::StreamExt;

use super::*;
use crate::bus::testing::{VecFeed, message};

/// The positions in the stream, as JetStream itself tells them.
async fn stored(test: &Test) -> Vec<u64> {
    let stream = test.context().await.get_stream("ANNALS").await.unwrap();
    let state = stream.cached_info().state.clone();
    let mut positions = Vec::new();
    if state.messages > 0 {
        for number in state.first_sequence..=state.last_sequence {
            let raw = stream.get_raw_message(number).await.unwrap();
            positions.push(raw.headers.get("Annals-Position").unwrap().as_str().parse().unwrap());
        }
    }
    positions
}

async fn last(bus: &NatsBus) -> Option<u64> {
    bus.last().await.unwrap().map(|last| last.position.0)
}

#[tokio::test]
async fn who_does_not_follow_the_last_message_is_refused() {
    let Some(test) = Test::start("nats::who_does_not_follow") else { return };
    let (first, second) = (test.bus().await, test.bus().await);
    first.publish((1..=300).map(message).collect()).await.unwrap();
    assert!(second.publish((1..=300).map(message).collect()).await.is_err());
    assert!(second.publish(vec![message(301)]).await.is_err(), "it has to ask again");
    assert_eq!(last(&second).await, Some(300));
    second.publish((301..=400).map(message).collect()).await.unwrap();
    assert!(first.publish(vec![message(301)]).await.is_err());
    assert_eq!(stored(&test).await, (1..=400).collect::<Vec<_>>());
}

/// Publishes the log from where the bus stands, as a relay does.
async fn relay(bus: &NatsBus, end: u64) {
    loop {
        let mut at = last(bus).await.unwrap_or(0);
        loop {
            if at >= end {
                return;
            }
            let until = (at + 37).min(end);
            if bus.publish((at + 1..=until).map(message).collect()).await.is_err() {
                break;
            }
            at = until;
        }
    }
}

#[tokio::test]
async fn publishers_at_the_same_time_lose_and_double_nothing() {
    let Some(test) = Test::start("nats::publishers_at_the_same_time") else { return };
    let buses = [test.bus().await, test.bus().await, test.bus().await];
    let all = futures_util::future::join_all(buses.iter().map(|bus| relay(bus, 2_000)));
    timeout(2 * PATIENCE, all).await.expect("in time");
    assert_eq!(stored(&test).await, (1..=2_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_given_up_publication_leaves_nothing_unknown() {
    let Some(test) = Test::start("nats::a_given_up_publication") else { return };
    let bus = test.bus().await;
    let given_up = timeout(Duration::ZERO, bus.publish((1..=200).map(message).collect())).await;
    assert!(given_up.is_err(), "it cannot be that quick");
    assert!(bus.publish(vec![message(201)]).await.is_err(), "nobody knows what follows what");
    relay(&bus, 300).await;
    assert_eq!(stored(&test).await, (1..=300).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_stream_is_made_as_it_should_be_and_operators_may_purge_and_delete_it() {
    let Some(test) = Test::start("nats::the_stream_is_made") else { return };
    let bus = NatsBus::open(test.options(), LOG).await.unwrap();
    let context = test.context().await;
    assert!(context.get_stream("ANNALS").await.is_err(), "who only listens makes nothing");
    assert_eq!(last(&bus).await, None);
    let stream = context.get_stream("ANNALS").await.unwrap();
    let config = &stream.cached_info().config;
    assert_eq!(config.description, Some(format!("annals log {LOG}")));
    assert_eq!(config.max_age, Duration::from_secs(7 * 24 * 60 * 60));

    bus.publish((1..=10).map(message).collect()).await.unwrap();
    stream.purge().await.unwrap();
    assert_eq!(last(&bus).await, None);
    bus.publish((11..=12).map(message).collect()).await.unwrap();
    assert_eq!((last(&bus).await, stored(&test).await), (Some(12), vec![11, 12]));

    context.delete_stream("ANNALS").await.unwrap();
    assert!(bus.publish(vec![message(13)]).await.is_err());
    assert_eq!(last(&bus).await, None);
    bus.publish(vec![message(13)]).await.unwrap();
    assert_eq!(stored(&test).await, [13]);
}

#[tokio::test]
async fn a_deleted_last_message_is_no_end() {
    let Some(test) = Test::start("nats::a_deleted_last_message") else { return };
    let bus = test.bus().await;
    bus.publish((1..=5).map(message).collect()).await.unwrap();
    let stream = test.context().await.get_stream("ANNALS").await.unwrap();
    stream.delete_message(5).await.unwrap();
    stream.delete_message(4).await.unwrap();
    assert_eq!(last(&bus).await, Some(3));
    bus.publish((4..=6).map(message).collect()).await.unwrap();
    assert_eq!(last(&bus).await, Some(6));
}

#[tokio::test]
async fn strangers_in_the_stream_are_passed_over_and_other_logs_are_not() {
    let Some(test) = Test::start("nats::strangers_in_the_stream") else { return };
    let bus = test.bus().await;
    bus.publish((1..=5).map(message).collect()).await.unwrap();
    let context = test.context().await;
    for _ in 0..3 {
        let sent = context.publish("annals.ev.00.note.added", "{}".into()).await.unwrap();
        sent.await.unwrap();
    }
    assert_eq!(last(&bus).await, Some(5));
    let mut ear = bus.subscribe(Position(3)).await.unwrap();
    bus.publish(vec![message(6)]).await.unwrap();
    let mut heard = Vec::new();
    while heard.last() != Some(&6) {
        let messages = ear.next(10, PATIENCE).await.unwrap();
        assert!(!messages.is_empty());
        heard.extend(messages.iter().map(|message| message.event.position.0));
    }
    assert!(heard.is_sorted() && heard.iter().all(|position| *position <= 6), "{heard:?}");

    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Annals-Log", uuid::Uuid::from_u128(9).to_string());
    let subject = "annals.ev.00.note.added";
    let sent = context.publish_with_headers(subject, headers, "{}".into()).await.unwrap();
    let sequence = sent.await.unwrap().sequence;
    assert!(bus.last().await.unwrap_err().to_string().contains("another log's events"));
    assert!(matches!(*bus.status().borrow(), BusStatus::Refused { .. }));
    assert!(bus.publish(vec![message(7)]).await.is_err());
    let stream = context.get_stream("ANNALS").await.unwrap();
    stream.delete_message(sequence).await.unwrap();
    assert_eq!(last(&bus).await, Some(6));
    bus.distrust(None);
    bus.publish(vec![message(7)]).await.unwrap();
}

/// The first `count` messages of a log, of which one is larger than 65536 bytes.
fn with_a_large_one(feed: &VecFeed, count: u64, large: usize) -> Vec<Message> {
    let mut messages = feed.grow(count);
    let mut event = (*messages[large].event).clone();
    event.event.payload = vec![b'x'; 100_000].into();
    event.event.payload_sha256 = sha256(&event.event.payload);
    event.leaf = leaf(LOG, event.stream, event.version, event.recorded_at, &event.event);
    messages[large].event = Arc::new(event);
    messages
}

#[tokio::test]
async fn an_event_too_large_for_the_server_is_left_out_and_comes_from_the_store() {
    let config = "max_payload: 65536";
    let Some(test) = Test::start_with("nats::an_event_too_large", config) else { return };
    let bus = test.bus().await;
    let messages = with_a_large_one(&VecFeed::default(), 3, 1);
    let mut ear = bus.subscribe(Position::START).await.unwrap();
    bus.publish(messages).await.unwrap();
    assert_eq!(last(&bus).await, Some(3));
    let mut heard = Vec::new();
    while heard.len() < 2 {
        heard.extend(ear.next(10, PATIENCE).await.unwrap());
    }
    let heard: Vec<_> = heard.iter().map(|it| (it.previous.0, it.event.position.0)).collect();
    assert_eq!(heard, [(0, 1), (2, 3)], "who hears it knows that 2 is missing");
}

#[tokio::test]
async fn the_last_of_a_page_may_be_too_large_and_the_others_are_there_for_certain() {
    let config = "max_payload: 65536";
    let Some(test) = Test::start_with("nats::the_last_of_a_page", config) else { return };
    let (bus, other) = (test.bus().await, test.bus().await);
    bus.publish(with_a_large_one(&VecFeed::default(), 3, 2)).await.unwrap();
    assert_eq!(stored(&test).await, [1, 2]);
    bus.publish(with_a_large_one(&VecFeed::default(), 3, 2).split_off(2)).await.unwrap();
    assert_eq!(stored(&test).await, [1, 2], "alone it is left out, too");
    bus.publish(vec![message(4)]).await.unwrap();
    // Another came between: that its message has the sequence of ours says nothing.
    assert_eq!(last(&other).await, Some(4));
    other.publish(vec![message(5)]).await.unwrap();
    let mut messages = with_a_large_one(&VecFeed::default(), 7, 6).split_off(5);
    messages[0].previous = Position(4);
    assert!(bus.publish(messages).await.is_err());
    assert_eq!(stored(&test).await, [1, 2, 4, 5]);
}

#[tokio::test]
async fn an_ear_begins_near_where_the_follower_stands() {
    let Some(test) = Test::start("nats::an_ear_begins_near") else { return };
    let bus = test.bus().await;
    // A stream whose sequences and positions differ.
    bus.publish((501..=600).map(message).collect()).await.unwrap();
    for (at, expected) in [(0, 501), (500, 501), (550, 551), (599, 600)] {
        let mut ear = bus.subscribe(Position(at)).await.unwrap();
        let first = ear.next(1, PATIENCE).await.unwrap();
        assert_eq!(first[0].event.position.0, expected, "after {at}");
    }
    let mut ear = bus.subscribe(Position(9_999)).await.unwrap();
    assert!(ear.next(1, Duration::from_millis(100)).await.unwrap().is_empty());
    bus.publish(vec![message(601)]).await.unwrap();
    assert_eq!(ear.next(1, PATIENCE).await.unwrap()[0].event.position.0, 601);
}

#[tokio::test]
async fn consumers_go_with_their_listeners() {
    let Some(test) = Test::start("nats::consumers_go") else { return };
    let bus = test.bus().await;
    bus.publish((1..=5).map(message).collect()).await.unwrap();
    let mut ears = Vec::new();
    for _ in 0..5 {
        let mut ear = bus.subscribe(Position::START).await.unwrap();
        assert!(!ear.next(1, PATIENCE).await.unwrap().is_empty());
        ears.push(ear);
    }
    let stream = test.context().await.get_stream("ANNALS").await.unwrap();
    assert_eq!(stream.consumer_names().count().await, 5);
    drop(ears);
    let mut rhythm = tokio::time::interval(Duration::from_millis(200));
    let gone = async {
        while stream.consumer_names().count().await > 0 {
            rhythm.tick().await;
        }
    };
    timeout(PATIENCE, gone).await.expect("the server clears them away");
}
