//! A limit, over any course of time.

use std::time::Duration;

use proptest::prelude::*;

use super::Limit;

proptest! {
    /// In no stretch of time more than the burst and what the rate gives in it.
    #[test]
    fn no_stretch_of_time_holds_more_than_burst_and_rate(
        pauses in prop::collection::vec(0_u64..200, 1..400),
        per_second in 1_u32..1_000,
        burst in 1_u32..100,
    ) {
        let limit = Limit::of(per_second, burst);
        let (mut paid, mut now) = (Duration::ZERO, Duration::ZERO);
        let mut allowed: Vec<Duration> = Vec::new();
        for pause in pauses {
            now += Duration::from_millis(pause);
            if limit.allows(&mut paid, now, 1) {
                allowed.push(now);
            }
        }
        for (index, from) in allowed.iter().enumerate() {
            for (more, to) in allowed[index..].iter().enumerate() {
                let most = f64::from(burst) + (*to - *from).as_secs_f64() * f64::from(per_second);
                prop_assert!((more + 1) as f64 <= most + 1.0, "{} > {most}", more + 1);
            }
        }
    }

    /// Whoever stays below the rate is never refused, and after a silence a whole burst may come.
    #[test]
    fn who_stays_below_the_rate_is_never_refused(per_second in 1_u32..1_000, burst in 1_u32..100) {
        let limit = Limit::of(per_second, burst);
        let (mut paid, mut now) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..200 {
            now += Duration::from_secs(1) / per_second + Duration::from_nanos(1);
            prop_assert!(limit.allows(&mut paid, now, 1));
        }
        now += Duration::from_secs(u64::from(burst));
        for _ in 0..burst {
            prop_assert!(limit.allows(&mut paid, now, 1));
        }
        prop_assert!(!limit.allows(&mut paid, now, 1));
    }
}

#[test]
fn what_came_as_one_is_taken_whole_and_paid_for_before_the_next() {
    let limit = Limit::of(100, 10);
    let mut paid = Duration::ZERO;
    assert!(limit.allows(&mut paid, Duration::ZERO, 1_000));
    assert!(!limit.allows(&mut paid, Duration::from_millis(9_890), 1));
    assert!(limit.allows(&mut paid, Duration::from_millis(9_910), 1));
}
