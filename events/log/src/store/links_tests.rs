//! What following a stream finds out, one wrong row at a time.

use std::sync::Arc;

use events::{
    envelope::{Leaf, Position, Version},
    evidence::leaf,
    ids::{Category, CommandId, StreamName},
};
use uuid::Uuid;

use super::{EventRow, Part, StreamRow};
use crate::store::{
    contract::{MORNING, event},
    sequencer::{Before, StreamKey},
    testing::LOG,
};

const STREAM: StreamName = StreamName { category: Category::Account, id: Uuid::from_u128(3) };
const OTHER: StreamName = StreamName { category: Category::Contact, ..STREAM };
const KEY: StreamKey = StreamKey(5);
const END: Position = Position(1_000);

/// A stream of so many events, at positions 10, 20, 30, ..
fn stream(length: u64) -> (StreamRow, Vec<EventRow>) {
    let mut rows: Vec<EventRow> = Vec::new();
    for n in 1..=length {
        let event = event(CommandId(Uuid::from_u128(n.into())), 0, "x");
        let recorded = events::envelope::Recorded {
            position: Position(n * 10),
            stream: STREAM,
            version: Version(n),
            recorded_at: MORNING,
            leaf: leaf(LOG, STREAM, Version(n), MORNING, &event),
            event,
        };
        let before = rows.last().map(|last| Before::of(&last.event));
        rows.push(EventRow { key: KEY, before, event: recorded });
    }
    (StreamRow { key: KEY, name: STREAM, version: Version(length) }, rows)
}

fn part(after: u64, limit: usize) -> Part {
    Part { log: LOG, stream: STREAM, after: Version(after), limit }
}

/// What a database answers to the question for a part.
fn read(part: Part, rows: &[EventRow]) -> Vec<EventRow> {
    let from = rows.iter().filter(|row| row.event.version >= part.first());
    from.take(part.rows()).cloned().collect()
}

fn follow(part: Part, row: StreamRow, rows: &[EventRow]) -> Result<Vec<u64>, String> {
    let events = part.follow(row, read(part, rows), END)?;
    Ok(events.iter().map(|event| Arc::as_ref(event).version.0).collect())
}

#[test]
fn every_part_of_a_stream_that_is_as_it_was_written_is_given() {
    let (row, rows) = stream(5);
    for after in 0..8 {
        for limit in [0, 1, 2, 5, 6, usize::MAX] {
            let expected: Vec<u64> = (after + 1..=5).take(limit).collect();
            assert_eq!(follow(part(after, limit), row, &rows), Ok(expected), "{after} {limit}");
        }
    }
    let (row, rows) = stream(0);
    assert_eq!(follow(part(0, 9), row, &rows), Ok(vec![]));
}

#[test]
fn what_may_not_be_seen_yet_is_left_out() {
    let (row, rows) = stream(5);
    let events = part(0, 9).follow(row, rows, Position(30)).unwrap();
    assert_eq!(events.len(), 3);
}

#[test]
fn whatever_is_not_as_it_was_written_stops_the_stream() {
    type Change = fn(&mut StreamRow, &mut Vec<EventRow>);
    let changes: [(&str, Change); 15] = [
        ("another name", |row, _| row.name = OTHER),
        ("too short", |row, _| row.version = Version(4)),
        ("too long", |row, _| row.version = Version(6)),
        ("none at all", |_, rows| rows.clear()),
        ("the end is missing", |_, rows| drop(rows.pop())),
        ("the first is missing", |_, rows| drop(rows.remove(0))),
        ("one is missing", |_, rows| drop(rows.remove(2))),
        ("one is twice there", |_, rows| rows.insert(2, rows[2].clone())),
        ("of another key", |_, rows| rows[2].key = StreamKey(6)),
        ("of another stream", |_, rows| rows[2].event.stream = OTHER),
        ("a leaf is another", |_, rows| rows[4].event.leaf = Leaf([1; 32])),
        ("a payload is another", |_, rows| rows[2].event.event.payload = "y".into()),
        ("a link is missing", |_, rows| rows[2].before = None),
        ("a link leads elsewhere", |_, rows| {
            rows[2].before = Some(Before { position: Position(11), ..rows[2].before.unwrap() });
        }),
        ("a link names another leaf", |_, rows| {
            rows[2].before = Some(Before { leaf: Leaf([1; 32]), ..rows[2].before.unwrap() });
        }),
    ];
    for (what, change) in changes {
        let (mut row, mut rows) = stream(5);
        change(&mut row, &mut rows);
        let refused = follow(part(0, 9), row, &rows).expect_err(what);
        assert!(refused.starts_with(&format!("stream {STREAM}: ")), "{what}: {refused}");
    }
    let (row, mut rows) = stream(5);
    rows[0].before = Some(Before::of(&rows[1].event));
    follow(part(0, 9), row, &rows).expect_err("nothing is before the first");
}

#[test]
fn the_first_link_of_a_part_is_followed_too() {
    let (row, mut rows) = stream(5);
    rows[3].before = Some(Before { position: Position(11), ..rows[3].before.unwrap() });
    follow(part(3, 1), row, &rows).expect_err("version 4 does not follow version 3");
    let (row, mut rows) = stream(5);
    rows.remove(2);
    follow(part(3, 1), row, &rows).expect_err("version 3 is missing");
}
