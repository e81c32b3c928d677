//! How an order is placed.

use events::values::Line;

use super::*;
use crate::{
    sales::fixtures::{
        BIA, BIA_KEY, CONTOSO, DEAL, QUOTE, accepted, active, ana, brl, chairs, day, desks, line,
        quote_started, totals,
    },
    testing::{Given, given},
};

const PLACE: PlaceOrder = PlaceOrder { quote: QUOTE, revision: 0 };

fn placed() -> OrderPlaced {
    OrderPlaced {
        key: BIA_KEY,
        number: line("SO-2026-000017"),
        name: quote_started().name,
        source: QuoteSource { quote: QUOTE, revision: 0 },
        customer: events::ids::CustomerRef::Account(CONTOSO),
        contact: Some(BIA),
        opportunity: Some(DEAL),
        currency: brl("0.00").currency(),
        lines: vec![desks(), chairs()],
        totals: totals(),
        terms: quote_started().terms,
        bill_to: quote_started().bill_to,
        ship_to: None,
        customer_reference: None,
        ordered_on: day("2026-05-20"),
        owner: ana(),
    }
}

fn after_acceptance() -> Given<Order> {
    given::<Order>([]).with(QUOTE.stream(), accepted())
}

#[test]
fn an_accepted_quote_is_ordered_once_as_it_was_accepted() {
    after_acceptance().when(PLACE, |_| ()).then([placed()]).when(PLACE, |_| ()).then_nothing();
}

#[test]
fn an_order_that_is_there_takes_no_second_number() {
    let mut order = Order::default();
    assert!(PLACE.number(&order, CommandId(QUOTE.0), day("2026-05-20")).is_some());
    order.evolve(&placed().into());
    assert_eq!(PLACE.number(&order, CommandId(QUOTE.0), day("2026-05-20")), None);
}

#[test]
fn a_revision_has_one_order_whoever_asks() {
    let one = |revision| PlaceOrder { quote: QUOTE, revision }.record(CommandId(Uuid::nil()));
    assert_eq!(one(0), PLACE.record(CommandId(QUOTE.0)));
    assert_ne!(one(0), one(1));
}

#[test]
fn what_was_not_accepted_is_not_ordered() {
    given::<Order>([]).when(PLACE, |_| ()).then_refused("record.not_found");
    given::<Order>([])
        .with(QUOTE.stream(), active())
        .when(PLACE, |_| ())
        .then_refused("quote.not_active");
    after_acceptance()
        .when(PlaceOrder { quote: QUOTE, revision: 1 }, |_| ())
        .then_refused("record.not_found");
}

#[test]
fn an_order_carries_the_customers_own_number() {
    let mut history = active();
    let reference: Line<100> = line("PO 4711");
    let acceptance = events::sales::QuoteAccepted {
        customer_reference: Some(reference.clone()),
        ..crate::sales::fixtures::acceptance()
    };
    history.push(acceptance.into());
    given::<Order>([])
        .with(QUOTE.stream(), history)
        .when(PLACE, |_| ())
        .then([OrderPlaced { customer_reference: Some(reference), ..placed() }]);
}

#[test]
fn an_order_keeps_its_key_and_follows_its_owner() {
    let mut order = Order::default();
    order.evolve(&placed().into());
    let to = Principal::User(crate::sales::fixtures::BOB);
    order.evolve(&events::customers::OwnerAssigned { from: ana(), to }.into());
    assert_eq!(order.key(), Some(BIA_KEY));
    assert_eq!(order.placed().unwrap().owner, to);
}
