//! The law of admission, over any course of waits.

use std::time::Duration;

use proptest::prelude::*;

use super::{Aim, Controller};

const AIM: Aim = Aim {
    target: Duration::from_millis(50),
    interval: Duration::from_millis(100),
    least_room: 16,
    most_room: 4_096,
};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// One turn each millisecond in `waits`, from `from` on; answers with when it ended.
fn turns(controller: &mut Controller, from: Duration, waits: &[u64]) -> Duration {
    let mut now = from;
    for wait in waits {
        now += ms(1);
        controller.turn(now, ms(*wait), Some(ms(*wait)));
    }
    now
}

#[test]
fn a_service_that_answers_nobody_is_overloaded_though_nobody_got_a_turn() {
    let mut controller = Controller::new(AIM);
    assert_eq!(controller.room(ms(0), None), 4_096);
    assert_eq!(controller.room(ms(150), Some(ms(150))), 16);
    assert!(controller.is_overloaded());
}

#[test]
fn relief_must_be_plain_before_all_may_wait_again() {
    let mut controller = Controller::new(AIM);
    let now = turns(&mut controller, ms(100), &[80; 200]);
    assert!(controller.is_overloaded());
    let now = turns(&mut controller, now, &[40; 200]);
    assert!(controller.is_overloaded(), "just below the target is at the brink, not relief");
    turns(&mut controller, now, &[5; 200]);
    assert!(!controller.is_overloaded());
}

proptest! {
    /// One lucky request in each interval is enough: a burst that drains refuses nobody.
    #[test]
    fn a_queue_that_is_short_once_in_each_interval_is_no_overload(
        waits in prop::collection::vec(0_u64..1_000, 500..2_000),
    ) {
        let mut controller = Controller::new(AIM);
        let mut now = ms(0);
        for (index, wait) in waits.iter().enumerate() {
            let wait = if index % 40 == 0 { 0 } else { *wait };
            now = turns(&mut controller, now, &[wait]);
            prop_assert!(!controller.is_overloaded());
            prop_assert_eq!(controller.room(now, Some(ms(wait))), AIM.most_room);
        }
    }

    /// From the end of the second interval on in which everybody waited too long, no more may wait
    /// than are served within the target.
    #[test]
    fn a_queue_that_is_never_short_is_cut_to_what_is_served_within_the_target(
        waits in prop::collection::vec(51_u64..5_000, 400..1_000),
        each in 1_u64..20,
    ) {
        let mut controller = Controller::new(AIM);
        let mut now = ms(0);
        for wait in waits {
            now += ms(each);
            controller.turn(now, ms(wait), Some(ms(wait)));
            let room = controller.room(now, Some(ms(wait)));
            if now > AIM.interval * 2 + ms(each) {
                prop_assert!(controller.is_overloaded());
                let within_target = usize::try_from(50 / each).unwrap();
                prop_assert!(room <= (within_target + 1).max(AIM.least_room), "{room}");
                prop_assert!(room >= AIM.least_room);
            }
        }
    }

    /// However it went before, a service that nobody waits for lets all wait again.
    #[test]
    fn what_was_once_overloaded_is_not_for_ever(
        waits in prop::collection::vec(0_u64..5_000, 0..500),
        silence in 200_u64..100_000,
    ) {
        let mut controller = Controller::new(AIM);
        let now = turns(&mut controller, ms(0), &waits) + ms(silence);
        controller.room(now, None);
        let later = now + AIM.interval;
        prop_assert_eq!(controller.room(later, None), AIM.most_room);
    }
}
