//! What an append does, and what it refuses.

use bytes::Bytes;
use events::{
    envelope::Version,
    ids::{Category, StreamName},
};

use super::{Log, Subject, assert_conflict, event, good, words};
use crate::store::{AppendError, Appended, MAX_EVENTS, MAX_PAYLOAD};

/// No stream is no error.
pub async fn a_stream_that_is_not_there_has_no_events<S: Subject>() {
    let log = Log::<S>::fresh().await;
    assert!(log.read_stream(log.stream("nothing")).await.is_empty());
}

/// Versions count events.
pub async fn the_first_event_of_a_stream_has_version_one<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream("a");
    let receipt = log.stored(log.says("first", stream, 0, &["one", "two"])).await;
    assert_eq!((receipt.version, receipt.events), (Version(2), 2));
    let events = log.read_stream(stream).await;
    let versions: Vec<u64> = events.iter().map(|event| event.version.0).collect();
    assert_eq!(versions, [1, 2]);
    assert_eq!(words(&events), ["one", "two"]);
}

/// Every length against every expectation.
pub async fn an_append_is_stored_only_at_the_expected_version<S: Subject>() {
    let log = Log::<S>::fresh().await;
    for length in [0, 1, 3] {
        for expected in 0..=5 {
            let name = format!("{length} against {expected}");
            let stream = log.stream_of(&name, length).await;
            let answer =
                log.append(log.says(&format!("on {name}"), stream, expected, &["next"])).await;
            let long = length as u64;
            if expected == long {
                assert_eq!(good(answer).receipt().version, Version(long + 1), "{name}");
                assert_eq!(log.read_stream(stream).await.len(), length + 1, "{name}");
            } else {
                assert_conflict(&answer, long);
                assert_eq!(log.read_stream(stream).await.len(), length, "{name}");
            }
        }
    }
}

/// A refusal leaves stream, log and head as they were.
pub async fn a_refused_append_changes_nothing<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream_of("a", 2).await;
    let (before, head) = (log.read().await, log.head().await);
    assert_conflict(&log.append(log.says("late", stream, 1, &["no"])).await, 2);
    assert_conflict(&log.append(log.says("early", stream, 9, &["no"])).await, 2);
    assert_eq!(log.read().await, before);
    assert_eq!(log.head().await, head);
}

/// Each entry is judged for itself.
pub async fn a_refused_entry_does_not_touch_its_neighbours<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let (a, b, c) = (log.stream("a"), log.stream_of("b", 1).await, log.stream("c"));
    let batch = vec![
        log.says("left", a, 0, &["left"]),
        log.says("wrong", b, 0, &["wrong"]),
        log.says("right", c, 0, &["right"]),
    ];
    let answers = log.append_all(batch).await;
    assert!(matches!(answers[0], Ok(Appended::Stored(_))), "{answers:?}");
    assert_conflict(&answers[1], 1);
    assert!(matches!(answers[2], Ok(Appended::Stored(_))), "{answers:?}");
    assert_eq!(words(&log.read_stream(a).await), ["left"]);
    assert_eq!(words(&log.read_stream(b).await), ["a word"]);
    assert_eq!(words(&log.read_stream(c).await), ["right"]);
}

/// In order, on one stream.
pub async fn entries_of_a_batch_see_those_before_them<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream("a");
    let batch = vec![
        log.says("first", stream, 0, &["one", "two"]),
        log.says("blind", stream, 0, &["no"]),
        log.says("second", stream, 2, &["three"]),
    ];
    let answers = log.append_all(batch).await;
    assert_eq!(good(answers[0].clone()).receipt().version, Version(2));
    assert_conflict(&answers[1], 2);
    assert_eq!(good(answers[2].clone()).receipt().version, Version(3));
    assert_eq!(words(&log.read_stream(stream).await), ["one", "two", "three"]);
}

/// None for none.
pub async fn a_batch_has_one_answer_for_each_entry<S: Subject>() {
    let log = Log::<S>::fresh().await;
    assert!(log.append_all(Vec::new()).await.is_empty());
    let batch: Vec<_> = (0..40)
        .map(|n| log.says(&format!("c{n}"), log.stream(&format!("s{n}")), n % 2, &["x"]))
        .collect();
    let answers = log.append_all(batch).await;
    assert_eq!(answers.len(), 40);
    for (n, answer) in answers.iter().enumerate() {
        assert_eq!(answer.is_ok(), n % 2 == 0, "entry {n}");
    }
}

/// More streams than any store remembers in its sequencer at once.
pub async fn an_append_to_many_streams_keeps_them_apart<S: Subject>() {
    let log = Log::<S>::fresh().await;
    for round in 0..3_u64 {
        let batch: Vec<_> = (0..200)
            .map(|n| {
                let (command, stream) = (format!("{round} of {n}"), log.stream(&format!("s{n}")));
                log.says(&command, stream, round, &[command.as_str()])
            })
            .collect();
        for answer in log.append_all(batch).await {
            assert_eq!(good(answer).receipt().version, Version(round + 1));
        }
    }
    for n in [0, 99, 199] {
        let expected: Vec<String> = (0..3).map(|round| format!("{round} of {n}")).collect();
        assert_eq!(words(&log.read_stream(log.stream(&format!("s{n}"))).await), expected);
    }
}

/// The category is part of a stream's name.
pub async fn two_records_of_one_id_are_two_streams<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let account = log.stream("one id");
    let contact = StreamName { category: Category::Contact, id: account.id };
    log.stored(log.says("of the account", account, 0, &["account"])).await;
    log.stored(log.says("of the contact", contact, 0, &["contact"])).await;
    assert_eq!(words(&log.read_stream(account).await), ["account"]);
    assert_eq!(words(&log.read_stream(contact).await), ["contact"]);
}

/// Whoever reads up to the receipt's position has seen the command.
pub async fn the_receipt_names_the_last_event<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream_of("a", 2).await;
    let receipt = log.stored(log.says("more", stream, 2, &["three", "four"])).await;
    let events = log.read_stream(stream).await;
    let last = events.last().map(|event| (event.position, event.version));
    assert_eq!(last, Some((receipt.position, receipt.version)));
    assert_eq!((receipt.stream, receipt.events), (stream, 2));
}

/// The limit itself is allowed.
pub async fn the_most_events_of_one_command_are_stored<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream("a");
    let receipt = log.stored(log.says("most", stream, 0, &["x"; MAX_EVENTS])).await;
    assert_eq!(receipt.version, Version(MAX_EVENTS as u64));
    assert_eq!(log.read_stream(stream).await.len(), MAX_EVENTS);
}

/// One more is not, and stores none of them.
pub async fn more_events_than_the_most_are_refused<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream("a");
    let answer = log.append(log.says("too many", stream, 0, &["x"; MAX_EVENTS + 1])).await;
    assert!(matches!(answer, Err(AppendError::TooLarge)), "{answer:?}");
    assert!(log.read_stream(stream).await.is_empty());
}

/// The limit itself is allowed.
pub async fn a_payload_of_the_largest_size_is_stored<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream("a");
    let largest = "y".repeat(MAX_PAYLOAD);
    log.stored(log.says("largest", stream, 0, &[&largest])).await;
    assert_eq!(log.read_stream(stream).await[0].event.payload, Bytes::from(largest));
}

/// One byte more is not, and its neighbours in the batch are not touched.
pub async fn a_larger_payload_is_refused<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let (a, b) = (log.stream("a"), log.stream("b"));
    let mut large = log.says("large", a, 0, &["small"]);
    large.events.push(event(large.command_id, 1, &"y".repeat(MAX_PAYLOAD + 1)));
    let answers = log.append_all(vec![large, log.says("small", b, 0, &["small"])]).await;
    assert!(matches!(answers[0], Err(AppendError::TooLarge)), "{answers:?}");
    assert!(answers[1].is_ok(), "{answers:?}");
    assert!(log.read_stream(a).await.is_empty());
}
