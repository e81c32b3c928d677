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

fn seen_from(world: &World, record: &str, position: i64) -> Row {
    let key = [Value::from(id(record)), connection().0.into()];
    world.row_at(&CONNECTION_SIDES, &key, position).unwrap()
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
fn an_ended_connection_is_shown_as_of_before_and_can_be_taken_up_again() {
    let mut world = World::at("2026-01-05T12:00:00Z");
    let start = related(&mut world);
    world.wait_until("2026-06-30T12:00:00Z");
    let stream = connection().stream();
    let ended = ConnectionEvent::from(ConnectionEnded { end: day("2026-06-30") });
    let ended = world.record(stream, ended);
    let again = ConnectionReinstated {
        start: Some(day("2026-07-01")),
        role_a: Some(ConnectionRoleId(id("Distributor"))),
        role_b: None,
    };
    let again = world.record(stream, ConnectionEvent::from(again));
    for record in ["Contoso", "Fornecedora"] {
        let state = |position| {
            let row = seen_from(&world, record, position);
            let of = |column| value(&CONNECTION_SIDES, &row, column).int();
            (of("start_day"), of("end_day"), of("ended"))
        };
        let number = |text| Some(day(text).number());
        assert_eq!(state(start), (number("2026-01-01"), None, Some(0)));
        assert_eq!(state(ended), (number("2026-01-01"), number("2026-06-30"), Some(1)));
        assert_eq!(state(again), (number("2026-07-01"), None, Some(0)));
    }
    let roles = |record, position| {
        let row = seen_from(&world, record, position);
        let of = |column| value(&CONNECTION_SIDES, &row, column).id();
        (of("role_id"), of("other_role_id"))
    };
    assert_eq!(roles("Contoso", ended), (Some(id("Buyer")), Some(id("Supplier"))));
    assert_eq!(roles("Contoso", again), (Some(id("Distributor")), None));
    assert_eq!(roles("Fornecedora", again), (None, Some(id("Distributor"))));
}
