//! The law of the ledger: at every position and day its sum is what a naive count from scratch says.

use std::collections::BTreeMap;

use events::{
    CrmEvent, Instant,
    customers::OwnerAssigned,
    ids::{CustomerRef, StreamName},
    sales::{
        CloseDateMoved, EstimateChanged, LostReason, OpportunityDetailsChanged, OpportunityEvent,
        OpportunityLost, OpportunityReopened, OpportunityWon, OrderEvent, ProbabilityChanged,
        QuoteCloseReason, QuoteClosed, QuoteEvent, Rating, StageChanged,
    },
    values::Change,
};
use proptest::{prelude::*, test_runner::Config};

use super::REVENUE_DELTAS;
use crate::{
    record::happened_by,
    sales::{
        OpportunityRecord, OpportunityState, QuoteRecord, QuoteState, fold_opportunity, fold_order,
        fold_quote,
    },
    samples::*,
    world::{World, instant, value},
};

/// Owner, stage, state and period, as the rows hold them, and the nine measures.
type Sums = BTreeMap<(String, String, String, Option<i64>), [i64; 9]>;

fn customer() -> CustomerRef {
    CustomerRef::Account(account("Contoso"))
}

fn deal_event(kind: u8, n: u32) -> OpportunityEvent {
    let amount = brl(&format!("{}.01", n % 1_000));
    let on = events::values::Day::from_number(20_000 + i64::from(n % 400)).unwrap();
    match kind {
        0 => StageChanged { from: line("x"), to: line(&format!("stage {}", n % 3)) }.into(),
        1 => ProbabilityChanged { probability: (!n.is_multiple_of(5)).then(|| percent("37.5")) }
            .into(),
        2 => EstimateChanged { estimated_value: (!n.is_multiple_of(5)).then_some(amount) }.into(),
        3 => CloseDateMoved { from: None, to: (!n.is_multiple_of(4)).then_some(on) }.into(),
        4 => OpportunityWon { actual_value: amount, close_date: on, via_quote: None }.into(),
        5 => OpportunityLost {
            status_reason: LostReason::Canceled,
            close_date: on,
            competitor: None,
        }
        .into(),
        6 => OpportunityReopened {}.into(),
        7 => OpportunityDetailsChanged { rating: Change::Set(Rating::Hot), ..Default::default() }
            .into(),
        _ => {
            let to = user(if n.is_multiple_of(2) { "ana" } else { "caro" });
            OwnerAssigned { from: user("ana"), to }.into()
        }
    }
}

fn quote_event(kind: u8, n: u32, cents: &str) -> QuoteEvent {
    let total = brl(&format!("{}.{cents}", n % 1_000));
    match kind {
        0 => activated(0, total).into(),
        1 => QuoteClosed { revision: 0, status_reason: QuoteCloseReason::Lost }.into(),
        2 => accepted(0, order("so"), total).into(),
        _ => OwnerAssigned { from: user("ana"), to: user("caro") }.into(),
    }
}

/// One random event of the chain: the opportunity's, one of two quotes', an order, or the owner of the
/// first one.
fn event(kind: u8, n: u32) -> (StreamName, CrmEvent) {
    match kind {
        0..=8 => (opportunity("o").stream(), deal_event(kind, n).into()),
        9..=16 => {
            // Different cents, so that one of them is always the higher.
            let (name, cents) = if kind < 13 { ("q1", "03") } else { ("q2", "04") };
            (quote(name).stream(), quote_event(kind % 4, n, cents).into())
        }
        OWNER_OF_ORDER => {
            let to = user(if n.is_multiple_of(2) { "ana" } else { "caro" });
            let assigned = OwnerAssigned { from: user("ana"), to };
            (order("so").stream(), OrderEvent::from(assigned).into())
        }
        _ => {
            let name = format!("so {n}");
            let total = brl(&format!("{}.07", n % 1_000));
            let of = Some(opportunity("o"));
            let placed = order_placed("SO-1", (quote("q1"), 0), customer(), of, total);
            (order(&name).stream(), OrderEvent::from(placed).into())
        }
    }
}

/// The kind of event that needs the first order.
const OWNER_OF_ORDER: u8 = 17;

const FIRST: i64 = 20_600;

fn at_noon(day: i64) -> Instant {
    Instant::from_micros((day * 86_400 + 54_000) * 1_000_000)
}

fn told(days: (u8, u8, u8, Option<u8>), events: &[(u8, u32, u8)]) -> World {
    let mut world = World::at("2026-08-01T12:00:00Z");
    let effective = |day: u8| Some(at_noon(FIRST + i64::from(day)));
    let created = opportunity_created(Some(customer()), Some(brl("10.10")), Some("25"), None);
    let stream = opportunity("o").stream();
    world.record_effective(stream, OpportunityEvent::from(created), effective(days.0));
    for (name, day) in [("q1", days.1), ("q2", days.2)] {
        let started = quote_started(name, customer(), Some(opportunity("o")));
        let event = QuoteEvent::from(started);
        world.record_effective(quote(name).stream(), event, effective(day));
    }
    let of = Some(opportunity("o"));
    let placed = order_placed("SO-0", (quote("q1"), 0), customer(), of, brl("9.05"));
    if let Some(day) = days.3 {
        world.record_effective(order("so").stream(), OrderEvent::from(placed), effective(day));
    }
    for (kind, n, day) in
        events.iter().filter(|(kind, ..)| *kind != OWNER_OF_ORDER || days.3.is_some())
    {
        let (stream, event) = event(*kind, *n);
        world.record_effective(stream, event, effective(*day));
    }
    world
}

fn row(
    owner: &str,
    stage: Option<&str>,
    state: &str,
    day: Option<events::values::Day>,
) -> (String, String, String, Option<i64>) {
    let month =
        day.map(|day| events::values::Day::new(day.date().first_of_month()).unwrap().number());
    (owner.to_owned(), stage.unwrap_or_default().to_owned(), state.to_owned(), month)
}

fn owner_of(owner: events::ids::Principal) -> String {
    events::ids::RecordRef::from(owner).id.to_string()
}

/// The record of a stream as it was true on a day, from what was known at a position.
fn as_was<R>(
    world: &World,
    stream: StreamName,
    (position, day): (i64, i64),
    fold: impl Fn(Option<R>, &crate::projector::Fact<'_>) -> Option<R>,
) -> Option<R> {
    let facts = world.stream(stream, position);
    let cut = Instant::from_micros((day * 86_400 + 86_400) * 1_000_000 + 10_800_000_000 - 1);
    happened_by(&facts, cut).iter().fold(None, fold)
}

/// The rule of the chain, counted from the records alone.
fn counted(world: &World, at: (i64, i64)) -> Sums {
    let mut sums = Sums::new();
    let mut add = |key, index: usize, amount: i64| {
        sums.entry(key).or_insert([0; 9])[index] += amount;
    };
    let deal: Option<OpportunityRecord> =
        as_was(world, opportunity("o").stream(), at, fold_opportunity);
    let quotes: Vec<QuoteRecord> = ["q1", "q2"]
        .into_iter()
        .filter_map(|name| as_was(world, quote(name).stream(), at, fold_quote))
        .collect();
    let streams: std::collections::BTreeSet<_> =
        world.log.iter().map(|(recorded, _)| recorded.stream).collect();
    let orders: Vec<_> = streams
        .into_iter()
        .filter(|stream| stream.category == events::ids::Category::Order)
        .filter_map(|stream| as_was(world, stream, at, fold_order))
        .collect();
    let stage = deal.as_ref().map(|deal| deal.stage.as_str());
    for placed in &orders {
        let key = || row(&owner_of(placed.owner), stage, "ordered", Some(placed.ordered_on));
        add(key(), 4, 1);
        add(key(), 5, placed.totals.total.minor());
    }
    let best = quotes
        .iter()
        .filter(|quote| matches!(quote.state, QuoteState::Active | QuoteState::Won))
        .max_by_key(|quote| quote.totals.unwrap().total.minor());
    let total = best.map(|quote| quote.totals.unwrap().total);
    match &deal {
        Some(deal) if deal.state == OpportunityState::Won => {
            let key = || row(&owner_of(deal.owner), stage, "won", deal.close_date);
            add(key(), 6, 1);
            add(key(), 7, deal.actual_value.unwrap().minor());
        }
        Some(deal) if deal.state == OpportunityState::Lost => {
            add(row(&owner_of(deal.owner), stage, "lost", deal.close_date), 8, 1);
        }
        Some(deal) if orders.is_empty() => {
            let key = || row(&owner_of(deal.owner), stage, "open", deal.estimated_close_date);
            let amount = total.or(deal.estimated_value).unwrap_or_else(|| brl("0.00"));
            let otherwise = percent(if total.is_some() { "50" } else { "0" });
            add(key(), 0, 1);
            add(key(), 1, amount.minor());
            let weighted = amount.exact_share(deal.probability.unwrap_or(otherwise));
            add(key(), 2, weighted.minor);
            add(key(), 3, weighted.millionths);
        }
        None if orders.is_empty() => {
            if let Some((quote, total)) = best.zip(total) {
                let key = || row(&owner_of(quote.owner), None, "open", None);
                add(key(), 0, 1);
                add(key(), 1, total.minor());
                add(key(), 2, total.exact_share(percent("50")).minor);
                add(key(), 3, total.exact_share(percent("50")).millionths);
            }
        }
        _ => {}
    }
    sums
}

fn of_the_ledger(world: &World, (position, until): (i64, i64)) -> Sums {
    let measures = REVENUE_DELTAS.columns.len() + 3 - 9;
    let mut sums = Sums::new();
    for row in world.rows_at(&REVENUE_DELTAS, position) {
        let of = |column| value(&REVENUE_DELTAS, &row, column);
        if of("business_day").int().unwrap() > until {
            continue;
        }
        let key = (
            of("owner_id").id().unwrap().to_string(),
            of("stage").text().unwrap_or_default().to_owned(),
            of("state").text().unwrap().to_owned(),
            of("period").int(),
        );
        let sum = sums.entry(key).or_insert([0; 9]);
        for (sum, value) in sum.iter_mut().zip(&row[measures..]) {
            *sum += value.int().unwrap();
        }
    }
    sums.retain(|_, sum| *sum != [0; 9]);
    sums
}

proptest! {
    #![proptest_config(Config { cases: 128, failure_persistence: None, ..Config::default() })]

    #[test]
    fn the_ledger_says_what_a_count_from_scratch_says_at_every_position_and_day(
        days in (0..8_u8, 0..8_u8, 0..8_u8, prop::option::of(0..8_u8)),
        events in prop::collection::vec((0..19_u8, any::<u32>(), 0..10_u8), 0..12),
    ) {
        let world = told(days, &events);
        for position in 1..=world.head() {
            for day in FIRST - 1..=FIRST + 10 {
                let at = (position, day);
                let (ledger, naive) = (of_the_ledger(&world, at), counted(&world, at));
                prop_assert_eq!(ledger, naive, "position {}, day {}", position, day - FIRST);
            }
        }
    }
}

#[test]
fn noon_is_on_the_day_it_is_said_to_be() {
    assert_eq!(at_noon(day("2026-08-01").number()), instant("2026-08-01T15:00:00Z"));
}
