//! Lines and places under any load, on a clock of their own.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use proptest::prelude::*;

use super::{Aim, Heard, Line, Whose};

const AIM: Aim = Aim {
    target: Duration::from_millis(50),
    interval: Duration::from_millis(100),
    least_room: 16,
    most_room: 4_096,
};
/// How long a caller waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A service that works on so many at a time, each for that long.
#[derive(Clone, Copy, Debug)]
struct Service {
    places: usize,
    each: Duration,
}

impl Service {
    fn per_second(self) -> f64 {
        self.places as f64 / self.each.as_secs_f64()
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug)]
struct Fate {
    whose: Whose,
    came: Duration,
    /// When it was answered; none where it was refused, which takes no time.
    answered: Option<Duration>,
    refused_as: Option<Heard>,
}

/// Lets requests come as they are given, in order of time, and the service work until all is done.
fn run(service: Service, arrivals: impl IntoIterator<Item = (Duration, Whose)>) -> Vec<Fate> {
    let mut line = Line::new(service.places, AIM);
    let mut fates: Vec<Fate> = Vec::new();
    let mut working = BinaryHeap::new();
    let done = |line: &mut Line<usize>,
                working: &mut BinaryHeap<Reverse<(Duration, usize)>>,
                fates: &mut Vec<Fate>,
                until: Option<Duration>| {
        while let Some(Reverse((at, who))) = working.peek().copied() {
            if until.is_some_and(|until| at > until) {
                break;
            }
            working.pop();
            fates[who].answered = Some(at);
            line.free(1);
            while let Some((next, _, _)) = line.next(at, |_| true) {
                working.push(Reverse((at + service.each, next)));
            }
        }
    };
    for (now, whose) in arrivals {
        done(&mut line, &mut working, &mut fates, Some(now));
        let who = fates.len();
        let mut fate = Fate { whose, came: now, answered: None, refused_as: None };
        match line.come(now, whose, 1) {
            Heard::In => working.push(Reverse((now + service.each, who))),
            Heard::Wait => line.wait(now, whose, 1, who),
            refused @ (Heard::Overloaded | Heard::BeyondShare) => fate.refused_as = Some(refused),
        }
        fates.push(fate);
    }
    done(&mut line, &mut working, &mut fates, None);
    assert_eq!((line.waiting, line.in_work), (0, 0), "nobody is forgotten");
    assert!(line.oldest(Duration::MAX).is_none() && line.order.is_empty());
    fates
}

/// Arrivals at an even rate, for so many seconds.
fn evenly(per_second: f64, seconds: f64, whose: Whose) -> Vec<(Duration, Whose)> {
    let every = Duration::from_secs_f64(1.0 / per_second);
    let end = Duration::from_secs_f64(seconds);
    let moments = std::iter::successors(Some(Duration::ZERO), |at| Some(*at + every));
    moments.take_while(|at| *at < end).map(|at| (at, whose)).collect()
}

fn merged(
    mut one: Vec<(Duration, Whose)>,
    other: Vec<(Duration, Whose)>,
) -> Vec<(Duration, Whose)> {
    one.extend(other);
    one.sort();
    one
}

fn services() -> impl Strategy<Value = Service> {
    (2_usize..64, 1_u64..60)
        .prop_map(|(places, each)| Service { places, each: Duration::from_millis(each) })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// At any overload the service goes on doing what it can, for callers who still wait for it.
    #[test]
    fn overload_takes_nothing_from_what_is_done_in_time(
        service in services(),
        times in 1.2_f64..10.0,
    ) {
        let seconds = 5.0;
        let fates = run(service, evenly(service.per_second() * times, seconds, 1));
        let in_time = fates.iter().filter(|fate| {
            fate.answered.is_some_and(|answered| answered - fate.came <= PATIENCE)
        });
        let goodput = in_time.count() as f64 / seconds / service.per_second();
        prop_assert!(goodput >= 0.95, "{goodput}");
        prop_assert!(fates.iter().all(|fate| fate.answered.is_some() || fate.refused_as.is_some()));
    }

    /// Once it is known to be overloaded, whoever is let in waits about as long as is aimed at.
    #[test]
    fn waits_come_down_to_the_target(service in services(), times in 1.5_f64..10.0) {
        let fates = run(service, evenly(service.per_second() * times, 10.0, 1));
        let least_room = AIM.least_room.max(service.places) as f64;
        let least_room = Duration::from_secs_f64(least_room / service.per_second());
        let bound = AIM.target.max(least_room) * 2 + service.each * 3;
        for fate in fates.iter().filter(|fate| fate.came > Duration::from_secs(8)) {
            if let Some(answered) = fate.answered {
                prop_assert!(answered - fate.came <= bound, "{:?} > {bound:?}", answered - fate.came);
            }
        }
    }

    /// Nobody is refused below capacity, however unevenly they come.
    #[test]
    fn a_burst_that_drains_refuses_nobody(
        service in services(),
        bursts in prop::collection::vec(0.0_f64..0.09, 1..20),
    ) {
        // One burst each 100 ms, of less than is done in that time.
        let arrivals = bursts.iter().enumerate().flat_map(|(n, burst)| {
            let at = Duration::from_millis(100) * u32::try_from(n).unwrap();
            let turns = Duration::from_secs_f64(*burst).as_nanos() / service.each.as_nanos();
            let size = service.places * usize::try_from(turns).unwrap();
            std::iter::repeat_n((at, 1), size)
        });
        let fates = run(service, arrivals);
        prop_assert!(fates.iter().all(|fate| fate.answered.is_some()));
    }

    /// A token that asks for less than its share is served as if the others were not there.
    #[test]
    fn a_token_within_its_share_is_not_refused_for_what_another_asks(
        service in services(),
        times in 2.0_f64..10.0,
        share in 0.01_f64..0.3,
    ) {
        let flood = evenly(service.per_second() * times, 5.0, 1);
        let modest = evenly(service.per_second() * share, 5.0, 2);
        let fates = run(service, merged(flood, modest));
        let (modest, flood): (Vec<&Fate>, Vec<&Fate>) =
            fates.iter().partition(|fate| fate.whose == 2);
        prop_assert!(modest.iter().all(|fate| fate.answered.is_some()));
        let longest = modest.iter().filter_map(|fate| Some(fate.answered? - fate.came)).max();
        let longest = longest.unwrap_or_default();
        prop_assert!(longest <= service.each * 3 + Duration::from_millis(1), "{longest:?}");
        prop_assert!(flood.iter().any(|fate| fate.refused_as.is_some()));
    }
}

#[test]
fn a_token_that_takes_more_than_its_share_of_an_overload_is_told_so() {
    let service = Service { places: 8, each: Duration::from_millis(10) };
    let flood = evenly(4_000.0, 3.0, 1);
    let other = evenly(400.0, 3.0, 2);
    let fates = run(service, merged(flood, other));
    let told = |whose, heard| {
        fates.iter().filter(|fate| fate.whose == whose && fate.refused_as == Some(heard)).count()
    };
    assert!(told(1, Heard::BeyondShare) > 0);
    assert_eq!(told(2, Heard::BeyondShare), 0);
    let alone = run(service, evenly(4_000.0, 3.0, 1));
    assert!(alone.iter().all(|fate| fate.refused_as != Some(Heard::BeyondShare)));
}

#[test]
fn a_list_takes_a_place_for_each_command_and_pays_it_back() {
    let mut line = Line::new(4, AIM);
    let now = Duration::ZERO;
    assert_eq!(line.come(now, 1, 10), Heard::In, "it begins where there is one place");
    assert_eq!(line.come(now, 1, 1), Heard::Wait);
    line.wait(now, 1, 1, "next");
    line.free(6);
    assert!(line.next(now, |_| true).is_none(), "four are still in work");
    line.free(1);
    assert!(line.next(now, |_| true).is_some());
}

#[test]
fn who_went_away_gets_no_turn_and_who_comes_back_is_first() {
    let mut line = Line::new(1, AIM);
    let now = Duration::ZERO;
    assert_eq!(line.come(now, 1, 1), Heard::In);
    for name in ["gone", "there"] {
        assert_eq!(line.come(now, 1, 1), Heard::Wait);
        line.wait(now, 1, 1, name);
    }
    assert!(!line.come_back(1));
    line.wait_back(now, 1, "back");
    let mut next = || {
        line.free(1);
        line.next(now, |name| *name != "gone").map(|(name, ..)| name)
    };
    assert_eq!([next(), next(), next()], [Some("back"), Some("there"), None]);
}

#[test]
fn those_who_come_back_do_not_keep_out_those_who_wait() {
    let mut line = Line::new(1, AIM);
    let now = Duration::ZERO;
    assert_eq!(line.come(now, 1, 1), Heard::In);
    for _ in 0..3 {
        line.wait(now, 1, 1, "new");
        line.wait_back(now, 1, "back");
    }
    let mut next = || {
        line.free(1);
        line.next(now, |_| true).map(|(name, ..)| name).unwrap_or_default()
    };
    assert_eq!([next(), next(), next(), next()], ["back", "new", "back", "new"]);
}
