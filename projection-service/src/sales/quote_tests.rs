//! Quotes: priced line by line, every revision kept as the customer saw it.

use events::sales::{
    Discount, QuoteDiscountSet, QuoteDraftDiscarded, QuoteEvent, QuoteFreightSet, QuoteRevised,
    QuoteTaxSet,
};

use super::{QuoteRecord, QuoteState, QuoteStatusReason};
use crate::{
    record::document,
    sales::QUOTES,
    samples::*,
    world::{World, id, value},
};

fn record(world: &mut World, event: impl Into<QuoteEvent>) -> i64 {
    world.record(quote("Q").stream(), event.into())
}

fn quote_at(world: &World, position: i64) -> QuoteRecord {
    let row = world.row_at(&QUOTES, &[id("Q").into()], position).unwrap();
    document(&QUOTES, &row).unwrap()
}

fn drafted(world: &mut World) -> i64 {
    let customer = events::ids::CustomerRef::Account(account("Contoso"));
    record(world, quote_started("Q-2026-000017", customer, None));
    record(world, line_added(0, five_per_cent_off(line_of("L1", "10", "150.00"))));
    record(world, line_added(0, line_of("L2", "4", "250.00")));
    let discount = Some(Discount::Percent(percent("2")));
    record(world, QuoteDiscountSet { revision: 0, discount });
    record(world, QuoteFreightSet { revision: 0, freight: Some(brl("50.00")) });
    record(world, QuoteTaxSet { revision: 0, tax: Some(percent("10")) })
}

#[test]
fn a_draft_adds_up_to_the_cent() {
    let mut world = World::at("2026-05-01T12:00:00Z");
    let position = drafted(&mut world);
    let totals = quote_at(&world, position).totals.unwrap();
    assert_eq!(totals.subtotal, brl("2425.00"));
    assert_eq!(totals.discount, brl("48.50"));
    assert_eq!(totals.net, brl("2376.50"));
    assert_eq!(totals.tax, brl("237.65"));
    assert_eq!(totals.total, brl("2664.15"));
    let row = world.row_at(&QUOTES, &[id("Q").into()], position).unwrap();
    assert_eq!(value(&QUOTES, &row, "total").int(), Some(266_415));
}

#[test]
fn a_draft_that_cannot_be_priced_says_why() {
    let mut world = World::at("2026-05-01T12:00:00Z");
    drafted(&mut world);
    let discount = Some(Discount::Amount(brl("9999.00")));
    let position = record(&mut world, QuoteDiscountSet { revision: 0, discount });
    let quote = quote_at(&world, position);
    assert_eq!(quote.totals, None);
    let error = quote.revisions[0].pricing_error.as_deref();
    assert_eq!(error, Some("a discount is larger than what it is taken off"));
}

#[test]
fn as_of_before_a_revise_the_old_revision_is_the_offer() {
    let mut world = World::at("2026-05-01T12:00:00Z");
    let draft = drafted(&mut world);
    let totals = quote_at(&world, draft).totals.unwrap();
    let event = events::sales::QuoteActivated { revision: 0, totals };
    let before = record(&mut world, event);
    record(&mut world, QuoteRevised { closed_revision: 0, new_revision: 1 });
    let after = record(&mut world, activated(1, brl("2500.00")));

    let old = quote_at(&world, before);
    assert_eq!((old.state, old.revision), (QuoteState::Active, 0));
    assert_eq!(old.totals.unwrap().total, brl("2664.15"));
    let new = quote_at(&world, after);
    assert_eq!((new.state, new.revision), (QuoteState::Active, 1));
    assert_eq!(new.totals.unwrap().total, brl("2500.00"));
    let closed = new.revision(0).unwrap();
    assert_eq!(
        (closed.state, closed.status_reason),
        (QuoteState::Closed, QuoteStatusReason::Revised)
    );
    assert_eq!(closed.lines, new.revision(1).unwrap().lines);
    assert_eq!(closed.totals.unwrap().total, brl("2664.15"));
}

#[test]
fn an_accepted_quote_names_its_order() {
    let mut world = World::at("2026-05-01T12:00:00Z");
    drafted(&mut world);
    record(&mut world, activated(0, brl("2500.00")));
    let position = record(&mut world, accepted(0, order("SO"), brl("2500.00")));
    let quote = quote_at(&world, position);
    assert_eq!((quote.state, quote.status_reason), (QuoteState::Won, QuoteStatusReason::Won));
    assert_eq!((quote.order, quote.accepted_on), (Some(order("SO")), Some(day("2026-05-20"))));
    assert_eq!(quote.accepted_by, Some(line("Bia Souza")));
}

#[test]
fn a_discarded_draft_is_closed_and_stays_readable() {
    let mut world = World::at("2026-05-01T12:00:00Z");
    drafted(&mut world);
    let position = record(&mut world, QuoteDraftDiscarded { revision: 0 });
    let quote = quote_at(&world, position);
    assert_eq!(quote.state, QuoteState::Closed);
    assert_eq!(quote.status_reason, QuoteStatusReason::Discarded);
    assert_eq!(quote.revisions[0].lines.len(), 2);
}
