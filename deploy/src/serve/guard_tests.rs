//! What a connection may do for how long, without waiting for it.

use std::time::{Duration, Instant};

use super::{Guard, Verdict};

fn seconds(from: Instant, seconds: u64) -> Instant {
    from + Duration::from_secs(seconds)
}

#[test]
fn a_connection_that_asks_nothing_is_closed() {
    let now = Instant::now();
    let guard = Guard::new(now);
    assert_eq!(guard.judge(seconds(now, 9)), Verdict::None);
    guard.request_begins(None);
    // Handling takes as long as it takes.
    assert_eq!(guard.judge(seconds(now, 1_000)), Verdict::None);
    assert_eq!(guard.slack(seconds(now, 1_000)), None);
    guard.request_ends(seconds(now, 1_000));
    assert_eq!(guard.judge(seconds(now, 1_009)), Verdict::None);
    assert_eq!(guard.slack(seconds(now, 1_009)), Some(Duration::from_secs(9)));
    assert_eq!(guard.judge(seconds(now, 1_010)), Verdict::Closed);
}

#[test]
fn a_head_has_ten_seconds_from_its_first_byte() {
    let now = Instant::now();
    let guard = Guard::new(now);
    guard.head_begins(seconds(now, 9));
    assert_eq!(guard.judge(seconds(now, 18)), Verdict::None);
    assert_eq!(guard.judge(seconds(now, 19)), Verdict::HeadTooSlow);
    assert_eq!(guard.verdict(), Verdict::HeadTooSlow);
    // It is answered, within the same time.
    guard.request_begins(None);
    assert_eq!(guard.judge(seconds(now, 28)), Verdict::None);
    assert_eq!(guard.judge(seconds(now, 29)), Verdict::Cut);
    assert_eq!(guard.judge(seconds(now, 99)), Verdict::None);
}

#[test]
fn a_head_behind_a_request_that_is_handled_counts_from_its_answer() {
    let now = Instant::now();
    let guard = Guard::new(now);
    guard.request_begins(None);
    guard.head_begins(now);
    assert_eq!(guard.judge(seconds(now, 100)), Verdict::None);
    guard.request_ends(seconds(now, 100));
    assert_eq!(guard.judge(seconds(now, 109)), Verdict::None);
    assert_eq!(guard.judge(seconds(now, 110)), Verdict::HeadTooSlow);
}

#[test]
fn a_body_comes_at_one_kilobyte_a_second_and_within_a_minute() {
    let now = Instant::now();
    let receive = |each_second: usize, until: u64| {
        let guard = Guard::new(now);
        guard.request_begins(None);
        assert!(guard.waits_for_body(now));
        (1..=until).find(|second| {
            guard.body_passes(each_second, seconds(now, *second));
            guard.judge(seconds(now, *second)) == Verdict::BodyTooSlow
        })
    };
    assert_eq!(receive(0, 100), Some(10));
    assert_eq!(receive(1, 100), Some(10));
    assert_eq!(receive(900, 100), Some(10));
    assert_eq!(receive(1_000, 100), Some(60));
    let guard = Guard::new(now);
    guard.request_begins(None);
    guard.waits_for_body(now);
    guard.body_ends();
    assert_eq!(guard.judge(seconds(now, 100)), Verdict::None);
}

#[test]
fn a_body_that_came_fast_and_stands_still_is_slow() {
    let now = Instant::now();
    let guard = Guard::new(now);
    guard.request_begins(None);
    guard.waits_for_body(now);
    guard.body_passes(1_000_000, seconds(now, 1));
    assert_eq!(guard.judge(seconds(now, 10)), Verdict::None);
    assert_eq!(guard.judge(seconds(now, 11)), Verdict::BodyTooSlow);
    assert!(!guard.waits_for_body(seconds(now, 11)));
}

#[test]
fn an_answer_that_is_not_taken_is_cut() {
    let now = Instant::now();
    let take = |each_second: usize, until: u64| {
        let guard = Guard::new(now);
        guard.request_begins(None);
        guard.write_stalls(0, now);
        (1..=until).find(|second| {
            guard.write_stalls(each_second, seconds(now, *second));
            guard.judge(seconds(now, *second)) == Verdict::Cut
        })
    };
    assert_eq!(take(0, 100), Some(10));
    assert_eq!(take(999, 100), Some(10));
    // However long: an answer may be large.
    assert_eq!(take(1_000, 10_000), None);
    let guard = Guard::new(now);
    guard.request_begins(None);
    guard.write_stalls(0, now);
    guard.write_ends();
    assert_eq!(guard.judge(seconds(now, 1_000)), Verdict::None);
}

#[test]
fn what_is_over_is_read_on_for_two_seconds() {
    let now = Instant::now();
    let guard = Guard::new(now);
    guard.request_begins(None);
    guard.lingers(now);
    guard.lingers(seconds(now, 1));
    assert_eq!(guard.judge(seconds(now, 1)), Verdict::None);
    assert_eq!(guard.judge(seconds(now, 2)), Verdict::Closed);
}

#[test]
fn a_request_that_is_handled_gives_way_to_nobody() {
    let now = Instant::now();
    let guard = Guard::new(now);
    guard.request_begins(None);
    assert!(!guard.give_way(seconds(now, 1)));
    guard.write_stalls(0, now);
    assert!(guard.give_way(seconds(now, 1)));
    assert_eq!(guard.verdict(), Verdict::Cut);
    let idle = Guard::new(now);
    assert!(idle.give_way(now));
    assert_eq!(idle.verdict(), Verdict::Closed);
}

#[test]
fn the_slower_gives_way_before_the_younger() {
    let now = Instant::now();
    let later = seconds(now, 5);
    let slack = |begin: &dyn Fn(&Guard)| {
        let guard = Guard::new(now);
        begin(&guard);
        guard.slack(later).expect("it may give way")
    };
    // A byte now and then does not make a connection young again.
    let trickle = slack(&|guard| {
        guard.request_begins(None);
        guard.waits_for_body(now);
        guard.body_passes(1, later);
    });
    assert_eq!(trickle, Duration::from_secs(5));
    let fast = slack(&|guard| {
        guard.request_begins(None);
        guard.waits_for_body(now);
        guard.body_passes(1_000_000, later);
    });
    assert_eq!(fast, Duration::ZERO);
    let head = slack(&|guard| guard.head_begins(seconds(now, 1)));
    assert_eq!(head, Duration::from_secs(4));
}
