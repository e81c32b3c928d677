//! Connections: each side sees the other, with its role, for as long as it holds.

use events::{
    customers::{ConnectionEnded, ConnectionEvent, ConnectionReinstated},
    ids::{ConnectionId, ConnectionRoleId, PartyRef},
    personal::Personal,
    values::Prose,
};

use super::CONNECTION_SIDES;
use crate::{
    samples::*,
    table::{Row, Value},
    world::{World, id, value},
};

fn connection() -> ConnectionId {
    ConnectionId(id("connection"))
}

fn related(world: &mut World) -> i64 {
    let mut supplier = side(PartyRef::Account(account("Fornecedora")), Some("Supplier"));
    supplier.description = Some(Personal::Clear(Prose::new("delivers paper").unwrap()));
    let buyer = side(PartyRef::Account(account("Contoso")), Some("Buyer"));
    let event = ConnectionEvent::from(established(buyer, supplier));
    world.record(connection().stream(), event)
}

/// What a record sees of the connection: the row of each period.
fn periods_from(world: &World, record: &str, position: i64) -> Vec<Row> {
    let key = [Value::from(id(record)), connection().0.into()];
    let rows = world.rows_at(&CONNECTION_SIDES, position).into_iter();
    rows.filter(|row| row.starts_with(&key)).collect()
}

fn seen_from(world: &World, record: &str, position: i64) -> Row {
    periods_from(world, record, position).pop().unwrap()
}

fn number(text: &str) -> Option<i64> {
    Some(day(text).number())
}

#[test]
fn both_sides_see_each_other_with_the_others_role() {
    let mut world = World::at("2026-01-05T12:00:00Z");
    let position = related(&mut world);
    let contoso = seen_from(&world, "Contoso", position);
    let of = |row: &Row, column| value(&CONNECTION_SIDES, row, column).clone();
    assert_eq!(of(&contoso, "other_id"), id("Fornecedora").into());
    assert_eq!(of(&contoso, "other_role_id"), id("Supplier").into());
    assert_eq!(of(&contoso, "role_id"), id("Buyer").into());
    assert_eq!(of(&contoso, "other_description"), "delivers paper".into());
    assert_eq!(of(&contoso, "description"), Value::Null);
    let fornecedora = seen_from(&world, "Fornecedora", position);
    assert_eq!(of(&fornecedora, "other_id"), id("Contoso").into());
    assert_eq!(of(&fornecedora, "other_role_id"), id("Buyer").into());
    assert_eq!(of(&fornecedora, "description"), "delivers paper".into());
}

#[test]
fn a_connection_that_is_taken_up_again_keeps_its_earlier_period() {
    let mut world = World::at("2026-01-05T12:00:00Z");
    let start = related(&mut world);
    world.wait_until("2026-06-30T12:00:00Z");
    let stream = connection().stream();
    let ended = ConnectionEvent::from(ConnectionEnded { end: day("2026-06-30") });
    let ended = world.record(stream, ended);
    let again = ConnectionReinstated {
        start: Some(day("2026-09-01")),
        role_a: Some(ConnectionRoleId(id("Distributor"))),
        role_b: None,
    };
    let again = world.record(stream, ConnectionEvent::from(again));
    for record in ["Contoso", "Fornecedora"] {
        let periods = |position| {
            let rows = periods_from(&world, record, position);
            let of = |row: &Row, column| value(&CONNECTION_SIDES, row, column).int();
            let days = ["start_day", "end_day", "shown_from", "shown_to", "is_last"];
            rows.iter().map(|row| days.map(|column| of(row, column))).collect::<Vec<_>>()
        };
        let (ever, always) = (Some(i64::MIN), Some(i64::MAX));
        assert_eq!(periods(start), [[number("2026-01-01"), None, ever, always, Some(1)]]);
        let [first, last] = [number("2026-01-01"), number("2026-06-30")];
        assert_eq!(periods(ended), [[first, last, ever, always, Some(1)]]);
        let second = number("2026-09-01");
        assert_eq!(
            periods(again),
            [
                [first, last, ever, number("2026-08-31"), Some(0)],
                [second, None, second, always, Some(1)],
            ]
        );
    }
    let roles = |record, place: usize| {
        let row = periods_from(&world, record, again).remove(place);
        let of = |column| value(&CONNECTION_SIDES, &row, column).id();
        (of("role_id"), of("other_role_id"))
    };
    assert_eq!(roles("Contoso", 0), (Some(id("Buyer")), Some(id("Supplier"))));
    assert_eq!(roles("Contoso", 1), (Some(id("Distributor")), None));
    assert_eq!(roles("Fornecedora", 0), (Some(id("Supplier")), Some(id("Buyer"))));
    assert_eq!(roles("Fornecedora", 1), (None, Some(id("Distributor"))));
}

#[test]
fn a_period_that_another_took_the_days_of_is_gone() {
    let mut world = World::at("2026-01-05T12:00:00Z");
    related(&mut world);
    world.wait_until("2026-06-30T12:00:00Z");
    let stream = connection().stream();
    let reinstated = |start| ConnectionReinstated { start, role_a: None, role_b: None };
    let end = |text| ConnectionEvent::from(ConnectionEnded { end: day(text) });
    world.record(stream, end("2026-03-31"));
    let later = reinstated(Some(day("2026-05-01")));
    world.record(stream, ConnectionEvent::from(later));
    let two = world.record(stream, end("2026-06-29"));
    let earlier = reinstated(Some(day("2025-01-01")));
    let one = world.record(stream, ConnectionEvent::from(earlier));
    assert_eq!(periods_from(&world, "Contoso", two).len(), 2);
    assert_eq!(periods_from(&world, "Contoso", one).len(), 1);
    let start = value(&CONNECTION_SIDES, &seen_from(&world, "Contoso", one), "start_day").int();
    assert_eq!(start, number("2025-01-01"));
    assert_eq!(world.replayed().stored(), world.stored());
}
