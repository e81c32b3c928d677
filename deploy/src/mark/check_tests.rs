//! Which logs are taken for the one that was there, and which only when the operator says so.

use events::Instant;
use uuid::Uuid;

use super::*;

const LOG: LogId = LogId(Uuid::from_u128(1));

fn leaf(number: u8) -> Option<Leaf> {
    Some(Leaf([number; 32]))
}

fn mark(position: u64) -> Mark {
    Mark {
        log: LOG,
        epoch: 3,
        position: Position(position),
        leaf: leaf(9),
        recorded_at: Instant::from_micros(1),
        keys: None,
    }
}

/// A log that ends at 50, with a mark.
fn held(mark: Mark) -> Held {
    Held {
        log: LOG,
        head: Position(50),
        leaf: leaf(5),
        keeps_mark: true,
        found: Found::Mark(mark),
        at_mark: leaf(9),
        reads: None,
        cut: None,
    }
}

fn reads(position: u64, there: Option<Leaf>) -> Option<Known> {
    Some(Known { position: Position(position), leaf: leaf(8), there })
}

#[track_caller]
fn refused(held: &Held, number: u64) {
    for wrong in [None, Some(number + 1), Some(0), Some(u64::MAX)] {
        let exit = judge(held, wrong).unwrap_err();
        assert_eq!(exit.code, Code::Tampered);
        assert!(exit.line.contains(&format!("--accept-older-log {number}")), "{}", exit.line);
        assert!(exit.line.contains("position 50"), "{}", exit.line);
    }
    let accepted = judge(held, Some(number)).unwrap().expect("it is accepted");
    assert_eq!((accepted.position, Some(accepted.leaf)), (Position(50), leaf(5)));
}

#[test]
fn a_log_that_is_as_long_as_its_mark_or_longer_is_taken() {
    for position in [1, 49, 50] {
        assert_eq!(judge(&held(mark(position)), None).unwrap(), None);
        // A switch that was forgotten changes nothing.
        assert_eq!(judge(&held(mark(position)), Some(position)).unwrap(), None);
    }
}

#[test]
fn a_log_that_is_shorter_than_its_mark_is_refused_until_the_operator_repeats_the_position() {
    let held = Held { at_mark: None, ..held(mark(57)) };
    refused(&held, 57);
    let accepted = judge(&held, Some(57)).unwrap().unwrap();
    assert_eq!((accepted.epoch, accepted.known), (3, Some((Position(57), leaf(9)))));
}

#[test]
fn a_log_that_holds_another_event_where_its_mark_is_is_refused() {
    refused(&Held { at_mark: leaf(1), ..held(mark(40)) }, 50);
    refused(&Held { at_mark: None, ..held(mark(40)) }, 50);
}

#[test]
fn read_models_that_are_ahead_of_the_log_bear_witness_too() {
    let held = held(mark(50));
    refused(&Held { reads: reads(60, None), ..held }, 60);
    refused(&Held { reads: reads(30, leaf(7)), ..held }, 50);
    refused(&Held { reads: reads(60, None), found: Found::Missing, keeps_mark: false, ..held }, 60);
    assert_eq!(judge(&Held { reads: reads(30, leaf(8)), ..held }, None).unwrap(), None);
}

#[test]
fn a_mark_that_is_missing_forged_or_of_another_log_is_no_mark() {
    let held = held(mark(50));
    refused(&Held { found: Found::Missing, ..held }, 50);
    refused(&Held { found: Found::Unproven, ..held }, 50);
    let foreign = Mark { log: LogId(Uuid::from_u128(2)), ..mark(99) };
    refused(&Held { found: Found::Mark(foreign), ..held }, 50);
}

#[test]
fn a_log_of_an_earlier_build_has_no_mark_yet() {
    let held = Held { found: Found::Missing, keeps_mark: false, ..held(mark(50)) };
    assert_eq!(judge(&held, None).unwrap(), None);
    let empty = Held { keeps_mark: true, head: Position::START, leaf: None, ..held };
    assert_eq!(judge(&empty, None).unwrap(), None);
}

#[test]
fn read_models_that_tell_of_what_is_known_to_be_lost_bear_no_witness() {
    let held = Held { reads: reads(60, None), ..held(mark(50)) };
    assert_eq!(judge(&Held { cut: Some(Position(48)), ..held }, None).unwrap(), None);
    refused(&Held { cut: Some(Position(48)), reads: reads(40, None), ..held }, 50);
}

#[test]
fn an_empty_log_is_never_accepted_for_a_longer_one() {
    let held = Held { head: Position::START, leaf: None, at_mark: None, ..held(mark(57)) };
    assert!(judge(&held, Some(57)).is_err());
}
