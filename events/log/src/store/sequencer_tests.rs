//! The sequencer alone: what it asks, what it assigns, and that it changes nothing before it is told.

use events::{
    envelope::{Instant, Leaf, Position, Version},
    ids::{Category, CommandId, LogId, StreamName},
};
use uuid::Uuid;

use super::{Before, Known, LogState, Sequencer, StreamHead, StreamKey};
use crate::store::{
    Append, AppendError, Appended, Fingerprint, Head, StoreError,
    contract::{ACTOR, event},
};

const LOG: LogId = LogId(Uuid::from_u128(1));

fn stream(n: u128) -> StreamName {
    StreamName { category: Category::Account, id: Uuid::from_u128(n) }
}

fn append(command: u128, to: u128, expected: u64, events: u32) -> Append {
    let command_id = CommandId(Uuid::from_u128(command));
    Append {
        command_id,
        fingerprint: Fingerprint([1; 32]),
        actor: ACTOR,
        stream: stream(to),
        expected: Version(expected),
        events: (0..events).map(|ordinal| event(command_id, ordinal, "x")).collect(),
    }
}

fn at(micros: i64) -> Instant {
    Instant::from_micros(micros)
}

fn standing() -> LogState {
    let head = Head { position: Position(10), recorded_at: at(1_000) };
    LogState { head, streams: 3, attempts: 5, turn: 8 }
}

/// A stream of four events.
fn standing_stream() -> StreamHead {
    let last = Some(Before { position: Position(9), leaf: Leaf([9; 32]) });
    StreamHead { key: StreamKey(2), version: Version(4), last }
}

#[test]
fn it_asks_for_each_command_and_each_unknown_stream_once() {
    let mut sequencer = Sequencer::new(LOG, LogState::EMPTY, 100);
    let first = [append(1, 1, 0, 1)];
    let admission = sequencer.admit(&first, 0, &Known::default(), at(0));
    sequencer.committed(&admission);
    let unknown = sequencer.unknown(&[append(2, 1, 1, 1), append(3, 2, 0, 1), append(3, 2, 0, 1)]);
    assert_eq!(unknown.streams, [stream(2)]);
    assert_eq!(unknown.commands.len(), 2);
}

#[test]
fn positions_versions_keys_and_times_go_on_from_where_it_stands() {
    let sequencer = Sequencer::new(LOG, standing(), 100);
    let mut known = Known::default();
    known.streams.insert(stream(1), standing_stream());
    let batch = [append(1, 1, 4, 2), append(2, 9, 0, 1)];
    let admission = sequencer.admit(&batch, 2, &known, at(500));
    let assigned: Vec<_> = admission
        .events
        .iter()
        .map(|placed| (placed.key, &placed.event))
        .map(|(key, event)| (key.0, event.position.0, event.version.0, event.recorded_at.micros()))
        .collect();
    assert_eq!(assigned, [(2, 11, 5, 1_000), (2, 12, 6, 1_000), (4, 13, 1, 1_000)]);
    let new: Vec<bool> = admission.streams.iter().map(|change| change.is_new).collect();
    assert_eq!(new, [false, true]);
    let head = Head { position: Position(13), recorded_at: at(1_000) };
    assert_eq!(admission.after, LogState { head, streams: 4, attempts: 7, turn: 9 });
    assert_eq!(admission.before, standing());
}

#[test]
fn each_event_names_the_one_before_it_in_its_stream() {
    let mut sequencer = Sequencer::new(LOG, standing(), 100);
    let mut known = Known::default();
    known.streams.insert(stream(1), standing_stream());
    let batch = [append(1, 1, 4, 2), append(2, 9, 0, 1), append(3, 1, 6, 1)];
    let first = sequencer.admit(&batch, 0, &known, at(500));
    sequencer.committed(&first);
    // What is remembered says it too, without looking anything up.
    let second = sequencer.admit(&[append(4, 9, 1, 1)], 0, &Known::default(), at(500));
    let before = |position: u64| {
        let mut events = first.events.iter().map(|placed| &placed.event);
        let event = events.find(|event| event.position.0 == position).unwrap();
        Some(Before { position: Position(position), leaf: event.leaf })
    };
    let links: Vec<_> =
        first.events.iter().chain(&second.events).map(|placed| placed.before).collect();
    assert_eq!(links, [standing_stream().last, before(11), None, before(12), before(13)]);
}

#[test]
fn what_is_damaged_is_refused_and_its_neighbours_are_stored() {
    let sequencer = Sequencer::new(LOG, standing(), 100);
    let mut known = Known::default();
    known.damaged_streams.insert(stream(1), "a stream".into());
    known.damaged_commands.insert(append(2, 2, 0, 1).command_id, "a command".into());
    let batch = [append(1, 1, 0, 1), append(2, 2, 0, 1), append(3, 3, 0, 1)];
    let admission = sequencer.admit(&batch, 0, &known, at(500));
    for (answer, expected) in admission.answers.iter().zip(["a stream", "a command"]) {
        let Err(AppendError::Store(StoreError::Damaged(what))) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!(&**what, expected);
    }
    assert!(matches!(admission.answers[2], Ok(Appended::Stored(_))));
    assert_eq!(admission.events.len(), 1);
}

#[test]
fn a_stream_that_changes_twice_in_a_batch_is_written_once() {
    let sequencer = Sequencer::new(LOG, LogState::EMPTY, 100);
    let batch = [append(1, 1, 0, 1), append(2, 1, 1, 3)];
    let admission = sequencer.admit(&batch, 0, &Known::default(), at(0));
    let [change] = admission.streams[..] else { panic!("{:?}", admission.streams) };
    assert!(change.is_new);
    assert_eq!(change.head.version, Version(4));
}

#[test]
fn judging_changes_nothing_until_it_is_durable() {
    let mut sequencer = Sequencer::new(LOG, LogState::EMPTY, 100);
    let batch = [append(1, 1, 0, 1)];
    let lost = sequencer.admit(&batch, 0, &Known::default(), at(0));
    let again = sequencer.admit(&batch, 0, &Known::default(), at(7));
    assert_eq!(lost.answers[0].as_ref().ok(), again.answers[0].as_ref().ok());
    assert_eq!(sequencer.state(), LogState::EMPTY);
    sequencer.committed(&again);
    assert_eq!(sequencer.state(), again.after);
}

#[test]
fn the_leaf_follows_the_time_that_is_assigned() {
    let sequencer = Sequencer::new(LOG, LogState::EMPTY, 100);
    let batch = [append(1, 1, 0, 1)];
    let leaf = |now| sequencer.admit(&batch, 0, &Known::default(), at(now)).events[0].event.leaf;
    assert_eq!(leaf(1), leaf(1));
    assert_ne!(leaf(1), leaf(2));
}

#[test]
fn after_a_refresh_nothing_is_remembered() {
    let mut sequencer = Sequencer::new(LOG, LogState::EMPTY, 100);
    let admission = sequencer.admit(&[append(1, 1, 0, 1)], 0, &Known::default(), at(0));
    sequencer.committed(&admission);
    assert!(sequencer.unknown(&[append(2, 1, 1, 1)]).streams.is_empty());
    sequencer.refresh(standing());
    assert_eq!(sequencer.unknown(&[append(2, 1, 1, 1)]).streams, [stream(1)]);
    assert_eq!(sequencer.state(), standing());
}

#[test]
fn it_remembers_a_bounded_number_of_streams() {
    let mut sequencer = Sequencer::new(LOG, LogState::EMPTY, 10);
    let batch: Vec<Append> = (0..100).map(|n| append(n, n, 0, 1)).collect();
    let admission = sequencer.admit(&batch, 0, &Known::default(), at(0));
    sequencer.committed(&admission);
    let again: Vec<Append> = (0..100).map(|n| append(n + 1_000, n, 1, 1)).collect();
    assert!(sequencer.unknown(&again).streams.len() >= 90);
}

#[test]
fn a_ledger_line_of_the_store_is_the_answer_to_its_repeat() {
    let mut sequencer = Sequencer::new(LOG, LogState::EMPTY, 10);
    let batch = [append(1, 1, 0, 2)];
    let admission = sequencer.admit(&batch, 0, &Known::default(), at(0));
    sequencer.committed(&admission);
    let (_, entry) = admission.ledger[0];
    let mut known = Known::default();
    known.commands.insert(entry.command_id, entry);
    let other = Append { fingerprint: Fingerprint([2; 32]), ..append(1, 1, 2, 1) };
    let repeat = sequencer.admit(&[append(1, 1, 0, 2), other], 0, &known, at(0));
    assert_eq!(repeat.answers[0].as_ref().ok(), Some(&Appended::AlreadyStored(entry.receipt)));
    assert!(matches!(repeat.answers[1], Err(AppendError::CommandReused)));
    assert!(repeat.events.is_empty() && repeat.ledger.is_empty());
    assert_eq!(repeat.after.head, sequencer.state().head);
}

#[test]
fn a_batch_that_stores_no_event_does_not_move_the_time_of_the_head() {
    let sequencer = Sequencer::new(LOG, standing(), 10);
    let admission = sequencer.admit(&[append(1, 1, 0, 0)], 1, &Known::default(), at(9_000_000));
    assert_eq!(admission.after.head, standing().head);
    let positions: Vec<Position> =
        admission.ledger.iter().map(|(_, entry)| entry.receipt.position).collect();
    assert_eq!(positions, [Position(10)]);
    assert!(admission.events.is_empty());
}
