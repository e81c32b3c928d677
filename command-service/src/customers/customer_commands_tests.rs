//! The rules that accounts and contacts share.

use events::{
    CrmEvent,
    customers::{AccountEvent, ContactEvent},
    ids::{AccountId, Category, ContactId, CustomerRef},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{RemoveAddress, SetAddress, SetCommercialTerms, SetContactPreferences};
use crate::{
    customers::{
        CreateAccount, CreateContact, DeactivateAccount, DeactivateContact, testing::World,
    },
    refusal::Refusal,
};

const CONTOSO: CustomerRef = CustomerRef::Account(AccountId(Uuid::from_u128(1)));
const BIA: CustomerRef = CustomerRef::Contact(ContactId(Uuid::from_u128(2)));

fn world() -> World {
    let mut world = World::new();
    let contoso = json!({ "account_id": Uuid::from_u128(1), "name": "Contoso" });
    world.send::<CreateAccount>(contoso).unwrap();
    let bia = json!({ "contact_id": Uuid::from_u128(2), "last_name": "Silva" });
    world.send::<CreateContact>(bia).unwrap();
    world
}

fn address(record: CustomerRef) -> Value {
    json!({ "record": record, "kind": "bill_to", "address": { "street": ["Rua A"] } })
}

fn terms(record: CustomerRef) -> Value {
    json!({ "record": record, "terms": { "payment_terms": "Net30", "credit_hold": true } })
}

fn preferences(record: CustomerRef) -> Value {
    json!({ "record": record, "preferences": { "do_not_phone": true } })
}

#[test]
fn the_event_is_of_the_kind_of_the_customer() {
    let mut world = world();
    let set = world.send::<SetAddress>(address(CONTOSO)).unwrap();
    assert!(matches!(set[..], [CrmEvent::Account(AccountEvent::AddressSet(_))]));
    let set = world.send::<SetAddress>(address(BIA)).unwrap();
    assert!(matches!(set[..], [CrmEvent::Contact(ContactEvent::AddressSet(_))]));
}

#[test]
fn an_address_that_is_given_is_always_written() {
    let mut world = world();
    for _ in 0..2 {
        assert_eq!(world.send::<SetAddress>(address(BIA)).unwrap().len(), 1);
    }
}

#[test]
fn a_street_has_at_most_three_lines() {
    let body = |lines: usize| {
        let street = vec!["Rua A"; lines];
        json!({ "record": BIA, "kind": "other", "address": { "street": street } })
    };
    assert!(serde_json::from_value::<SetAddress>(body(3)).is_ok());
    assert!(serde_json::from_value::<SetAddress>(body(4)).is_err());
}

#[test]
fn an_address_says_something() {
    let body = |address: Value| json!({ "record": BIA, "kind": "other", "address": address });
    assert!(serde_json::from_value::<SetAddress>(body(json!({ "country": "Brasil" }))).is_ok());
    assert!(serde_json::from_value::<SetAddress>(body(json!({}))).is_err());
}

#[test]
fn an_address_is_removed_once() {
    for record in [CONTOSO, BIA] {
        let mut world = world();
        let remove = || json!({ "record": record, "kind": "bill_to" });
        assert_eq!(world.send::<RemoveAddress>(remove()), Ok(vec![]));
        world.send::<SetAddress>(address(record)).unwrap();
        assert_eq!(world.send::<RemoveAddress>(remove()).unwrap().len(), 1);
        assert_eq!(world.send::<RemoveAddress>(remove()), Ok(vec![]));
    }
}

#[test]
fn the_same_terms_and_preferences_again_stay_quiet() {
    for record in [CONTOSO, BIA] {
        let mut world = world();
        assert_eq!(world.send::<SetCommercialTerms>(terms(record)).unwrap().len(), 1);
        assert_eq!(world.send::<SetCommercialTerms>(terms(record)), Ok(vec![]));
        assert_eq!(world.send::<SetContactPreferences>(preferences(record)).unwrap().len(), 1);
        assert_eq!(world.send::<SetContactPreferences>(preferences(record)), Ok(vec![]));
    }
}

#[test]
fn terms_are_set_as_a_whole() {
    let mut world = world();
    world.send::<SetCommercialTerms>(terms(CONTOSO)).unwrap();
    let none = json!({ "record": CONTOSO, "terms": {} });
    let events = world.send::<SetCommercialTerms>(none).unwrap();
    let [CrmEvent::Account(AccountEvent::CommercialTermsSet(set))] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(set.terms, events::customers::CommercialTerms::default());
}

#[test]
fn an_inactive_customer_keeps_what_it_has() {
    let mut world = world();
    world.send::<DeactivateAccount>(json!({ "account_id": Uuid::from_u128(1) })).unwrap();
    world.send::<DeactivateContact>(json!({ "contact_id": Uuid::from_u128(2) })).unwrap();
    for record in [CONTOSO, BIA] {
        assert_eq!(world.send::<SetAddress>(address(record)), Err(Refusal::Inactive));
        let remove = json!({ "record": record, "kind": "bill_to" });
        assert_eq!(world.send::<RemoveAddress>(remove), Err(Refusal::Inactive));
        assert_eq!(world.send::<SetCommercialTerms>(terms(record)), Err(Refusal::Inactive));
        let preferences = world.send::<SetContactPreferences>(preferences(record));
        assert_eq!(preferences, Err(Refusal::Inactive));
    }
}

#[test]
fn a_customer_who_is_not_there_gets_no_address() {
    let mut world = World::new();
    let missing = |category| Err(Refusal::not_found(category));
    assert_eq!(world.send::<SetAddress>(address(CONTOSO)), missing(Category::Account));
    assert_eq!(world.send::<SetAddress>(address(BIA)), missing(Category::Contact));
}
