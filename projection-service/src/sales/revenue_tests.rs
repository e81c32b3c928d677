//! The revenue ledger on the scenarios of sales people: counted once, as of any day, out of order.

use std::collections::BTreeMap;

use events::{
    customers::OwnerAssigned,
    ids::CustomerRef,
    money::ExactShare,
    sales::{
        CloseDateMoved, EstimateChanged, LostReason, OpportunityDetailsChanged, OpportunityLost,
        OpportunityReopened, OpportunityWon, ProbabilityChanged, QuoteCloseReason, QuoteClosed,
        QuoteRevised, Rating,
    },
    values::Change,
};

use super::REVENUE_DELTAS;
use crate::{
    samples::*,
    world::{World, instant, value},
};

const MEASURES: [&str; 9] = [
    "open_count",
    "open_amount",
    "weighted_amount",
    "weighted_millionths",
    "booked_count",
    "booked_amount",
    "won_count",
    "won_amount",
    "lost_count",
];

/// The sums of the ledger, by the value of a column; measures in the order above, the two parts of
/// what is weighted rounded to one.
fn sums(world: &World, position: i64, until: &str, by: &str) -> BTreeMap<String, [i64; 8]> {
    let until = day(until).number();
    let mut sums: BTreeMap<String, [i64; 9]> = BTreeMap::new();
    for row in world.rows_at(&REVENUE_DELTAS, position) {
        if value(&REVENUE_DELTAS, &row, "business_day").int().unwrap() > until {
            continue;
        }
        let name = match value(&REVENUE_DELTAS, &row, by) {
            crate::table::Value::Text(text) => text.to_string(),
            other => format!("{other:?}"),
        };
        let sum = sums.entry(name).or_default();
        for (sum, measure) in sum.iter_mut().zip(MEASURES) {
            *sum += value(&REVENUE_DELTAS, &row, measure).int().unwrap();
        }
    }
    sums.retain(|_, sum| *sum != [0; 9]);
    let told = |[open, amount, minor, millionths, rest @ ..]: [i64; 9]| {
        let weighted = ExactShare::rounded(minor.into(), millionths.into());
        let [booked, booked_amount, won, won_amount, lost] = rest;
        let weighted = i64::try_from(weighted).unwrap();
        [open, amount, weighted, booked, booked_amount, won, won_amount, lost]
    };
    sums.into_iter().map(|(group, sum)| (group, told(sum))).collect()
}

/// The sums in one currency.
fn of(world: &World, position: i64, until: &str, currency: &str) -> [i64; 8] {
    sums(world, position, until, "currency").get(currency).copied().unwrap_or_default()
}

fn figures(world: &World) -> [i64; 8] {
    of(world, world.head(), "2199-12-31", "BRL")
}

fn contoso() -> CustomerRef {
    CustomerRef::Account(account("Contoso"))
}

fn sale(world: &mut World, name: &str, estimate: &str, probability: &str, close: &str) -> i64 {
    let created =
        opportunity_created(Some(contoso()), Some(brl(estimate)), Some(probability), Some(close));
    world.record(opportunity(name).stream(), events::sales::OpportunityEvent::from(created))
}

fn deal(world: &mut World, name: &str, event: impl Into<events::sales::OpportunityEvent>) -> i64 {
    world.record(opportunity(name).stream(), event.into())
}

fn offer(world: &mut World, name: &str, event: impl Into<events::sales::QuoteEvent>) -> i64 {
    world.record(quote(name).stream(), event.into())
}

fn won(actual: &str, on: &str) -> OpportunityWon {
    OpportunityWon { actual_value: brl(actual), close_date: day(on), via_quote: None }
}

#[test]
fn a_chain_is_counted_once_from_the_opportunity_to_the_order() {
    let mut world = World::at("2026-05-01T12:00:00Z");
    sale(&mut world, "o1", "100000.00", "40", "2026-06-30");
    sale(&mut world, "o2", "100000.00", "50", "2026-06-30");
    sale(&mut world, "o3", "7000.00", "90", "2026-06-30");
    let lost = OpportunityLost {
        status_reason: LostReason::OutSold,
        close_date: day("2026-05-01"),
        competitor: Some(line("Fabrikam")),
    };
    deal(&mut world, "o3", lost);
    assert_eq!(figures(&world), [2, 20_000_000, 9_000_000, 0, 0, 0, 0, 1]);

    let started = quote_started("Q-2026-000001", contoso(), Some(opportunity("o2")));
    offer(&mut world, "q", started);
    assert_eq!(
        figures(&world)[..3],
        [2, 20_000_000, 9_000_000],
        "a draft counts as the opportunity"
    );
    offer(&mut world, "q", activated(0, brl("90000.00")));
    assert_eq!(figures(&world)[..3], [2, 19_000_000, 8_500_000], "the quote replaces the estimate");

    offer(&mut world, "q", accepted(0, order("so"), brl("90000.00")));
    assert_eq!(figures(&world)[..5], [2, 19_000_000, 8_500_000, 0, 0], "until its order is placed");
    let placed = order_placed(
        "SO-2026-000001",
        (quote("q"), 0),
        contoso(),
        Some(opportunity("o2")),
        brl("90000.00"),
    );
    world.record(order("so").stream(), events::sales::OrderEvent::from(placed));
    assert_eq!(figures(&world), [1, 10_000_000, 4_000_000, 1, 9_000_000, 0, 0, 1]);
    deal(&mut world, "o2", won("90000.00", "2026-05-20"));
    assert_eq!(figures(&world), [1, 10_000_000, 4_000_000, 1, 9_000_000, 1, 9_000_000, 1]);
}

#[test]
fn a_forecast_as_of_a_past_day_stays_what_it_was() {
    let mut world = World::at("2026-03-10T12:00:00Z");
    sale(&mut world, "o1", "100000.00", "20", "2026-06-30");
    world.wait_until("2026-03-25T12:00:00Z");
    let march = deal(&mut world, "o1", ProbabilityChanged { probability: Some(percent("40")) });
    world.wait_until("2026-04-05T12:00:00Z");
    deal(&mut world, "o1", EstimateChanged { estimated_value: Some(brl("80000.00")) });
    let april = deal(&mut world, "o1", ProbabilityChanged { probability: Some(percent("60")) });
    world.wait_until("2026-04-12T12:00:00Z");
    let moved = CloseDateMoved { from: Some(day("2026-06-30")), to: Some(day("2026-07-15")) };
    let slipped = deal(&mut world, "o1", moved);

    assert_eq!(of(&world, march, "2026-03-31", "BRL")[2], 4_000_000);
    assert_eq!(of(&world, april, "2026-04-08", "BRL")[2], 4_800_000);
    let june = day("2026-06-01").number();
    let july = day("2026-07-01").number();
    let by_period = sums(&world, slipped, "2026-04-15", "period");
    assert_eq!(by_period.keys().collect::<Vec<_>>(), [&format!("Int({july})")]);
    let before = sums(&world, april, "2026-04-08", "period");
    assert_eq!(before.keys().collect::<Vec<_>>(), [&format!("Int({june})")]);
    assert_eq!(of(&world, slipped, "2026-03-31", "BRL")[2], 4_000_000, "nothing was back-dated");
}

#[test]
fn a_lost_deal_that_is_opened_again_counts_again() {
    let mut world = World::at("2026-05-01T12:00:00Z");
    sale(&mut world, "o4", "5000.00", "50", "2026-06-30");
    let lost = OpportunityLost {
        status_reason: LostReason::OutSold,
        close_date: day("2026-05-01"),
        competitor: None,
    };
    let lost = deal(&mut world, "o4", lost);
    let reopened = deal(&mut world, "o4", OpportunityReopened {});
    assert_eq!(of(&world, lost, "2026-05-01", "BRL"), [0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(of(&world, reopened, "2026-05-01", "BRL"), [1, 500_000, 250_000, 0, 0, 0, 0, 0]);
}

#[test]
fn a_sale_that_is_recorded_late_counts_from_its_business_day() {
    let mut world = World::at("2026-05-01T12:00:00Z");
    let created = opportunity_created(Some(contoso()), Some(brl("10.00")), None, None);
    let stream = opportunity("late").stream();
    let event = events::sales::OpportunityEvent::from(created);
    world.record_effective(stream, event, Some(instant("2026-01-10T12:00:00Z")));
    let event = events::sales::OpportunityEvent::from(won("12.00", "2026-02-20"));
    let first = world.record_effective(stream, event, Some(instant("2026-02-20T12:00:00Z")));
    assert_eq!(of(&world, first, "2026-01-09", "BRL"), [0; 8]);
    assert_eq!(of(&world, first, "2026-01-31", "BRL"), [1, 1_000, 0, 0, 0, 0, 0, 0]);
    assert_eq!(of(&world, first, "2026-02-20", "BRL"), [0, 0, 0, 0, 0, 1, 1_200, 0]);

    // What turns up still later corrects the days between, and no other.
    let estimate = EstimateChanged { estimated_value: Some(brl("11.00")) };
    let event = events::sales::OpportunityEvent::from(estimate);
    let second = world.record_effective(stream, event, Some(instant("2026-01-20T12:00:00Z")));
    assert_eq!(of(&world, second, "2026-01-15", "BRL")[1], 1_000);
    assert_eq!(of(&world, second, "2026-01-31", "BRL")[1], 1_100);
    assert_eq!(of(&world, second, "2026-02-20", "BRL"), [0, 0, 0, 0, 0, 1, 1_200, 0]);
    assert_eq!(of(&world, first, "2026-01-31", "BRL")[1], 1_000, "as it was known then");
}

#[test]
fn a_deal_that_was_won_before_it_was_entered_counts_from_its_close_date() {
    let mut world = World::at("2026-05-01T12:00:00Z");
    let entered = sale(&mut world, "o", "1000.00", "50", "2026-06-30");
    let event = events::sales::OpportunityEvent::from(won("900.00", "2026-03-22"));
    let closed = Some(instant("2026-03-22T03:00:00Z"));
    let after = world.record_effective(opportunity("o").stream(), event, closed);
    let (nothing, is_won) = ([0; 8], [0, 0, 0, 0, 0, 1, 90_000, 0]);
    assert_eq!(of(&world, after, "2026-03-21", "BRL"), nothing);
    for on in ["2026-03-22", "2026-04-01", "2026-05-01"] {
        assert_eq!(of(&world, after, on, "BRL"), is_won, "on {on}");
    }
    let open = [1, 100_000, 50_000, 0, 0, 0, 0, 0];
    assert_eq!(of(&world, entered, "2026-05-01", "BRL"), open, "as it was known before");
    assert_eq!(of(&world, entered, "2026-04-30", "BRL"), nothing, "as it was known before");
}

#[test]
fn a_deal_counts_from_the_first_thing_that_happened_to_it_whatever_that_is() {
    let mut world = World::at("2026-05-01T12:00:00Z");
    sale(&mut world, "o", "1000.00", "50", "2026-06-30");
    let rated =
        OpportunityDetailsChanged { rating: Change::Set(Rating::Hot), ..Default::default() };
    let event = events::sales::OpportunityEvent::from(rated);
    let dated = |day| Some(instant(day));
    let stream = opportunity("o").stream();
    let first = world.record_effective(stream, event.clone(), dated("2026-02-10T12:00:00Z"));
    let later = world.record_effective(stream, event, dated("2026-05-01T13:00:00Z"));
    assert_eq!(of(&world, first, "2026-02-09", "BRL")[0], 0);
    for position in [first, later] {
        assert_eq!(of(&world, position, "2026-02-10", "BRL")[..3], [1, 100_000, 50_000]);
    }
}

#[test]
fn what_is_weighted_is_added_up_exactly_and_rounded_once() {
    let mut world = World::at("2026-05-01T12:00:00Z");
    for name in ["a", "b", "c", "d"] {
        // A third of 10 cents: each alone would be 3.
        sale(&mut world, name, "0.10", "33.3333", "2026-06-30");
    }
    assert_eq!(figures(&world)[..3], [4, 40, 13]);
    deal(&mut world, "d", ProbabilityChanged { probability: Some(percent("0.0004")) });
    assert_eq!(figures(&world)[..3], [4, 40, 10]);
    deal(&mut world, "c", EstimateChanged { estimated_value: Some(brl("0.08")) });
    assert_eq!(figures(&world)[..3], [4, 38, 9]);
}

#[test]
fn a_deal_that_was_opened_again_and_won_for_an_earlier_day_stays_won() {
    let mut world = World::at("2026-04-01T12:00:00Z");
    sale(&mut world, "o", "5000.00", "50", "2026-06-30");
    let back_dated = |world: &mut World, actual: &str| {
        let event = events::sales::OpportunityEvent::from(won(actual, "2026-04-10"));
        let effective = Some(instant("2026-04-10T03:00:00Z"));
        world.record_effective(opportunity("o").stream(), event, effective)
    };
    world.wait_until("2026-04-12T12:00:00Z");
    back_dated(&mut world, "4000.00");
    world.wait_until("2026-05-10T12:00:00Z");
    let reopened = deal(&mut world, "o", OpportunityReopened {});
    let again = back_dated(&mut world, "4500.00");
    let open = [1, 500_000, 250_000, 0, 0, 0, 0, 0];
    assert_eq!(of(&world, reopened, "2026-05-10", "BRL"), open);
    for on in ["2026-04-10", "2026-05-09", "2026-05-10"] {
        assert_eq!(of(&world, again, on, "BRL"), [0, 0, 0, 0, 0, 1, 450_000, 0], "on {on}");
    }
    let stream = opportunity("o").stream();
    let facts =
        crate::record::happened_by(&world.stream(stream, again), instant("2026-05-10T12:00:00Z"));
    let record = facts.iter().fold(None, crate::sales::fold_opportunity).unwrap();
    assert_eq!(record.state, crate::sales::OpportunityState::Won, "and so says the record");
}

#[test]
fn a_deal_without_an_estimate_is_counted_and_adds_nothing() {
    let mut world = World::at("2026-05-01T12:00:00Z");
    let created = opportunity_created(None, None, Some("80"), None);
    deal(&mut world, "o", created);
    assert_eq!(figures(&world), [1, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn a_quote_without_an_opportunity_is_a_chain_of_its_own_at_one_half() {
    let mut world = World::at("2026-05-01T12:00:00Z");
    let customer = CustomerRef::Contact(contact("Caio"));
    offer(&mut world, "q", quote_started("Q-2026-000002", customer, None));
    assert_eq!(figures(&world), [0; 8]);
    offer(&mut world, "q", activated(0, brl("0.05")));
    assert_eq!(figures(&world), [1, 5, 2, 0, 0, 0, 0, 0], "half of five, rounded to even");
    offer(&mut world, "q", QuoteRevised { closed_revision: 0, new_revision: 1 });
    assert_eq!(figures(&world), [0; 8]);
    offer(&mut world, "q", activated(1, brl("2.00")));
    assert_eq!(figures(&world), [1, 200, 100, 0, 0, 0, 0, 0]);
    offer(&mut world, "q", QuoteClosed { revision: 1, status_reason: QuoteCloseReason::Lost });
    assert_eq!(figures(&world), [0; 8]);
}

#[test]
fn of_several_active_quotes_the_highest_counts() {
    let mut world = World::at("2026-05-01T12:00:00Z");
    sale(&mut world, "o", "1000.00", "10", "2026-06-30");
    for (name, number, total) in [("a", "Q-1", "700.00"), ("b", "Q-2", "900.00")] {
        offer(&mut world, name, quote_started(number, contoso(), Some(opportunity("o"))));
        offer(&mut world, name, activated(0, brl(total)));
    }
    assert_eq!(figures(&world)[..3], [1, 90_000, 9_000]);
    offer(&mut world, "b", QuoteClosed { revision: 0, status_reason: QuoteCloseReason::Canceled });
    assert_eq!(figures(&world)[..3], [1, 70_000, 7_000]);
}

#[test]
fn another_owner_takes_the_revenue_along_and_yesterday_stays() {
    let mut world = World::at("2026-05-01T12:00:00Z");
    let before = sale(&mut world, "o", "1000.00", "10", "2026-06-30");
    let assigned = OwnerAssigned { from: user("ana"), to: user("caro") };
    let after = deal(&mut world, "o", assigned);
    let owner = |name: &str| format!("Id({})", crate::world::id(name));
    let one = |position| sums(&world, position, "2026-05-01", "owner_id").into_keys().next();
    assert_eq!(one(before), Some(owner("ana")));
    assert_eq!(one(after), Some(owner("caro")));
    assert_eq!(sums(&world, after, "2026-05-01", "owner_id").len(), 1);
}

#[test]
fn amounts_of_two_currencies_are_never_added() {
    let mut world = World::at("2026-05-01T12:00:00Z");
    sale(&mut world, "o1", "1000.00", "10", "2026-06-30");
    let dollars =
        opportunity_created(Some(contoso()), Some(money("20000.00", "USD")), Some("50"), None);
    let position = deal(&mut world, "o2", dollars);
    assert_eq!(of(&world, position, "2026-05-01", "BRL")[1], 100_000);
    assert_eq!(of(&world, position, "2026-05-01", "USD")[1], 2_000_000);
}
