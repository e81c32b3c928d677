//! The rules of contacts, one by one.

use events::{
    CrmEvent,
    customers::{ContactEvent, ContactKind},
    ids::{AccountId, Category, ContactId},
};
use serde_json::json;
use uuid::Uuid;

use super::{ChangeContactDetails, CreateContact, DeactivateContact, ReactivateContact};
use crate::{
    customers::{
        CreateAccount, DeactivateAccount,
        testing::{OWNER_ANA, World, personal_line},
    },
    refusal::Refusal,
};

const CONTOSO: AccountId = AccountId(Uuid::from_u128(1));
const BIA: ContactId = ContactId(Uuid::from_u128(2));

fn world() -> World {
    let mut world = World::new();
    world.send::<CreateAccount>(json!({ "account_id": CONTOSO, "name": "Contoso" })).unwrap();
    let bia = json!({
        "contact_id": BIA, "last_name": "Silva", "kind": "Employee",
        "parent": { "type": "account", "id": CONTOSO },
    });
    world.send::<CreateContact>(bia).unwrap();
    world
}

#[test]
fn a_person_without_a_company_is_a_contact_too() {
    let events = World::new().send::<CreateContact>(json!({ "last_name": "Lima" })).unwrap();
    let [CrmEvent::Contact(ContactEvent::Created(created))] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(created.last_name, personal_line("Lima"));
    assert_eq!((created.kind, created.parent), (ContactKind::Other, None));
    assert_eq!(created.owner, OWNER_ANA);
}

#[test]
fn a_contact_can_be_created_only_once() {
    let again = world().send::<CreateContact>(json!({ "contact_id": BIA, "last_name": "Silva" }));
    assert_eq!(again, Err(Refusal::Exists));
}

#[test]
fn the_parent_of_a_new_contact_must_be_there_and_in_use() {
    let mut world = world();
    let body = |kind: &str, id: u128| json!({ "last_name": "Lima", "parent": { "type": kind, "id": Uuid::from_u128(id) } });
    let missing = Refusal::not_found(Category::Account);
    assert_eq!(world.send::<CreateContact>(body("account", 99)), Err(missing));
    assert!(world.send::<CreateContact>(body("contact", 2)).is_ok());
    world.send::<DeactivateAccount>(json!({ "account_id": CONTOSO })).unwrap();
    assert_eq!(world.send::<CreateContact>(body("account", 1)), Err(Refusal::CustomerInactive));
}

#[test]
fn a_new_contact_cannot_be_its_own_parent() {
    let body = json!({
        "contact_id": BIA, "last_name": "Silva", "parent": { "type": "contact", "id": BIA },
    });
    let missing = Refusal::not_found(Category::Contact);
    assert_eq!(World::new().send::<CreateContact>(body), Err(missing));
}

#[test]
fn a_name_that_is_given_is_always_written() {
    let body = || json!({ "contact_id": BIA, "last_name": "Silva" });
    let mut world = world();
    assert_eq!(world.send::<ChangeContactDetails>(body()).unwrap().len(), 1);
    assert_eq!(world.send::<ChangeContactDetails>(body()).unwrap().len(), 1);
}

#[test]
fn a_change_that_says_nothing_new_stays_quiet() {
    let mut world = world();
    let body = json!({ "contact_id": BIA, "kind": "Employee" });
    assert_eq!(world.send::<ChangeContactDetails>(body), Ok(vec![]));
    assert_eq!(world.send::<ChangeContactDetails>(json!({ "contact_id": BIA })), Ok(vec![]));
}

#[test]
fn an_inactive_contact_cannot_be_changed() {
    let mut world = world();
    world.send::<DeactivateContact>(json!({ "contact_id": BIA })).unwrap();
    let changed = world.send::<ChangeContactDetails>(json!({ "contact_id": BIA, "kind": "Other" }));
    assert_eq!(changed, Err(Refusal::Inactive));
}

#[test]
fn a_contact_goes_out_of_use_and_back_once_each() {
    let mut world = world();
    let body = || json!({ "contact_id": BIA });
    assert_eq!(world.send::<ReactivateContact>(body()), Ok(vec![]));
    assert_eq!(world.send::<DeactivateContact>(body()).unwrap().len(), 1);
    assert_eq!(world.send::<DeactivateContact>(body()), Ok(vec![]));
    assert_eq!(world.send::<ReactivateContact>(body()).unwrap().len(), 1);
}

#[test]
fn what_was_never_created_cannot_be_deactivated() {
    let missing = Err(Refusal::not_found(Category::Contact));
    let mut world = World::new();
    assert_eq!(world.send::<DeactivateContact>(json!({ "contact_id": BIA })), missing);
    assert_eq!(world.send::<ReactivateContact>(json!({ "contact_id": BIA })), missing);
}
