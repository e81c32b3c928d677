//! The rules of accounts, one by one.

use events::{
    access::{UserDisabled, UserEvent},
    customers::{AccountEvent, CustomerType},
    ids::{AccountId, UserId},
    values::Change,
};
use serde_json::json;

use super::{ChangeAccountDetails, CreateAccount, DeactivateAccount, ReactivateAccount};
use crate::{
    aggregate::Record,
    customers::testing::{ANA, OWNER_ANA, PROCESS, World, id, line, personal_line},
    refusal::Refusal,
};

const CONTOSO: AccountId = AccountId(id_of(1));

const fn id_of(number: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(number)
}

fn world() -> World {
    let mut world = World::new();
    world
        .send::<CreateAccount>(json!({ "account_id": CONTOSO, "name": "Contoso", "employees": 7 }))
        .unwrap();
    world
}

fn active(world: &World) -> bool {
    let Record::Account(account) = world.record(CONTOSO) else { unreachable!() };
    account.created().unwrap().active
}

#[test]
fn a_new_account_is_a_prospect_of_the_user_who_asks() {
    let events =
        World::new().send::<CreateAccount>(json!({ "name": "Contoso", "phone": "1" })).unwrap();
    let [events::CrmEvent::Account(AccountEvent::Created(created))] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(created.customer_type, CustomerType::Prospect);
    assert_eq!(created.owner, OWNER_ANA);
    assert_eq!(created.phone, Some(personal_line("1")));
}

#[test]
fn an_account_can_be_created_only_once() {
    let again = world().send::<CreateAccount>(json!({ "account_id": CONTOSO, "name": "Contoso" }));
    assert_eq!(again, Err(Refusal::Exists));
}

#[test]
fn an_owner_must_be_an_enabled_user() {
    let mut world = World::new();
    let body = |user: UserId| json!({ "name": "Contoso", "owner": { "type": "user", "id": user } });
    assert_eq!(world.send::<CreateAccount>(body(UserId(id(9)))), Err(Refusal::OwnerUnknown));
    assert!(world.send::<CreateAccount>(body(ANA)).is_ok());
    world.append(ANA, vec![UserEvent::Disabled(UserDisabled {}).into()]);
    assert_eq!(world.send::<CreateAccount>(body(ANA)), Err(Refusal::OwnerUnknown));
}

#[test]
fn a_process_must_name_the_owner() {
    let mut world = World::new();
    world.actor = PROCESS;
    assert_eq!(
        world.send::<CreateAccount>(json!({ "name": "Contoso" })),
        Err(Refusal::OwnerMissing)
    );
}

#[test]
fn only_what_differs_is_recorded() {
    let events = world()
        .send::<ChangeAccountDetails>(json!({
            "account_id": CONTOSO, "name": "Contoso", "employees": null, "industry": "Toys", "website": null,
        }))
        .unwrap();
    let [events::CrmEvent::Account(AccountEvent::DetailsChanged(changed))] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(changed.name, None);
    assert_eq!(changed.employees, Change::Clear);
    assert_eq!(changed.industry, Change::Set(line("Toys")));
    assert_eq!(changed.website, Change::Keep);
}

#[test]
fn a_change_to_what_is_the_case_stays_quiet() {
    let body =
        json!({ "account_id": CONTOSO, "name": "Contoso", "employees": 7, "industry": null });
    assert_eq!(world().send::<ChangeAccountDetails>(body), Ok(vec![]));
}

#[test]
fn a_personal_value_is_always_written() {
    let mut world = world();
    for _ in 0..2 {
        let body = json!({ "account_id": CONTOSO, "phone": "123" });
        assert_eq!(world.send::<ChangeAccountDetails>(body).unwrap().len(), 1);
    }
}

#[test]
fn an_inactive_account_cannot_be_changed() {
    let mut world = world();
    world.send::<DeactivateAccount>(json!({ "account_id": CONTOSO })).unwrap();
    let changed =
        world.send::<ChangeAccountDetails>(json!({ "account_id": CONTOSO, "name": "Other" }));
    assert_eq!(changed, Err(Refusal::Inactive));
}

#[test]
fn an_account_goes_out_of_use_and_back_once_each() {
    let mut world = world();
    let body = || json!({ "account_id": CONTOSO });
    assert_eq!(world.send::<ReactivateAccount>(body()), Ok(vec![]));
    assert_eq!(world.send::<DeactivateAccount>(body()).unwrap().len(), 1);
    assert!(!active(&world));
    assert_eq!(world.send::<DeactivateAccount>(body()), Ok(vec![]));
    assert_eq!(world.send::<ReactivateAccount>(body()).unwrap().len(), 1);
    assert!(active(&world));
}

#[test]
fn what_was_never_created_cannot_be_changed_or_deactivated() {
    let mut world = World::new();
    let missing = Refusal::not_found(events::ids::Category::Account);
    let body = || json!({ "account_id": CONTOSO });
    assert_eq!(world.send::<ChangeAccountDetails>(body()), Err(missing.clone()));
    assert_eq!(world.send::<DeactivateAccount>(body()), Err(missing.clone()));
    assert_eq!(world.send::<ReactivateAccount>(body()), Err(missing));
}

#[test]
fn an_unknown_field_or_a_blank_name_does_not_parse() {
    let parse = |body| serde_json::from_value::<CreateAccount>(body);
    assert!(parse(json!({ "name": "Contoso", "nam": 1 })).is_err());
    assert!(parse(json!({ "name": "  " })).is_err());
}

#[test]
fn no_personal_value_shows_in_debug_output() {
    let command: CreateAccount =
        serde_json::from_value(json!({ "name": "Contoso", "phone": "555" })).unwrap();
    assert!(!format!("{command:?}").contains("555"));
}
