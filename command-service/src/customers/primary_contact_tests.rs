//! The rules of the primary contact: scenario S02, step by step.

use events::{
    CrmEvent, Version,
    customers::{
        AccountEvent, PrimaryContactCleared, PrimaryContactClearedCause, PrimaryContactReplaced,
        PrimaryContactSet,
    },
    ids::{AccountId, Category, ContactId},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ClearPrimaryContact, ReleasePrimaryContact, SetPrimaryContact};
use crate::{
    customers::{
        ChangeContactParent, CreateAccount, CreateContact, DeactivateAccount, DeactivateContact,
        ReactivateContact,
        testing::{Judged, World},
    },
    refusal::Refusal,
};

const CONTOSO: AccountId = AccountId(Uuid::from_u128(1));
const FORNECEDORA: AccountId = AccountId(Uuid::from_u128(2));
const BIA: ContactId = ContactId(Uuid::from_u128(11));
const EVA: ContactId = ContactId(Uuid::from_u128(12));
const DAVI: ContactId = ContactId(Uuid::from_u128(13));

/// Contoso has Bia and Eva, Bia is the primary contact; Davi is of Fornecedora.
fn world() -> World {
    let mut world = World::new();
    for account in [CONTOSO, FORNECEDORA] {
        world.send::<CreateAccount>(json!({ "account_id": account, "name": "A" })).unwrap();
    }
    for (contact, account) in [(BIA, CONTOSO), (EVA, CONTOSO), (DAVI, FORNECEDORA)] {
        let parent = json!({ "type": "account", "id": account });
        let body = json!({ "contact_id": contact, "last_name": "C", "parent": parent });
        world.send::<CreateContact>(body).unwrap();
    }
    world.send::<SetPrimaryContact>(set(BIA)).unwrap();
    world
}

fn set(contact: ContactId) -> Value {
    json!({ "account_id": CONTOSO, "contact": contact })
}

fn replace(contact: ContactId) -> Value {
    json!({ "account_id": CONTOSO, "contact": contact, "replace": true })
}

fn one(event: impl Into<AccountEvent>) -> Judged {
    Ok(vec![CrmEvent::Account(event.into())])
}

#[test]
fn a_second_primary_contact_is_refused_and_the_current_one_named() {
    let refused = world().send::<SetPrimaryContact>(set(EVA));
    assert_eq!(refused, Err(Refusal::PrimaryContactExists { current: BIA }));
}

#[test]
fn a_primary_contact_is_replaced_when_that_is_said() {
    let event = PrimaryContactReplaced { old: BIA, new: EVA, contact_version: Version(1) };
    assert_eq!(world().send::<SetPrimaryContact>(replace(EVA)), one(event));
}

#[test]
fn the_version_of_the_contact_that_was_judged_is_recorded() {
    let mut world = world();
    world.send::<ClearPrimaryContact>(json!({ "account_id": CONTOSO })).unwrap();
    world.send::<DeactivateContact>(json!({ "contact_id": EVA })).unwrap();
    world.send::<ReactivateContact>(json!({ "contact_id": EVA })).unwrap();
    let event = PrimaryContactSet { contact: EVA, contact_version: Version(3) };
    assert_eq!(world.send::<SetPrimaryContact>(set(EVA)), one(event));
}

#[test]
fn setting_the_primary_contact_again_stays_quiet() {
    assert_eq!(world().send::<SetPrimaryContact>(set(BIA)), Ok(vec![]));
    assert_eq!(world().send::<SetPrimaryContact>(replace(BIA)), Ok(vec![]));
}

#[test]
fn a_contact_of_another_account_cannot_be_the_primary_one() {
    let refused = world().send::<SetPrimaryContact>(replace(DAVI));
    assert_eq!(refused, Err(Refusal::ContactNotAssociated));
}

#[test]
fn a_contact_that_is_inactive_or_not_there_cannot_be_the_primary_one() {
    let mut world = world();
    world.send::<DeactivateContact>(json!({ "contact_id": EVA })).unwrap();
    let inactive = world.send::<SetPrimaryContact>(replace(EVA));
    assert_eq!(inactive, Err(Refusal::CustomerInactive));
    let missing = world.send::<SetPrimaryContact>(replace(ContactId(Uuid::from_u128(99))));
    assert_eq!(missing, Err(Refusal::not_found(Category::Contact)));
}

#[test]
fn an_inactive_account_keeps_its_primary_contact() {
    let mut world = world();
    world.send::<DeactivateAccount>(json!({ "account_id": CONTOSO })).unwrap();
    assert_eq!(world.send::<SetPrimaryContact>(replace(EVA)), Err(Refusal::Inactive));
    let cleared = world.send::<ClearPrimaryContact>(json!({ "account_id": CONTOSO }));
    assert_eq!(cleared, Err(Refusal::Inactive));
}

#[test]
fn clearing_the_primary_contact_happens_once() {
    let mut world = world();
    let body = || json!({ "account_id": CONTOSO });
    let event = PrimaryContactCleared { contact: BIA, cause: PrimaryContactClearedCause::User };
    assert_eq!(world.send::<ClearPrimaryContact>(body()), one(event));
    assert_eq!(world.send::<ClearPrimaryContact>(body()), Ok(vec![]));
}

#[test]
fn a_primary_contact_who_left_is_released_once() {
    let mut world = world();
    let release = || json!({ "account_id": CONTOSO, "contact": BIA });
    assert_eq!(world.send::<ReleasePrimaryContact>(release()), Ok(vec![]));
    let parent = json!({ "contact_id": BIA, "parent": null });
    world.send::<ChangeContactParent>(parent).unwrap();
    let cause = PrimaryContactClearedCause::ContactLeft;
    let event = PrimaryContactCleared { contact: BIA, cause };
    assert_eq!(world.send::<ReleasePrimaryContact>(release()), one(event));
    assert_eq!(world.send::<ReleasePrimaryContact>(release()), Ok(vec![]));
}

#[test]
fn a_deactivated_primary_contact_is_released_even_from_an_inactive_account() {
    let mut world = world();
    world.send::<DeactivateContact>(json!({ "contact_id": BIA })).unwrap();
    world.send::<DeactivateAccount>(json!({ "account_id": CONTOSO })).unwrap();
    let cause = PrimaryContactClearedCause::Deactivated;
    let released =
        world.send::<ReleasePrimaryContact>(json!({ "account_id": CONTOSO, "contact": BIA }));
    assert_eq!(released, one(PrimaryContactCleared { contact: BIA, cause }));
}

#[test]
fn releasing_is_not_among_the_commands_of_callers() {
    let commands = crate::command::commands();
    for internal in ["ReleasePrimaryContact", "BreakParentLoop"] {
        assert!(commands.iter().all(|entry| entry.name != internal), "{internal}");
    }
}
