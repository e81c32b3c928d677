//! Timelines: whose an entry is, and what it says.

use events::{
    customers::{ConnectionEvent, ContactEvent, ContactParentChanged, NoteAdded, NoteEvent},
    ids::{ConnectionId, CustomerRef, NoteId, PartyRef, RecordRef},
    personal::Personal,
    sales::{OpportunityEvent, OpportunityQuoteOffered, OrderEvent, QuoteEvent, StageChanged},
    values::Prose,
};

use super::TIMELINE_ENTRIES;
use crate::{
    samples::*,
    table::{Row, Value},
    world::{World, id, value},
};

fn entries(world: &World, subject: &str) -> Vec<Row> {
    let rows = world.rows_at(&TIMELINE_ENTRIES, world.head());
    let subject = Value::from(id(subject));
    rows.into_iter().filter(|row| *value(&TIMELINE_ENTRIES, row, "subject_id") == subject).collect()
}

fn kinds(world: &World, subject: &str) -> Vec<String> {
    let kind = |row: &Row| value(&TIMELINE_ENTRIES, row, "kind").text().unwrap().to_owned();
    entries(world, subject).iter().map(kind).collect()
}

fn at(account_name: &str) -> Option<CustomerRef> {
    Some(CustomerRef::Account(account(account_name)))
}

fn people(world: &mut World) {
    for name in ["Contoso", "Fornecedora"] {
        let created = events::customers::AccountEvent::from(account_created(name));
        world.record(account(name).stream(), created);
    }
    let bia = ContactEvent::from(contact_created("Bia", at("Contoso")));
    world.record(contact("Bia").stream(), bia);
}

fn noted(world: &mut World, name: &str, regarding: impl Into<RecordRef>) {
    let text = Personal::Clear(Prose::new("called back").unwrap());
    let added = NoteAdded { key: key(), regarding: regarding.into(), text };
    world.record(NoteId(id(name)).stream(), NoteEvent::from(added));
}

fn deal(world: &mut World) {
    let mut created = opportunity_created(at("Contoso"), Some(brl("10.00")), Some("50"), None);
    created.contact = Some(contact("Bia"));
    world.record(opportunity("O1").stream(), OpportunityEvent::from(created));
}

#[test]
fn every_timeline_begins_with_the_creation() {
    let mut world = World::at("2026-01-05T12:00:00Z");
    people(&mut world);
    assert_eq!(kinds(&world, "Contoso"), ["account.created", "contact.created"]);
    assert_eq!(kinds(&world, "Fornecedora"), ["account.created"]);
    assert_eq!(kinds(&world, "Bia"), ["contact.created"]);
    let entry = &entries(&world, "Contoso")[0];
    assert_eq!(value(&TIMELINE_ENTRIES, entry, "title").text(), Some("Account Contoso created"));
    assert_eq!(value(&TIMELINE_ENTRIES, entry, "actor_id").id(), Some(id("ana")));
}

#[test]
fn an_entry_belongs_to_the_account_whose_contact_it_was_at_that_time() {
    let mut world = World::at("2026-01-05T12:00:00Z");
    people(&mut world);
    noted(&mut world, "before", contact("Bia"));
    let moved = ContactParentChanged { from: at("Contoso"), to: at("Fornecedora") };
    world.record(contact("Bia").stream(), ContactEvent::from(moved));
    noted(&mut world, "after", contact("Bia"));
    let of_contoso = ["account.created", "contact.created", "note.added", "contact.parent_changed"];
    assert_eq!(kinds(&world, "Contoso"), of_contoso);
    let of_fornecedora = ["account.created", "contact.parent_changed", "note.added"];
    assert_eq!(kinds(&world, "Fornecedora"), of_fornecedora);
    let of_bia = ["contact.created", "note.added", "contact.parent_changed", "note.added"];
    assert_eq!(kinds(&world, "Bia"), of_bia);
}

#[test]
fn a_role_on_an_opportunity_is_told_to_the_person_the_deal_and_the_company() {
    let mut world = World::at("2026-01-05T12:00:00Z");
    people(&mut world);
    deal(&mut world);
    let decider = side(PartyRef::Contact(contact("Bia")), Some("Decision maker"));
    let on = side(PartyRef::Opportunity(opportunity("O1")), None);
    let stream = ConnectionId(id("connection")).stream();
    let ended = events::customers::ConnectionEnded { end: day("2026-06-30") };
    world.record(stream, ConnectionEvent::from(established(decider, on)));
    world.record(stream, ConnectionEvent::from(ended));
    for subject in ["Bia", "O1", "Contoso"] {
        let kinds = kinds(&world, subject);
        assert!(kinds.ends_with(&["connection.established".to_owned(), "connection.ended".into()]));
    }
    assert_eq!(kinds(&world, "Fornecedora"), ["account.created"]);
}

#[test]
fn a_sale_is_told_to_its_customer_its_contact_and_its_opportunity() {
    let mut world = World::at("2026-01-05T12:00:00Z");
    people(&mut world);
    deal(&mut world);
    let stage = StageChanged { from: line("Qualify"), to: line("Propose") };
    world.record(opportunity("O1").stream(), OpportunityEvent::from(stage));
    let mut started =
        quote_started("Q-2026-000017", at("Contoso").unwrap(), Some(opportunity("O1")));
    started.contact = Some(contact("Bia"));
    let stream = quote("Q").stream();
    world.record(stream, QuoteEvent::from(started));
    world.record(stream, QuoteEvent::from(activated(0, brl("2664.15"))));
    let offered = OpportunityQuoteOffered { quote: quote("Q"), revision: 0 };
    world.record(opportunity("O1").stream(), OpportunityEvent::from(offered));
    noted(&mut world, "on the quote", quote("Q"));
    let source = (quote("Q"), 0);
    let of = Some(opportunity("O1"));
    let placed = order_placed("SO-2026-000004", source, at("Contoso").unwrap(), of, brl("2.00"));
    world.record(order("SO").stream(), OrderEvent::from(placed));
    let sale = [
        "opportunity.created",
        "opportunity.stage_changed",
        "quote.started",
        "quote.activated",
        "note.added",
        "order.placed",
    ];
    assert_eq!(kinds(&world, "O1"), sale);
    assert_eq!(kinds(&world, "Contoso")[2..], sale);
    assert_eq!(kinds(&world, "Bia")[1..6], sale[..5]);
    let entries = entries(&world, "O1");
    let title = |index: usize| value(&TIMELINE_ENTRIES, &entries[index], "title").text().unwrap();
    assert_eq!(title(1), "Stage changed from Qualify to Propose");
    assert_eq!(title(3), "Quote Q-2026-000017 revision 0 activated at 2664.15 BRL");
    assert_eq!(value(&TIMELINE_ENTRIES, &entries[3], "amount").int(), Some(266_415));
}
