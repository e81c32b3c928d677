//! That all ways of reading tell one story, in an order that no clock can change.

use std::{collections::HashMap, sync::Arc};

use events::{
    envelope::{Instant, Position, Recorded, Version},
    ids::StreamName,
};

use super::{Log, MORNING, Subject, after, good, words};

async fn some_log<S: Subject>() -> Log<S> {
    let log = Log::<S>::fresh().await;
    for round in 0..6_u64 {
        let batch = (0..5).map(|n| {
            let word = format!("{round} of {n}");
            log.says(&word, log.stream(&format!("s{n}")), round, &[word.as_str()])
        });
        for answer in log.append_all(batch.collect()).await {
            good(answer);
        }
    }
    log
}

/// The whole log, taken apart by stream, is all the streams.
pub async fn the_log_tells_every_stream_in_its_order<S: Subject>() {
    let log = some_log::<S>().await;
    let all = log.read().await;
    assert_eq!(all.len(), 30);
    assert!(all.windows(2).all(|pair| pair[0].position < pair[1].position));
    let mut streams: HashMap<StreamName, Vec<Arc<Recorded>>> = HashMap::new();
    for event in &all {
        streams.entry(event.stream).or_default().push(Arc::clone(event));
    }
    assert_eq!(streams.len(), 5);
    for (stream, events) in streams {
        assert_eq!(log.read_stream(stream).await, events);
        let versions: Vec<u64> = events.iter().map(|event| event.version.0).collect();
        assert_eq!(versions, (1..=6).collect::<Vec<u64>>());
    }
}

/// Before and after a restart: from memory and from the store.
pub async fn pages_of_every_size_tell_the_same_log<S: Subject>() {
    let log = some_log::<S>().await;
    let all = log.read().await;
    for page in [1, 2, 7, 29, 30, 31] {
        assert_eq!(log.read_by(page).await, all, "in pages of {page}");
    }
    let log = log.reopened().await;
    for page in [1, 2, 7, 29, 30, 31] {
        assert_eq!(log.read_by(page).await, all, "in pages of {page} after a restart");
    }
}

/// Of the log, and of a stream.
pub async fn a_limit_of_zero_reads_nothing<S: Subject>() {
    let log = some_log::<S>().await;
    assert!(good(log.feed().read(log.start.position, 0).await).is_empty());
    let stream = log.stream("s0");
    assert!(good(log.store().read_stream(stream, Version::NONE, 0).await).is_empty());
}

/// And for no more than was asked.
pub async fn a_stream_is_read_from_after_the_version_named<S: Subject>() {
    let log = some_log::<S>().await;
    let stream = log.stream("s3");
    for (from, limit, expected) in [
        (0, 1, vec![1]),
        (0, 2, vec![1, 2]),
        (2, 3, vec![3, 4, 5]),
        (5, 9, vec![6]),
        (6, 9, vec![]),
    ] {
        let events = good(log.store().read_stream(stream, Version(from), limit).await);
        let versions: Vec<u64> = events.iter().map(|event| event.version.0).collect();
        assert_eq!(versions, expected, "{limit} after {from}");
    }
}

/// However far beyond.
pub async fn reading_beyond_the_end_finds_nothing<S: Subject>() {
    let log = some_log::<S>().await;
    let head = log.head().await.position;
    for beyond in [head, after(head, 1), after(head, 1_000_000), Position(u64::MAX)] {
        assert!(good(log.feed().read(beyond, 10).await).is_empty(), "after {beyond}");
    }
    for beyond in [6, 7, u64::MAX] {
        let events = good(log.store().read_stream(log.stream("s0"), Version(beyond), 10).await);
        assert!(events.is_empty(), "after version {beyond}");
    }
}

/// An answer is given when the event can be read, everywhere.
pub async fn what_was_appended_is_read_at_once<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream("a");
    for n in 0..50_u64 {
        let word = format!("word {n}");
        let receipt = log.stored(log.says(&word, stream, n, &[&word])).await;
        assert_eq!(log.head().await.position, receipt.position);
        let read = good(log.store().read_stream(stream, Version(n), 10).await);
        assert_eq!(words(&read), std::slice::from_ref(&word));
        let read = good(log.feed().read(Position(receipt.position.0 - 1), 10).await);
        assert_eq!(words(&read), [word]);
    }
}

/// Position and time, for both ports.
pub async fn the_head_is_the_last_event<S: Subject>() {
    let log = Log::<S>::fresh().await;
    for n in 0..3 {
        log.set_clock(Instant::from_micros(MORNING.micros() + n * 1_000));
        log.stream_of(&format!("s{n}"), 2).await;
        let last = log.read().await.last().map(|event| (event.position, event.recorded_at));
        let head = log.head().await;
        assert_eq!(last, Some((head.position, head.recorded_at)));
        assert_eq!(good(log.feed().feed_head().await), head);
    }
}

/// Longer than what a store keeps at hand.
pub async fn a_long_log_is_read_from_its_beginning<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream("a");
    for n in 0..12_u64 {
        let command = format!("part {n}");
        log.stored(log.says(&command, stream, n * 1_000, &vec![command.as_str(); 1_000])).await;
    }
    let all = log.read().await;
    assert_eq!(all.len(), 12_000);
    for (n, event) in (0..).zip(&all) {
        assert_eq!(event.version, Version(n + 1));
        assert_eq!(event.event.payload, format!("part {}", n / 1_000).as_bytes());
    }
    assert_eq!(log.read_by(77).await, all);
    assert_eq!(log.read_stream(stream).await, all);
}

/// A follower at the end is woken, and finds what woke it.
pub async fn waiting_ends_when_the_log_grows<S: Subject>() {
    let log = Log::<S>::fresh().await;
    log.stream_of("a", 1).await;
    let feed = log.feed();
    let head = log.head().await.position;
    let waiting = tokio::spawn(async move {
        loop {
            feed.wait(head).await;
            let events = good(feed.read(head, 10).await);
            if !events.is_empty() {
                return events;
            }
        }
    });
    tokio::task::yield_now().await;
    log.stored(log.says("news", log.stream("b"), 0, &["news"])).await;
    assert_eq!(words(&good(waiting.await)), ["news"]);
}

/// No matter when it came.
pub async fn waiting_for_what_is_there_does_not_wait<S: Subject>() {
    let log = some_log::<S>().await;
    log.feed().wait(log.start.position).await;
    let log = log.reopened().await;
    log.feed().wait(log.start.position).await;
}

/// Order never depends on a clock.
pub async fn recorded_at_never_decreases_when_the_clock_jumps_back<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let mut times = Vec::new();
    for (n, jump) in [0, 10, -3_600_000_000, 5, 20, -1, 20, 30].into_iter().enumerate() {
        log.set_clock(Instant::from_micros(MORNING.micros() + jump));
        log.stream_of(&format!("s{n}"), 1).await;
        times.push(log.head().await.recorded_at.micros() - MORNING.micros());
    }
    assert_eq!(times, [0, 10, 10, 10, 20, 20, 20, 30]);
    let recorded: Vec<i64> = log
        .read()
        .await
        .iter()
        .map(|event| event.recorded_at.micros() - MORNING.micros())
        .collect();
    assert_eq!(recorded, times);
}

/// Nor does a clock that is wrong after a restart change it.
pub async fn recorded_at_never_decreases_over_a_restart<S: Subject>() {
    let log = Log::<S>::fresh().await;
    log.stream_of("a", 1).await;
    let log = log.reopened().await;
    log.set_clock(Instant::from_micros(MORNING.micros() - 1_000_000));
    log.stream_of("b", 1).await;
    let times: Vec<Instant> = log.read().await.iter().map(|event| event.recorded_at).collect();
    assert_eq!(times, [MORNING, MORNING]);
}

/// Before, at, between and after, with several events at one instant.
pub async fn the_position_at_an_instant_is_the_last_one_recorded_by_then<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let at = |second: i64| Instant::from_micros(MORNING.micros() + second * 1_000_000);
    for (second, events) in [(0, 1), (10, 3), (20, 1), (30, 2)] {
        log.set_clock(at(second));
        log.stream_of(&format!("at {second}"), events).await;
    }
    let all = log.read().await;
    let log = log.reopened().await;
    for (second, seen) in
        [(0, 1), (5, 1), (9, 1), (10, 4), (11, 4), (20, 5), (29, 5), (30, 7), (31, 7), (99_999, 7)]
    {
        let found = good(log.feed().position_at(at(second)).await);
        assert_eq!(found, all[seen - 1].position, "at second {second}");
    }
    let before = good(log.feed().position_at(at(-1)).await);
    assert!(before <= log.start.position, "nothing was recorded before the first event");
}
