//! The rules of giving records to another owner.

use events::{
    CrmEvent,
    customers::{AccountEvent, ContactEvent, OwnerAssigned},
    ids::{AccountId, Category, ContactId, Principal, RecordRef, UserId},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::AssignOwner;
use crate::{
    access::{AddUser, DisableUser},
    customers::{
        CreateAccount, CreateContact, DeactivateAccount,
        testing::{OWNER_ANA, World},
    },
    refusal::Refusal,
};

const BETO: UserId = UserId(Uuid::from_u128(5));
const CONTOSO: AccountId = AccountId(Uuid::from_u128(1));
const BIA: ContactId = ContactId(Uuid::from_u128(2));

fn world() -> World {
    let mut world = World::new();
    world.send::<AddUser>(json!({ "user_id": BETO, "name": "Beto" })).unwrap();
    world.send::<CreateAccount>(json!({ "account_id": CONTOSO, "name": "Contoso" })).unwrap();
    world.send::<CreateContact>(json!({ "contact_id": BIA, "last_name": "Silva" })).unwrap();
    world
}

fn to(record: impl Into<RecordRef>, owner: Principal) -> Value {
    json!({ "record": record.into(), "owner": owner })
}

const OWNER_BETO: Principal = Principal::User(BETO);

#[test]
fn accounts_and_contacts_go_from_owner_to_owner() {
    let mut world = world();
    let assigned = || OwnerAssigned { from: OWNER_ANA, to: OWNER_BETO };
    let account = CrmEvent::Account(AccountEvent::OwnerAssigned(assigned()));
    assert_eq!(world.send::<AssignOwner>(to(CONTOSO, OWNER_BETO)), Ok(vec![account]));
    let contact = CrmEvent::Contact(ContactEvent::OwnerAssigned(assigned()));
    assert_eq!(world.send::<AssignOwner>(to(BIA, OWNER_BETO)), Ok(vec![contact]));
}

#[test]
fn assigning_the_owner_of_today_stays_quiet() {
    assert_eq!(world().send::<AssignOwner>(to(CONTOSO, OWNER_ANA)), Ok(vec![]));
}

#[test]
fn nothing_is_given_to_who_is_not_there_or_disabled() {
    let mut world = world();
    let stranger = Principal::User(UserId(Uuid::from_u128(9)));
    let refused = Err(Refusal::OwnerUnknown);
    assert_eq!(world.send::<AssignOwner>(to(CONTOSO, stranger)), refused);
    world.send::<DisableUser>(json!({ "user_id": BETO })).unwrap();
    assert_eq!(world.send::<AssignOwner>(to(CONTOSO, OWNER_BETO)), refused);
}

#[test]
fn what_has_no_owner_cannot_be_given_away() {
    let refused = world().send::<AssignOwner>(to(BETO, OWNER_ANA));
    assert_eq!(refused, Err(Refusal::UnsupportedType { category: Category::User }));
}

#[test]
fn an_inactive_or_missing_record_keeps_its_owner() {
    let mut world = world();
    world.send::<DeactivateAccount>(json!({ "account_id": CONTOSO })).unwrap();
    let refused = world.send::<AssignOwner>(to(CONTOSO, OWNER_BETO));
    assert_eq!(refused, Err(Refusal::Inactive));
    let missing = world.send::<AssignOwner>(to(ContactId(Uuid::from_u128(9)), OWNER_BETO));
    assert_eq!(missing, Err(Refusal::not_found(Category::Contact)));
}
