//! The rules of connection roles.

use events::{
    CrmEvent,
    customers::{ConnectionRoleChanged, ConnectionRoleEvent},
    ids::{Category, ConnectionRoleId},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ChangeConnectionRole, DefineConnectionRole, RetireConnectionRole};
use crate::{customers::testing::World, refusal::Refusal};

const SUPPLIER: ConnectionRoleId = ConnectionRoleId(Uuid::from_u128(1));
const BUYER: ConnectionRoleId = ConnectionRoleId(Uuid::from_u128(2));

fn define(role: ConnectionRoleId, matching: &[ConnectionRoleId]) -> Value {
    json!({
        "connection_role_id": role, "name": "Role", "category": "Business",
        "applies_to": ["contact", "account", "contact"], "matching": matching,
    })
}

fn world() -> World {
    let mut world = World::new();
    world.send::<DefineConnectionRole>(define(SUPPLIER, &[])).unwrap();
    world.send::<DefineConnectionRole>(define(BUYER, &[SUPPLIER])).unwrap();
    world
}

#[test]
fn a_role_lists_each_kind_once_and_in_order() {
    let events = World::new().send::<DefineConnectionRole>(define(SUPPLIER, &[])).unwrap();
    let [CrmEvent::ConnectionRole(ConnectionRoleEvent::Defined(defined))] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(defined.applies_to, [Category::Account, Category::Contact]);
}

#[test]
fn a_role_is_defined_only_once() {
    let again = world().send::<DefineConnectionRole>(define(SUPPLIER, &[]));
    assert_eq!(again, Err(Refusal::Exists));
}

#[test]
fn a_role_matches_roles_that_are_there_and_itself() {
    let mut world = World::new();
    let missing = Err(Refusal::not_found(Category::ConnectionRole));
    assert_eq!(world.send::<DefineConnectionRole>(define(BUYER, &[SUPPLIER])), missing);
    assert!(world.send::<DefineConnectionRole>(define(BUYER, &[BUYER])).is_ok());
    let body = json!({ "connection_role_id": BUYER, "matching": [SUPPLIER] });
    assert_eq!(world.send::<ChangeConnectionRole>(body), missing);
}

#[test]
fn only_what_can_be_an_end_of_a_connection_can_have_a_role() {
    let refused = Err(Refusal::UnsupportedType { category: Category::Quote });
    let body = json!({ "name": "Role", "category": "Other", "applies_to": ["account", "quote"] });
    assert_eq!(world().send::<DefineConnectionRole>(body), refused);
    let body = json!({ "connection_role_id": BUYER, "applies_to": ["quote"] });
    assert_eq!(world().send::<ChangeConnectionRole>(body), refused);
}

#[test]
fn only_what_differs_of_a_role_is_recorded() {
    let body = json!({
        "connection_role_id": SUPPLIER, "name": "Role", "category": "Business",
        "applies_to": ["account", "contact"], "matching": [BUYER],
    });
    let changed = ConnectionRoleChanged { matching: Some(vec![BUYER]), ..Default::default() };
    let event = CrmEvent::ConnectionRole(changed.into());
    assert_eq!(world().send::<ChangeConnectionRole>(body), Ok(vec![event]));
}

#[test]
fn the_same_kinds_in_another_order_stay_quiet() {
    let body = json!({
        "connection_role_id": SUPPLIER, "applies_to": ["contact", "account"], "matching": [],
    });
    assert_eq!(world().send::<ChangeConnectionRole>(body), Ok(vec![]));
}

#[test]
fn a_retired_role_stays_as_it_is() {
    let mut world = world();
    let body = || json!({ "connection_role_id": SUPPLIER });
    assert_eq!(world.send::<RetireConnectionRole>(body()).unwrap().len(), 1);
    assert_eq!(world.send::<RetireConnectionRole>(body()), Ok(vec![]));
    assert_eq!(world.send::<ChangeConnectionRole>(body()), Err(Refusal::RoleRetired));
}

#[test]
fn a_role_that_was_never_defined_cannot_be_changed_or_retired() {
    let missing = Err(Refusal::not_found(Category::ConnectionRole));
    let body = || json!({ "connection_role_id": SUPPLIER });
    assert_eq!(World::new().send::<ChangeConnectionRole>(body()), missing);
    assert_eq!(World::new().send::<RetireConnectionRole>(body()), missing);
}
