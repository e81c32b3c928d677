//! Opportunities: what changes one, and what does not.

use events::{
    ids::CustomerRef,
    sales::{OpportunityEvent, OpportunityQuoteOffered, OpportunityQuoteWithdrawn},
};

use super::OPPORTUNITIES;
use crate::{
    samples::*,
    world::{World, id, value},
};

#[test]
fn taking_note_of_a_quote_changes_nothing_but_the_version() {
    let mut world = World::at("2026-01-05T12:00:00Z");
    let stream = opportunity("O").stream();
    let customer = Some(CustomerRef::Account(account("Contoso")));
    let created = opportunity_created(customer, Some(brl("10.00")), Some("50"), None);
    let created = world.record(stream, OpportunityEvent::from(created));
    world.wait_until("2026-02-05T12:00:00Z");
    let (quote, revision) = (quote("Q"), 0);
    let offered = OpportunityQuoteOffered { quote, revision };
    let offered = world.record(stream, OpportunityEvent::from(offered));
    let withdrawn = OpportunityQuoteWithdrawn { quote, revision };
    let withdrawn = world.record(stream, OpportunityEvent::from(withdrawn));
    let at = |position| {
        let row = world.row_at(&OPPORTUNITIES, &[id("O").into()], position).unwrap();
        let of = |column| value(&OPPORTUNITIES, &row, column).int();
        (of("version"), of("changed_at"), of("estimated_value"))
    };
    let (_, changed_at, estimate) = at(created);
    assert_eq!(at(offered), (Some(2), changed_at, estimate));
    assert_eq!(at(withdrawn), (Some(3), changed_at, estimate));
}
