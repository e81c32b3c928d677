//! Who gets a place, and who has to give it up.

use std::time::{Duration, Instant};

use super::{Guards, RESERVE, Ticket};
use crate::serve::guard::Verdict;

#[test]
fn the_connection_that_is_idle_for_longest_gives_way() {
    let now = Instant::now();
    let guards = Guards::new(3);
    let at = |second: u64| now + Duration::from_secs(second);
    let first = guards.admit(at(0)).expect("room");
    let second = guards.admit(at(1)).expect("room");
    let third = guards.admit(at(2)).expect("room");
    // The first works; the third has answered, and idles for less long than the second.
    first.guard.request_begins(None);
    third.guard.request_begins(None);
    third.guard.request_ends(at(4));
    let fourth = guards.admit(at(5)).expect("the second gives way");
    assert_eq!(second.guard.verdict(), Verdict::Closed);
    assert_eq!(third.guard.verdict(), Verdict::None);
    assert!(!fourth.is_for_probes());
}

#[test]
fn while_everybody_works_there_is_room_for_probes_only() {
    let now = Instant::now();
    let guards = Guards::new(16);
    let work = || {
        let ticket = guards.admit(now).expect("room");
        ticket.guard.request_begins(None);
        ticket
    };
    let mut working: Vec<_> = (0..16).map(|_| work()).collect();
    assert!(!working.iter().any(Ticket::is_for_probes));
    let reserve: Vec<_> = (0..RESERVE).map(|_| work()).collect();
    assert!(reserve.iter().all(Ticket::is_for_probes));
    assert!(guards.admit(now).is_none());
    // A probe that has been answered gives way to the next one, and no work to anybody.
    reserve[0].guard.request_ends(now);
    let next = guards.admit(now).expect("a place of the reserve");
    assert_eq!(reserve[0].guard.verdict(), Verdict::Closed);
    assert!(working.iter().all(|ticket| ticket.guard.verdict() == Verdict::None));
    drop(reserve);
    working.pop();
    assert!(!next.is_for_probes());
}

#[test]
fn unfinished_heads_share_what_memory_there_is_for_them() {
    let guards = Guards::new(16);
    assert!(guards.hold(5_000_000));
    assert!(!guards.hold(5_000_000));
    guards.release(5_000_000);
    assert!(guards.hold(5_000_000));
}
