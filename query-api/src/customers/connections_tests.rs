//! Connections are seen from both sides, with the names that held at the time.

use events::{
    customers::{
        ConnectionEnded, ConnectionEstablished, ConnectionEvent, ConnectionRoleCategory,
        ConnectionRoleDefined, ConnectionRoleEvent, ConnectionSide,
    },
    ids::{ConnectionId, ConnectionRoleId, PartyRef, derived},
};
use serde_json::{Value, json};

use crate::testing::{World, account, contact, day, line, on_both};

on_both! { World:
    a_connection_is_seen_from_both_sides,
    in_the_effective_sense_a_connection_is_there_from_its_first_day_to_its_last,
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
