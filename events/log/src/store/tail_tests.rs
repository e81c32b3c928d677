//! The tail gives what it has, and says when it has not.

use std::sync::Arc;

use bytes::Bytes;
use events::{
    envelope::{Instant, Leaf, Position, Recorded, Version},
    ids::{Category, CommandId, StreamName},
};

use super::{MAX_BYTES, MAX_EVENTS, Tail};
use crate::store::contract::event;

fn recorded(position: u64, size: usize) -> Arc<Recorded> {
    let mut event = event(CommandId(uuid::Uuid::from_u128(1)), 0, "");
    event.payload = Bytes::from(vec![b'x'; size]);
    Arc::new(Recorded {
        position: Position(position),
        stream: StreamName { category: Category::Account, id: uuid::Uuid::nil() },
        version: Version(position),
        recorded_at: Instant::from_micros(0),
        event,
        leaf: Leaf([0; 32]),
    })
}

fn read(tail: &Tail, after: u64, limit: usize) -> Option<Vec<u64>> {
    let events = tail.read(Position(after), limit)?;
    Some(events.iter().map(|event| event.position.0).collect())
}

#[test]
fn an_empty_tail_knows_only_that_nothing_follows_the_head() {
    let tail = Tail::new(Position(7));
    assert_eq!(read(&tail, 6, 10), None);
    assert_eq!(read(&tail, 7, 10), Some(vec![]));
}

#[test]
fn what_is_in_the_tail_is_read_from_it_and_what_is_older_is_not() {
    let tail = Tail::new(Position(7));
    tail.extend((8..=12).map(|position| recorded(position, 10)));
    assert_eq!(read(&tail, 6, 10), None);
    assert_eq!(read(&tail, 7, 10), Some(vec![8, 9, 10, 11, 12]));
    assert_eq!(read(&tail, 9, 2), Some(vec![10, 11]));
    assert_eq!(read(&tail, 12, 2), Some(vec![]));
    assert_eq!(read(&tail, u64::MAX, 2), Some(vec![]));
}

#[test]
fn the_oldest_leave_when_there_are_too_many() {
    let tail = Tail::new(Position(0));
    let last = MAX_EVENTS as u64 + 5;
    tail.extend((1..=last).map(|position| recorded(position, 1)));
    assert_eq!(read(&tail, 4, 1), None);
    assert_eq!(read(&tail, 5, 1), Some(vec![6]));
    assert_eq!(read(&tail, 5, usize::MAX).map(|all| all.len()), Some(MAX_EVENTS));
}

#[test]
fn the_oldest_leave_when_they_are_too_large() {
    let tail = Tail::new(Position(0));
    tail.extend((1..=3).map(|position| recorded(position, MAX_BYTES / 2)));
    assert_eq!(read(&tail, 1, 10), None);
    assert_eq!(read(&tail, 2, 10), Some(vec![3]));
}

#[test]
fn after_a_hole_the_tail_starts_afresh() {
    let tail = Tail::new(Position(0));
    tail.extend([recorded(1, 1), recorded(2, 1)]);
    tail.extend([recorded(5, 1), recorded(6, 1)]);
    assert_eq!(read(&tail, 1, 10), None);
    assert_eq!(read(&tail, 4, 10), Some(vec![5, 6]));
}

#[test]
fn what_was_read_is_kept_where_it_follows_on_the_end() {
    let tail = Tail::new(Position(2));
    tail.extend([recorded(3, 1)]);
    tail.extend_by_reading(&[recorded(1, 1), recorded(2, 1)]);
    tail.extend_by_reading(&[recorded(6, 1)]);
    tail.extend_by_reading(&[]);
    assert_eq!(read(&tail, 2, 10), Some(vec![3]));
    tail.extend_by_reading(&[recorded(2, 1), recorded(3, 1), recorded(4, 1), recorded(5, 1)]);
    assert_eq!(read(&tail, 2, 10), Some(vec![3, 4, 5]));
    // What this process wrote may have been read before it is shown.
    tail.extend([recorded(5, 1), recorded(6, 1)]);
    assert_eq!(read(&tail, 2, 10), Some(vec![3, 4, 5, 6]));
}
