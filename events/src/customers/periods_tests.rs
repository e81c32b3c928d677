//! A connection keeps its periods, and how it stands follows from them and the day.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    customers::{
        ConnectionDetailsChanged, ConnectionEnded, ConnectionEstablished, ConnectionReinstated,
        ConnectionSide,
    },
    ids::{AccountId, KeyId, PartyRef},
};

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn role(number: u128) -> Option<ConnectionRoleId> {
    Some(ConnectionRoleId(Uuid::from_u128(number)))
}

fn established(start: Option<Day>, end: Option<Day>) -> ConnectionEvent {
    let side = |number, role| ConnectionSide {
        record: PartyRef::Account(AccountId(Uuid::from_u128(number))),
        role,
        role_is_reciprocal: false,
        description: None,
    };
    let key = KeyId(Uuid::from_u128(9));
    ConnectionEstablished { key, a: side(1, role(1)), b: side(2, role(2)), start, end }.into()
}

fn ended(end: Day) -> ConnectionEvent {
    ConnectionEnded { end }.into()
}

fn reinstated(start: Option<Day>, number: u128) -> ConnectionEvent {
    ConnectionReinstated { start, role_a: role(number), role_b: role(2) }.into()
}

fn redated(start: Change<Day>, end: Change<Day>) -> ConnectionEvent {
    ConnectionDetailsChanged { start, end, ..ConnectionDetailsChanged::default() }.into()
}

fn told(events: impl IntoIterator<Item = ConnectionEvent>) -> Periods {
    let mut periods = Periods::default();
    events.into_iter().for_each(|event| periods.evolve(&event));
    periods
}

fn days(periods: &Periods) -> Vec<(String, String)> {
    let text = |day: Option<Day>| day.map_or_else(|| "..".to_owned(), |day| day.to_string());
    periods.all().iter().map(|period| (text(period.start), text(period.end))).collect()
}

fn from_to(start: &str, end: &str) -> (String, String) {
    (start.to_owned(), end.to_owned())
}

#[test]
fn a_connection_that_is_taken_up_again_keeps_its_earlier_period() {
    let periods = told([
        established(Some(day("2019-01-01")), None),
        ended(day("2021-06-30")),
        reinstated(Some(day("2023-01-01")), 3),
    ]);
    assert_eq!(days(&periods), [from_to("2019-01-01", "2021-06-30"), from_to("2023-01-01", "..")]);
    for (on, standing, shown) in [
        ("2018-12-31", Standing::Coming, role(1)),
        ("2019-01-01", Standing::Holds, role(1)),
        ("2021-06-30", Standing::Holds, role(1)),
        ("2021-07-01", Standing::Coming, role(1)),
        ("2022-12-31", Standing::Coming, role(1)),
        ("2023-01-01", Standing::Holds, role(3)),
        ("2199-12-31", Standing::Holds, role(3)),
    ] {
        assert_eq!(periods.standing_on(day(on)), standing, "{on}");
        assert_eq!(periods.shown_on(day(on)).unwrap().role_a, shown, "{on}");
    }
}

#[test]
fn a_last_day_that_passes_ends_a_connection_whoever_set_it() {
    let start = Some(day("2019-01-01"));
    for periods in [
        told([established(start, Some(day("2020-12-31")))]),
        told([established(start, None), ended(day("2020-12-31"))]),
        told([established(start, None), redated(Change::Keep, Change::Set(day("2020-12-31")))]),
    ] {
        assert_eq!(periods.standing_on(day("2020-12-31")), Standing::Holds);
        assert_eq!(periods.standing_on(day("2021-01-01")), Standing::Over);
    }
}

#[test]
fn without_a_first_day_it_goes_on_as_if_it_had_not_ended() {
    let periods = told([
        established(Some(day("2019-01-01")), None),
        ended(day("2021-06-30")),
        reinstated(None, 3),
    ]);
    assert_eq!(days(&periods), [from_to("2019-01-01", "..")]);
    assert_eq!(periods.last().unwrap().role_a, role(3));
}

#[test]
fn days_of_two_periods_belong_to_the_one_recorded_later() {
    let begun = || [established(Some(day("2019-01-01")), None), ended(day("2021-06-30"))];
    let again = |start: &str| told(begun().into_iter().chain([reinstated(Some(day(start)), 3)]));
    assert_eq!(
        days(&again("2021-01-01")),
        [from_to("2019-01-01", "2020-12-31"), from_to("2021-01-01", "..")]
    );
    assert_eq!(days(&again("2018-01-01")), [from_to("2018-01-01", "..")]);
    let unknown = told([established(None, None), ended(day("2021-06-30"))]);
    assert_eq!(days(&unknown), [from_to("..", "2021-06-30")]);
}

#[test]
fn the_last_period_stays_after_those_before_it() {
    let periods = told([
        established(Some(day("2019-01-01")), None),
        ended(day("2021-06-30")),
        reinstated(Some(day("2023-01-01")), 3),
    ]);
    assert!(periods.last_may_be(&Change::Set(day("2021-07-01"))));
    assert!(!periods.last_may_be(&Change::Set(day("2021-06-30"))));
    assert!(!periods.last_may_be(&Change::Clear));
    assert!(periods.last_may_be(&Change::Keep));
    assert!(told([established(None, None)]).last_may_be(&Change::Clear));
}

fn any_day() -> impl Strategy<Value = Day> {
    (17_897_i64..17_920).prop_map(|number| Day::from_number(number).unwrap())
}

fn any_event() -> impl Strategy<Value = ConnectionEvent> {
    let change =
        || prop_oneof![Just(Change::Keep), Just(Change::Clear), any_day().prop_map(Change::Set)];
    prop_oneof![
        (change(), change()).prop_map(|(start, end)| redated(start, end)),
        any_day().prop_map(ended),
        (prop::option::of(any_day()), 3..6_u128).prop_map(|(start, n)| reinstated(start, n)),
    ]
}

proptest! {
    #[test]
    fn no_two_periods_share_a_day_whatever_was_recorded(
        start in prop::option::of(any_day()),
        events in prop::collection::vec(any_event(), 0..8),
    ) {
        let first = [established(start, None)];
        let periods = told(first.into_iter().chain(events));
        prop_assert!(!periods.all().is_empty());
        for number in 17_890..17_930 {
            let on = Day::from_number(number).unwrap();
            let holding: Vec<_> = periods.all().iter().filter(|one| one.holds_on(on)).collect();
            prop_assert!(holding.len() <= 1);
            let standing = periods.standing_on(on);
            prop_assert_eq!(standing == Standing::Holds, holding.len() == 1);
            if let [holding] = holding[..] {
                prop_assert_eq!(periods.shown_on(on), Some(holding));
            }
        }
    }
}
