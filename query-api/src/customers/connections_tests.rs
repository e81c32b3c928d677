//! Connections are seen from both sides, with the names that held at the time.

use events::{
    customers::{
        ConnectionEnded, ConnectionEstablished, ConnectionEvent, ConnectionReinstated,
        ConnectionRoleCategory, ConnectionRoleDefined, ConnectionRoleEvent, ConnectionSide,
    },
    ids::{ConnectionId, ConnectionRoleId, PartyRef, derived},
};
use serde_json::{Value, json};

use crate::testing::{World, account, contact, day, line, on_both};

on_both! { World:
    a_connection_is_seen_from_both_sides,
    in_the_effective_sense_a_connection_is_there_from_its_first_day_to_its_last,
    a_connection_stands_as_its_periods_and_the_day_say_wherever_one_asks,
}

fn role(name: &str) -> ConnectionRoleId {
    ConnectionRoleId(derived(name))
}

fn side(record: PartyRef, name: &str) -> ConnectionSide {
    ConnectionSide { record, role: Some(role(name)), role_is_reciprocal: false, description: None }
}

async fn connected(world: &World) {
    world.add_account("Contoso").await;
    world.add_contact("Bia", None).await;
    for name in ["Employer", "Employee"] {
        let defined = ConnectionRoleDefined {
            key: world.key().await,
            name: line(name),
            category: ConnectionRoleCategory::Business,
            applies_to: vec![],
            matching: vec![],
        };
        world.record(role(name).stream(), ConnectionRoleEvent::Defined(defined)).await;
    }
    let established = ConnectionEstablished {
        key: world.key().await,
        a: side(PartyRef::Account(account("Contoso")), "Employer"),
        b: side(PartyRef::Contact(contact("Bia")), "Employee"),
        start: Some(day("2026-01-15")),
        end: None,
    };
    let stream = ConnectionId(derived("connection")).stream();
    world.record(stream, ConnectionEvent::Established(established)).await;
}

fn first(page: &Value) -> &Value {
    assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
    &page["items"][0]
}

async fn a_connection_is_seen_from_both_sides(world: World) {
    connected(&world).await;
    let path = format!("/accounts/{}/connections", account("Contoso"));
    let page = world.get(&path).await.json();
    let seen = first(&page);
    assert_eq!(seen["role"]["name"], "Employer");
    assert_eq!(seen["other"]["name"], "Bia Souza");
    assert_eq!(seen["other"]["role"]["name"], "Employee");
    assert_eq!(seen["start"], "2026-01-15");
    let one = world.get(&format!("/connections/{}", derived("connection"))).await.json();
    assert_eq!((&one["id"], &one["a"]["record"]["type"]), (&seen["id"], &json!("account")));
    let page = world.get(&format!("/contacts/{}/connections", contact("Bia"))).await.json();
    let seen = first(&page);
    assert_eq!(
        (&seen["other"]["type"], &seen["other"]["name"]),
        (&json!("account"), &json!("Contoso"))
    );
    assert_eq!(seen["other"]["role"]["name"], "Employer");
}

async fn in_the_effective_sense_a_connection_is_there_from_its_first_day_to_its_last(world: World) {
    connected(&world).await;
    let ended = ConnectionEnded { end: day("2026-02-10") };
    let stream = ConnectionId(derived("connection")).stream();
    world.record(stream, ConnectionEvent::Ended(ended)).await;
    let path = format!("/accounts/{}/connections", account("Contoso"));
    for (on, count) in [
        ("2026-01-14", 0),
        ("2026-01-15", 1),
        ("2026-02-10", 1),
        ("2026-02-11", 0),
        ("2026-03-10", 0),
    ] {
        let page = world.get(&format!("{path}?sense=effective&as_of={on}")).await.json();
        assert_eq!(page["items"].as_array().unwrap().len(), count, "{on}");
    }
    let page = world.get(&format!("{path}?ended=true&with=contact")).await.json();
    assert_eq!(first(&page)["end"], "2026-02-10");
    let none = world.get(&format!("{path}?ended=false")).await.json();
    assert_eq!(none["items"], json!([]));
    let role = world.get(&format!("{path}?role={}", role("Employee"))).await.json();
    assert_eq!(first(&role)["ended"], true);
}

/// Whether Contoso's list shows the connection, in the effective sense, with `ended=true` and with
/// `ended=false`; and the state and the role that are told of it.
async fn told(world: &World, on: &str) -> (bool, bool, bool, Value, Value) {
    let list = format!("/accounts/{}/connections?as_of={on}", account("Contoso"));
    let page = async |more: &str| world.get(&format!("{list}{more}")).await.json();
    let has = |page: Value| !page["items"].as_array().unwrap().is_empty();
    let effective = has(page("&sense=effective").await);
    let (over, others) = (has(page("&ended=true").await), has(page("&ended=false").await));
    let all = page("").await;
    let seen = first(&all);
    assert_eq!(seen["ended"], json!(over), "{on}");
    let path = format!("/connections/{}?as_of={on}", derived("connection"));
    let one = world.get(&path).await.json();
    assert_eq!(one["state"], seen["state"], "{on}");
    assert_eq!((&one["start"], &one["end"]), (&seen["start"], &seen["end"]), "{on}");
    assert_eq!(one["a"]["role"], seen["role"]["id"], "{on}");
    (effective, over, others, seen["state"].clone(), one["a"]["role"].clone())
}

async fn a_connection_stands_as_its_periods_and_the_day_say_wherever_one_asks(world: World) {
    connected(&world).await;
    let stream = ConnectionId(derived("connection")).stream();
    let ended = ConnectionEnded { end: day("2026-02-10") };
    world.record(stream, ConnectionEvent::Ended(ended)).await;
    world.set_clock("2026-04-10T12:00:00Z");
    let again = ConnectionReinstated {
        start: Some(day("2026-04-01")),
        role_a: Some(role("Employee")),
        role_b: None,
    };
    world.record(stream, ConnectionEvent::Reinstated(again)).await;
    let (employer, employee) = (json!(role("Employer")), json!(role("Employee")));
    // What was known on a day is told as of that day.
    let known = told(&world, "2026-03-20").await;
    assert_eq!(known, (false, true, false, json!("Inactive"), employer.clone()));
    let known = told(&world, "2026-04-10").await;
    assert_eq!(known, (true, false, true, json!("Active"), employee.clone()));
    // What was true goes by all periods that are known.
    let effective = async |on: &str| {
        let path = format!("/connections/{}?sense=effective&as_of={on}", derived("connection"));
        let one = world.get(&path).await.json();
        (one["state"].clone(), one["a"]["role"].clone(), one["periods"].as_array().unwrap().len())
    };
    for (on, state, role) in [
        ("2026-01-20", "Active", &employer),
        ("2026-02-10", "Active", &employer),
        ("2026-02-11", "Inactive", &employer),
        ("2026-03-31", "Inactive", &employer),
        ("2026-04-01", "Active", &employee),
    ] {
        assert_eq!(effective(on).await, (json!(state), role.clone(), 2), "{on}");
        let path = format!("/accounts/{}/connections", account("Contoso"));
        let page = world.get(&format!("{path}?sense=effective&as_of={on}")).await.json();
        let count = usize::from(state == "Active");
        assert_eq!(page["items"].as_array().unwrap().len(), count, "{on}");
    }
    let before = format!("/connections/{}?sense=effective&as_of=2025-12-31", derived("connection"));
    assert_eq!(world.get(&before).await.code().0, 404);
}
