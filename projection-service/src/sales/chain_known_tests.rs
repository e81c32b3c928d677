//! The law of what is known of a chain: taken one by one, written down and read again after each, its
//! facts change what all of them together say.

use events::{
    ids::RecordRef,
    sales::{OpportunityEvent, OrderEvent, QuoteEvent},
};
use proptest::{prelude::*, test_runner::Config};

use super::Known;
use crate::{
    sales::{
        chain_fact::{ChainFact, Moved},
        chain_worth::{Steps, corrections, step},
    },
    samples::*,
};

const HOUR: i64 = 3_600_000_000;

/// Beginnings come first: an event of a record that is not there is never recorded. No order is placed
/// twice.
fn moved(kind: u8, n: u8, place: usize) -> (RecordRef, Moved) {
    let customer = events::ids::CustomerRef::Account(account("Contoso"));
    let deal = opportunity("o").into();
    let owner = if n.is_multiple_of(2) { user("ana") } else { user("caro") };
    let total = brl(&format!("{n}.01"));
    let the_quote = quote("q").into();
    match kind {
        0 => (deal, Moved::Stage(line(&format!("stage {}", n % 3)))),
        1 => (deal, Moved::Estimate(Some(total))),
        2 => (deal, Moved::Lost { on: day("2026-03-10") }),
        3 => (deal, Moved::Reopened),
        4 => (deal, Moved::Owner(owner)),
        5 => (the_quote, Moved::Active(total)),
        6 => (the_quote, Moved::Withdrawn),
        7 => (the_quote, Moved::Owner(owner)),
        8 => (order("first").into(), Moved::Owner(owner)),
        _ => (order(&format!("so {place}")).into(), ordered(customer, total)),
    }
}

fn ordered(customer: events::ids::CustomerRef, total: events::money::Money) -> Moved {
    let of = Some(opportunity("o"));
    let event = OrderEvent::from(order_placed("SO-1", (quote("q"), 0), customer, of, total));
    Moved::of(&event.into()).unwrap()
}

fn begun() -> Vec<(RecordRef, Moved)> {
    let customer = events::ids::CustomerRef::Account(account("Contoso"));
    let created = opportunity_created(Some(customer), Some(brl("10.10")), Some("25"), None);
    let started = quote_started("q", customer, Some(opportunity("o")));
    vec![
        (opportunity("o").into(), Moved::of(&OpportunityEvent::from(created).into()).unwrap()),
        (quote("q").into(), Moved::of(&QuoteEvent::from(started).into()).unwrap()),
    ]
}

/// Facts at these hours. Some days are counted in another zone.
fn told(orders_first: bool, facts: &[(u8, u8, u8, bool)]) -> Vec<ChainFact> {
    let customer = events::ids::CustomerRef::Account(account("Contoso"));
    let mut told = begun();
    if orders_first {
        told.push((order("first").into(), ordered(customer, brl("7.00"))));
    }
    let hours = std::iter::repeat_n((0, false), told.len());
    let hours: Vec<_> = hours.chain(facts.iter().map(|fact| (fact.2, fact.3))).collect();
    let is_possible = |fact: &&(u8, u8, u8, bool)| orders_first || fact.0 != 8;
    let possible = facts.iter().filter(is_possible).enumerate();
    told.extend(possible.map(|(place, (kind, n, ..))| moved(*kind, *n, place)));
    let fact = |(position, ((document, moved), (hour, is_elsewhere)))| {
        let effective_at = i64::from(hour) * HOUR;
        let day = effective_at / (24 * HOUR) - i64::from(is_elsewhere);
        ChainFact { document, position, effective_at, day, moved }
    };
    (1..).zip(told.into_iter().zip(hours)).map(fact).collect()
}

/// Takes them one by one; answers with the sum of all changes, and how many needed all facts.
fn one_by_one(facts: &[ChainFact]) -> (Steps, usize) {
    let (mut sum, mut written, mut gone_through) = (Steps::new(), None::<String>, 0);
    for (index, fact) in facts.iter().enumerate() {
        let known = written.map(|text| serde_json::from_str(&text).unwrap());
        let mut known: Known = known.unwrap_or_default();
        assert_eq!(known.facts as usize, index);
        let changed = if known.is_continued_by(fact) {
            known.take(fact)
        } else {
            gone_through += 1;
            let (before, _) = Known::of(&facts[..index]);
            let after;
            (after, known) = Known::of(&facts[..=index]);
            corrections(&before, &after)
        };
        changed.into_iter().for_each(|(day, worth)| step(&mut sum, day, worth));
        written = Some(serde_json::to_string(&known).unwrap());
    }
    (sum, gone_through)
}

proptest! {
    #![proptest_config(Config { cases: 1_024, failure_persistence: None, ..Config::default() })]

    #[test]
    fn facts_taken_one_by_one_say_what_all_of_them_say(
        orders_first in any::<bool>(),
        facts in prop::collection::vec((0..10_u8, any::<u8>(), 0..72_u8, any::<bool>()), 0..24),
    ) {
        let facts = told(orders_first, &facts);
        prop_assert_eq!(one_by_one(&facts).0, Known::of(&facts).0);
    }

    #[test]
    fn facts_in_their_order_never_need_those_before(
        facts in prop::collection::vec((9..10_u8, any::<u8>(), 0..72_u8), 0..24),
    ) {
        let mut facts: Vec<_> = facts.into_iter().map(|(kind, n, hour)| (kind, n, hour, false)).collect();
        facts.sort_by_key(|fact| fact.2);
        prop_assert_eq!(one_by_one(&told(true, &facts)).1, 0);
    }
}

#[test]
fn the_owner_of_an_order_is_found_among_all_facts() {
    let facts = told(true, &[(9, 5, 1, false), (8, 1, 2, false)]);
    let (sum, gone_through) = one_by_one(&facts);
    assert_eq!(gone_through, 1);
    assert_eq!(sum, Known::of(&facts).0);
}
