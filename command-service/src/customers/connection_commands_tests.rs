//! The rules of a connection's later life.

use events::{
    CrmEvent,
    customers::{ConnectionEnded, ConnectionReinstated},
    ids::{AccountId, Category, ConnectionId, ConnectionRoleId, ContactId, PartyRef},
    values::Day,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ChangeConnectionDetails, EndConnection, ReinstateConnection};
use crate::{
    aggregate::Decide,
    customers::{
        CreateAccount, CreateContact, DeactivateContact, DefineConnectionRole, RelateRecords,
        connection_between, testing::World,
    },
    refusal::Refusal,
};

const CONTOSO: PartyRef = PartyRef::Account(AccountId(Uuid::from_u128(1)));
const BIA: PartyRef = PartyRef::Contact(ContactId(Uuid::from_u128(2)));

fn connection() -> ConnectionId {
    connection_between(CONTOSO, BIA)
}

/// Contoso and Bia are related from 2026-01-01.
fn world() -> World {
    let mut world = World::new();
    let contoso = json!({ "account_id": Uuid::from_u128(1), "name": "Contoso" });
    world.send::<CreateAccount>(contoso).unwrap();
    let bia = json!({ "contact_id": Uuid::from_u128(2), "last_name": "Silva" });
    world.send::<CreateContact>(bia).unwrap();
    let relate = json!({ "a": CONTOSO, "b": BIA, "start": "2026-01-01" });
    world.send::<RelateRecords>(relate).unwrap();
    world
}

fn end(day: &str) -> Value {
    json!({ "connection_id": connection(), "end": day })
}

fn reinstate() -> Value {
    json!({ "connection_id": connection(), "start": "2026-09-01" })
}

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

#[test]
fn a_connection_ends_once_on_its_last_day() {
    let mut world = world();
    let event = CrmEvent::Connection(ConnectionEnded { end: day("2026-06-30") }.into());
    assert_eq!(world.send::<EndConnection>(end("2026-06-30")), Ok(vec![event]));
    assert_eq!(world.send::<EndConnection>(end("2026-06-30")), Ok(vec![]));
    let refused = world.send::<EndConnection>(end("2026-07-01"));
    assert_eq!(refused, Err(Refusal::ConnectionEnded));
}

#[test]
fn the_last_day_is_the_effective_day() {
    let command: EndConnection = serde_json::from_value(end("2026-06-30")).unwrap();
    assert_eq!(Decide::effective_day(&command), Some(day("2026-06-30")));
}

#[test]
fn a_connection_is_not_ended_before_it_starts() {
    let refused = world().send::<EndConnection>(end("2025-12-31"));
    assert_eq!(refused, Err(Refusal::ConnectionDates));
}

#[test]
fn a_connection_that_ended_is_taken_up_again_once() {
    let mut world = world();
    assert_eq!(world.send::<ReinstateConnection>(reinstate()), Err(Refusal::ConnectionActive));
    world.send::<EndConnection>(end("2026-06-30")).unwrap();
    let start = Some(day("2026-09-01"));
    let event =
        CrmEvent::Connection(ConnectionReinstated { start, role_a: None, role_b: None }.into());
    assert_eq!(world.send::<ReinstateConnection>(reinstate()), Ok(vec![event]));
    assert_eq!(world.send::<ReinstateConnection>(reinstate()), Err(Refusal::ConnectionActive));
    assert_eq!(world.send::<EndConnection>(end("2026-10-01")).unwrap().len(), 1);
}

#[test]
fn a_connection_is_taken_up_again_with_the_roles_that_are_given_or_those_it_had() {
    const BUYER: Uuid = Uuid::from_u128(31);
    const DECIDER: Uuid = Uuid::from_u128(32);
    let mut world = world();
    for (id, name, applies_to) in
        [(BUYER, "Buyer", json!(["account"])), (DECIDER, "Decider", json!(["contact"]))]
    {
        let define = json!({
            "connection_role_id": id, "name": name, "category": "Business",
            "applies_to": applies_to,
        });
        world.send::<DefineConnectionRole>(define).unwrap();
    }
    world.send::<EndConnection>(end("2026-06-30")).unwrap();
    let reinstate = |roles: Value| {
        let mut body = json!({ "connection_id": connection() });
        body.as_object_mut().unwrap().extend(roles.as_object().unwrap().clone());
        body
    };
    let wrong = world.send::<ReinstateConnection>(reinstate(json!({ "role_a": DECIDER })));
    assert_eq!(wrong, Err(Refusal::ConnectionRoleType));
    let unknown = world.send::<ReinstateConnection>(reinstate(json!({ "role_b": Uuid::nil() })));
    assert_eq!(unknown, Err(Refusal::not_found(Category::ConnectionRole)));

    let roles = |role_a: Option<Uuid>, role_b: Option<Uuid>| {
        let (role_a, role_b) = (role_a.map(ConnectionRoleId), role_b.map(ConnectionRoleId));
        Ok(vec![CrmEvent::Connection(ConnectionReinstated { start: None, role_a, role_b }.into())])
    };
    let both = reinstate(json!({ "role_a": BUYER, "role_b": DECIDER }));
    assert_eq!(world.send::<ReinstateConnection>(both), roles(Some(BUYER), Some(DECIDER)));
    world.send::<EndConnection>(end("2026-07-31")).unwrap();
    let without = reinstate(json!({ "role_b": null }));
    assert_eq!(world.send::<ReinstateConnection>(without), roles(Some(BUYER), None));
}

#[test]
fn a_connection_is_not_ended_on_a_day_to_come() {
    // The day of these tests is 2026-11-23.
    let refused = world().send::<EndConnection>(end("2026-11-24"));
    assert_eq!(refused, Err(Refusal::EffectiveInFuture));
    assert_eq!(world().send::<EndConnection>(end("2026-11-23")).unwrap().len(), 1);
}

#[test]
fn a_connection_past_its_last_day_is_over_without_being_ended() {
    let mut world = world();
    // The day of these tests is 2026-11-23.
    world.send::<ChangeConnectionDetails>(end("2026-11-23")).unwrap();
    assert_eq!(world.send::<ReinstateConnection>(reinstate()), Err(Refusal::ConnectionActive));
    world.send::<ChangeConnectionDetails>(end("2026-11-22")).unwrap();
    let relate = world.send::<RelateRecords>(json!({ "a": BIA, "b": CONTOSO }));
    assert_eq!(relate, Err(Refusal::ConnectionEnded));
    assert!(world.send::<ReinstateConnection>(reinstate()).is_ok());
}

#[test]
fn both_ends_must_be_in_use_to_take_a_connection_up_again() {
    let mut world = world();
    world.send::<EndConnection>(end("2026-06-30")).unwrap();
    world.send::<DeactivateContact>(json!({ "contact_id": Uuid::from_u128(2) })).unwrap();
    let refused = world.send::<ReinstateConnection>(reinstate());
    assert_eq!(refused, Err(Refusal::CustomerInactive));
}

#[test]
fn a_description_that_is_given_is_always_written() {
    let mut world = world();
    let body = || json!({ "connection_id": connection(), "description_a": "Pays late" });
    for _ in 0..2 {
        assert_eq!(world.send::<ChangeConnectionDetails>(body()).unwrap().len(), 1);
    }
}

#[test]
fn the_same_days_again_stay_quiet() {
    let body = json!({ "connection_id": connection(), "start": "2026-01-01", "end": null });
    assert_eq!(world().send::<ChangeConnectionDetails>(body), Ok(vec![]));
}

#[test]
fn a_new_day_is_judged_with_the_one_that_stays() {
    let refused = world().send::<ChangeConnectionDetails>(end("2025-12-31"));
    assert_eq!(refused, Err(Refusal::ConnectionDates));
}

#[test]
fn a_connection_that_ended_cannot_be_changed() {
    let mut world = world();
    world.send::<EndConnection>(end("2026-06-30")).unwrap();
    let refused = world.send::<ChangeConnectionDetails>(end("2026-07-01"));
    assert_eq!(refused, Err(Refusal::ConnectionEnded));
}

#[test]
fn a_connection_that_was_never_made_cannot_be_changed_ended_or_taken_up() {
    let mut world = World::new();
    let missing = Err(Refusal::not_found(Category::Connection));
    assert_eq!(world.send::<ChangeConnectionDetails>(end("2026-01-01")), missing);
    assert_eq!(world.send::<EndConnection>(end("2026-01-01")), missing);
    assert_eq!(world.send::<ReinstateConnection>(reinstate()), missing);
}

#[test]
fn a_connection_holds_to_the_end_of_its_last_day() {
    // The day of these tests is 2026-11-23.
    let mut world = world();
    world.send::<EndConnection>(end("2026-11-23")).unwrap();
    let related = world.send::<RelateRecords>(json!({ "a": BIA, "b": CONTOSO }));
    assert_eq!(related, Err(Refusal::ConnectionExists));
    assert_eq!(world.send::<ReinstateConnection>(reinstate()), Err(Refusal::ConnectionActive));
    assert_eq!(world.send::<EndConnection>(end("2026-11-23")), Ok(vec![]));
    // Said too late: it may still be put right while it holds.
    assert_eq!(world.send::<EndConnection>(end("2026-11-22")).unwrap().len(), 1);
    assert_eq!(world.send::<EndConnection>(end("2026-11-23")), Err(Refusal::ConnectionEnded));
}

#[test]
fn a_connection_past_its_last_day_cannot_be_changed_whoever_set_that_day() {
    let mut world = world();
    world.send::<ChangeConnectionDetails>(end("2026-11-22")).unwrap();
    let refused = world.send::<ChangeConnectionDetails>(end("2026-12-31"));
    assert_eq!(refused, Err(Refusal::ConnectionEnded));
}

#[test]
fn a_later_period_does_not_reach_into_an_earlier_one() {
    let mut world = world();
    world.send::<EndConnection>(end("2026-06-30")).unwrap();
    world.send::<ReinstateConnection>(reinstate()).unwrap();
    let start = |day: Value| json!({ "connection_id": connection(), "start": day });
    for day in [json!("2026-06-30"), json!("2026-01-01"), Value::Null] {
        let refused = world.send::<ChangeConnectionDetails>(start(day));
        assert_eq!(refused, Err(Refusal::ConnectionDates));
    }
    let moved = world.send::<ChangeConnectionDetails>(start(json!("2026-07-01")));
    assert_eq!(moved.unwrap().len(), 1);
    let refused = world.send::<EndConnection>(end("2026-03-01"));
    assert_eq!(refused, Err(Refusal::ConnectionDates));
}
