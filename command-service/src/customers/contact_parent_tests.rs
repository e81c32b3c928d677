//! The rules of the customer a contact belongs to.

use events::{
    CrmEvent,
    customers::ContactParentChanged,
    ids::{AccountId, Category, ContactId, CustomerRef},
    values::Day,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::ChangeContactParent;
use crate::{
    aggregate::Decide,
    customers::{
        CreateAccount, CreateContact, DeactivateAccount, DeactivateContact,
        testing::{Judged, World},
    },
    refusal::Refusal,
};

const CONTOSO: AccountId = AccountId(Uuid::from_u128(1));

const fn contact(number: u128) -> ContactId {
    ContactId(Uuid::from_u128(number))
}

fn account_ref(account: AccountId) -> Value {
    json!({ "type": "account", "id": account })
}

fn contact_ref(number: u128) -> Value {
    json!({ "type": "contact", "id": contact(number) })
}

/// Contact 11 is of Contoso, 12 of 11, 13 of 12.
fn world() -> World {
    let mut world = World::new();
    world.send::<CreateAccount>(json!({ "account_id": CONTOSO, "name": "Contoso" })).unwrap();
    let parents = [(11, account_ref(CONTOSO)), (12, contact_ref(11)), (13, contact_ref(12))];
    for (number, parent) in parents {
        let id = contact(number);
        let body = json!({ "contact_id": id, "last_name": "C", "parent": parent });
        world.send::<CreateContact>(body).unwrap();
    }
    world
}

fn moved(world: &mut World, number: u128, parent: &Value) -> Judged {
    world.send::<ChangeContactParent>(json!({ "contact_id": contact(number), "parent": parent }))
}

#[test]
fn a_move_records_the_customer_before_and_after() {
    let events = moved(&mut world(), 13, &account_ref(CONTOSO)).unwrap();
    let from = Some(CustomerRef::Contact(contact(12)));
    let changed = ContactParentChanged { from, to: Some(CustomerRef::Account(CONTOSO)) };
    assert_eq!(events, [CrmEvent::Contact(changed.into())]);
}

#[test]
fn a_contact_can_stand_alone() {
    let mut world = world();
    assert_eq!(moved(&mut world, 11, &Value::Null).unwrap().len(), 1);
    assert_eq!(moved(&mut world, 11, &Value::Null), Ok(vec![]));
}

#[test]
fn a_move_must_say_where_to() {
    let body = json!({ "contact_id": contact(11) });
    assert!(serde_json::from_value::<ChangeContactParent>(body).is_err());
}

#[test]
fn moving_to_the_same_customer_stays_quiet() {
    assert_eq!(moved(&mut world(), 11, &account_ref(CONTOSO)), Ok(vec![]));
}

#[test]
fn no_contact_becomes_its_own_ancestor() {
    let mut world = world();
    let looped = |through| Err(Refusal::ContactParentLoop { through: contact(through) });
    assert_eq!(moved(&mut world, 11, &contact_ref(11)), looped(11));
    assert_eq!(moved(&mut world, 11, &contact_ref(12)), looped(12));
    assert_eq!(moved(&mut world, 11, &contact_ref(13)), looped(12));
    assert!(moved(&mut world, 13, &contact_ref(11)).is_ok());
}

#[test]
fn the_new_customer_must_be_there_and_in_use() {
    let mut world = world();
    let missing = Err(Refusal::not_found(Category::Contact));
    assert_eq!(moved(&mut world, 11, &contact_ref(99)), missing);
    world.send::<DeactivateAccount>(json!({ "account_id": CONTOSO })).unwrap();
    let inactive = Err(Refusal::CustomerInactive);
    assert_eq!(moved(&mut world, 13, &account_ref(CONTOSO)), inactive);
}

#[test]
fn an_inactive_contact_stays_where_it_is() {
    let mut world = world();
    world.send::<DeactivateContact>(json!({ "contact_id": contact(13) })).unwrap();
    assert_eq!(moved(&mut world, 13, &Value::Null), Err(Refusal::Inactive));
}

#[test]
fn the_day_of_a_move_is_its_effective_day() {
    let body = json!({ "contact_id": contact(11), "parent": null, "since": "2026-01-31" });
    let command: ChangeContactParent = serde_json::from_value(body).unwrap();
    assert_eq!(Decide::effective_day(&command), Some(Day::parse("2026-01-31").unwrap()));
}

#[test]
fn the_schema_says_that_the_new_customer_is_required_and_may_be_null() {
    let schema = serde_json::to_value(schemars::schema_for!(ChangeContactParent)).unwrap();
    let required = schema["required"].as_array().unwrap();
    assert!(required.contains(&json!("parent")), "{schema}");
    assert!(!required.contains(&json!("since")), "{schema}");
    assert!(schema["properties"]["parent"].to_string().contains("null"), "{schema}");
}
