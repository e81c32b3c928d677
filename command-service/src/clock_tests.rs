//! When a clock is believed: a law over all readings, and the cases that have a name.

use proptest::prelude::*;

use super::*;

const START: i64 = 1_767_225_600_000_000;
const MINUTE: i64 = 60 * 1_000_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// The clocks `minutes` after the start, with the wall clock `off` minutes from where it should be.
fn reading(minutes: i64, off: i64) -> Reading {
    let running = Duration::from_micros(u64::try_from(minutes * MINUTE).unwrap());
    Reading { wall: Instant::from_micros(START + (minutes + off) * MINUTE), running }
}

fn at(minutes: i64) -> Instant {
    Instant::from_micros(START + minutes * MINUTE)
}

fn reason(watch: &mut Watch, now: Reading) -> Option<Reason> {
    watch.judge(now).map(|doubt| doubt.reason)
}

proptest! {
    /// A clock is believed exactly as long as it goes with the time that has passed and does not lie
    /// before the last event, each by five minutes; and what was doubted once is believed again.
    #[test]
    fn a_clock_is_believed_as_long_as_it_goes_with_the_time_that_has_passed(
        steps in prop::collection::vec((0_i64..2_000, -20_i64..20), 1..20),
        last in -100_i64..=0,
    ) {
        let mut watch = Watch::begin(reading(0, 0), Some(at(last)), None);
        let mut minutes = 0;
        for (passed, off) in steps {
            minutes += passed;
            let now = reading(minutes, off);
            let is_doubted = off.abs() > 5 || minutes + off < last - 5;
            prop_assert_eq!(watch.judge(now).is_some(), is_doubted, "{} {}", minutes, off);
            prop_assert_eq!(watch.judge(reading(minutes, 0)), None);
        }
    }

    /// No silence is too long while the process runs, whatever happens to the machine.
    #[test]
    fn time_that_passes_is_no_jump(minutes in 0_i64..10_000_000) {
        let mut watch = Watch::begin(reading(0, 0), Some(at(0)), None);
        prop_assert_eq!(watch.judge(reading(minutes, 0)), None);
    }
}

#[test]
fn a_clock_that_jumps_is_doubted_until_it_is_right_again() {
    let mut watch = Watch::begin(reading(0, 0), Some(at(-1)), None);
    assert_eq!(watch.judge(reading(10, 5)), None);
    for off in [6, 60, 10 * 365 * 24 * 60] {
        let doubt = watch.judge(reading(10, off)).unwrap();
        assert_eq!((doubt.reason, doubt.expected), (Reason::Jumped, at(10)));
        assert_eq!(doubt.shown, at(10 + off));
    }
    assert_eq!(watch.judge(reading(20, 0)), None);
}

#[test]
fn a_clock_before_the_last_event_is_doubted() {
    let mut watch = Watch::begin(reading(0, 0), Some(at(6)), None);
    assert_eq!(reason(&mut watch, reading(0, 0)), Some(Reason::Behind));
    // Time goes on: it is right again.
    assert_eq!(watch.judge(reading(1, 0)), None);
    watch.hear(at(30));
    assert_eq!(reason(&mut watch, reading(20, 0)), Some(Reason::Behind));
}

#[test]
fn a_start_more_than_a_year_after_the_last_event_is_doubted() {
    let year = 366 * DAY / MINUTE;
    for (silent, expected) in [(year, None), (year + 1, Some(Reason::Beyond))] {
        let mut watch = Watch::begin(reading(silent, 0), Some(at(0)), None);
        assert_eq!(reason(&mut watch, reading(silent, 0)), expected);
    }
    let mut watch = Watch::begin(reading(0, 10 * year), Some(at(0)), None);
    assert_eq!(reason(&mut watch, reading(1, 10 * year)), Some(Reason::Beyond));
    // Somebody set it right: what follows is measured from there.
    assert_eq!(watch.judge(reading(2, 0)), None);
    assert_eq!(reason(&mut watch, reading(3, 10 * year)), Some(Reason::Jumped));
}

#[test]
fn a_long_silence_is_worth_a_word_and_no_doubt() {
    let days = 100 * DAY / MINUTE;
    let mut watch = Watch::begin(reading(days, 0), Some(at(0)), None);
    assert_eq!(watch.silence(), Some(Duration::from_hours(2_400)));
    assert_eq!(watch.judge(reading(days, 0)), None);
    assert_eq!(Watch::begin(reading(60, 0), Some(at(0)), None).silence(), None);
}

#[test]
fn a_log_without_events_says_nothing_about_any_clock() {
    let mut watch = Watch::begin(reading(0, 1_000_000_000), None, None);
    assert_eq!(watch.judge(reading(1, 1_000_000_000)), None);
}

#[test]
fn what_was_confirmed_is_believed_by_every_process_that_agrees_with_it() {
    let confirmed = ClockConfirmed { from: at(10), to: at(500) };
    let running = reading(10, 0).running;
    let mut moved = Watch::begin(reading(0, 0), Some(at(0)), None);
    assert_eq!(reason(&mut moved, reading(10, 490)), Some(Reason::Jumped));
    moved.hear_confirmed(&confirmed, running);
    moved.hear(at(500));
    assert_eq!(moved.judge(reading(11, 490)), None);
    // One whose clock still shows the time before is wrong now.
    let mut other = Watch::begin(reading(0, 0), Some(at(0)), None);
    other.hear_confirmed(&confirmed, running);
    other.hear(at(500));
    assert_eq!(reason(&mut other, reading(11, 0)), Some(Reason::Behind));
    // Heard again it is nothing new.
    moved.hear_confirmed(&confirmed, reading(500, 0).running);
    assert_eq!(moved.judge(reading(12, 490)), None);
}

#[test]
fn a_clock_that_was_set_back_and_confirmed_is_believed_after_a_restart_too() {
    let confirmed = ClockConfirmed { from: at(1_000), to: at(10) };
    let begin = |minutes| Watch::begin(reading(minutes, 0), Some(at(1_000)), Some(&confirmed));
    for minutes in [10, 20, 999] {
        assert_eq!(begin(minutes).judge(reading(minutes, 0)), None);
    }
    assert_eq!(reason(&mut begin(0), reading(0, 0)), Some(Reason::Behind));
    // Once events are later than what the log had come to, the confirmation is over.
    let mut watch = begin(1_010);
    watch.hear(at(1_010));
    assert_eq!(reason(&mut watch, reading(1_011, -900)), Some(Reason::Behind));
}
