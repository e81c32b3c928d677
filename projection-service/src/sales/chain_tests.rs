//! Sales chains: the whole sale, each document in the state it had.

use events::{
    ids::CustomerRef,
    sales::{OpportunityEvent, OrderEvent, QuoteEvent, QuoteRevised},
};

use super::{CHAIN_DOCUMENTS, CHAINS};
use crate::{
    samples::*,
    table::Row,
    world::{World, id, value},
};

fn customer() -> CustomerRef {
    CustomerRef::Account(account("Contoso"))
}

fn furthest(world: &World, chain: &str, position: i64) -> String {
    let row = world.row_at(&CHAINS, &[id(chain).into()], position).unwrap();
    value(&CHAINS, &row, "furthest").text().unwrap().to_owned()
}

fn documents(world: &World, position: i64) -> Vec<(String, i64, String)> {
    let rows = world.rows_at(&CHAIN_DOCUMENTS, position);
    let text = |row: &Row, column| value(&CHAIN_DOCUMENTS, row, column).text().unwrap().to_owned();
    let one = |row: &Row| {
        let revision = value(&CHAIN_DOCUMENTS, row, "revision").int().unwrap();
        (text(row, "document_type"), revision, text(row, "state"))
    };
    rows.iter().map(one).collect()
}

#[test]
fn a_sale_is_one_chain_from_the_opportunity_to_the_order() {
    let mut world = World::at("2026-05-01T12:00:00Z");
    let created = opportunity_created(Some(customer()), Some(brl("10.00")), None, None);
    let first = world.record(opportunity("O").stream(), OpportunityEvent::from(created));
    assert_eq!(furthest(&world, "O", first), "opportunity");
    let stream = quote("Q").stream();
    let started = quote_started("Q-1", customer(), Some(opportunity("O")));
    world.record(stream, QuoteEvent::from(started));
    world.record(stream, QuoteEvent::from(activated(0, brl("2.00"))));
    let revised = QuoteRevised { closed_revision: 0, new_revision: 1 };
    let revised = world.record(stream, QuoteEvent::from(revised));
    assert_eq!(furthest(&world, "O", revised), "quote");
    world.record(stream, QuoteEvent::from(activated(1, brl("3.00"))));
    world.record(stream, QuoteEvent::from(accepted(1, order("SO"), brl("3.00"))));
    let of = Some(opportunity("O"));
    let placed = order_placed("SO-1", (quote("Q"), 1), customer(), of, brl("3.00"));
    let placed = world.record(order("SO").stream(), OrderEvent::from(placed));

    let all = |states: &[(&str, i64, &str)]| {
        states.iter().map(|(of, n, s)| ((*of).to_owned(), *n, (*s).to_owned())).collect::<Vec<_>>()
    };
    let then = [("opportunity", 0, "Open"), ("quote", 0, "Closed"), ("quote", 1, "Draft")];
    assert_eq!(documents(&world, revised), all(&then));
    let now = [
        ("opportunity", 0, "Open"),
        ("order", 0, "Active"),
        ("quote", 0, "Closed"),
        ("quote", 1, "Won"),
    ];
    assert_eq!(documents(&world, placed), all(&now));
    assert_eq!(furthest(&world, "O", placed), "order");
    assert_eq!(world.rows_at(&CHAINS, placed).len(), 1);
}

#[test]
fn a_quote_without_an_opportunity_names_its_chain() {
    let mut world = World::at("2026-05-01T12:00:00Z");
    let started = quote_started("Q-1", customer(), None);
    world.record(quote("Q").stream(), QuoteEvent::from(started));
    let placed = order_placed("SO-1", (quote("Q"), 0), customer(), None, brl("3.00"));
    world.record(order("SO").stream(), OrderEvent::from(placed));
    let to = user("caro");
    let assigned = events::customers::OwnerAssigned { from: user("ana"), to };
    let last = world.record(order("SO").stream(), OrderEvent::from(assigned));
    assert_eq!(furthest(&world, "Q", last), "order");
    let owners: Vec<_> = world
        .rows_at(&CHAIN_DOCUMENTS, last)
        .iter()
        .map(|row| value(&CHAIN_DOCUMENTS, row, "owner_id").id().unwrap())
        .collect();
    assert_eq!(owners, [id("caro"), id("ana")]);
}
