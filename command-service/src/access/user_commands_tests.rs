//! The rules of users, one by one.

use events::{
    CrmEvent,
    access::UserEvent,
    ids::{Category, UserId},
    values::Change,
};
use serde_json::json;
use uuid::Uuid;

use super::{AddUser, ChangeUser, DisableUser, EnableUser};
use crate::{
    aggregate::Record,
    customers::testing::{ANA, World},
    refusal::Refusal,
};

const BETO: UserId = UserId(Uuid::from_u128(2));
const CARLA: UserId = UserId(Uuid::from_u128(3));

/// Carla reports to Beto, Beto to Ana.
fn world() -> World {
    let mut world = World::new();
    world.send::<AddUser>(json!({ "user_id": BETO, "name": "Beto", "manager": ANA })).unwrap();
    world.send::<AddUser>(json!({ "user_id": CARLA, "name": "Carla", "manager": BETO })).unwrap();
    world
}

fn enabled(world: &World, user: UserId) -> bool {
    let Record::User(user) = world.record(user) else { unreachable!() };
    user.is_enabled()
}

#[test]
fn a_user_who_was_added_may_work() {
    assert!(enabled(&world(), CARLA));
}

#[test]
fn a_user_can_be_added_only_once() {
    let again = world().send::<AddUser>(json!({ "user_id": BETO, "name": "Beto" }));
    assert_eq!(again, Err(Refusal::Exists));
}

#[test]
fn a_manager_must_be_a_user() {
    let mut world = world();
    let nobody = Uuid::from_u128(99);
    let added = world.send::<AddUser>(json!({ "name": "Davi", "manager": nobody }));
    assert_eq!(added, Err(Refusal::ManagerUnknown));
    let changed = world.send::<ChangeUser>(json!({ "user_id": BETO, "manager": nobody }));
    assert_eq!(changed, Err(Refusal::ManagerUnknown));
}

#[test]
fn nobody_becomes_their_own_superior() {
    let mut world = world();
    for manager in [ANA, BETO, CARLA] {
        let changed = world.send::<ChangeUser>(json!({ "user_id": ANA, "manager": manager }));
        assert_eq!(changed, Err(Refusal::ManagerLoop), "{manager}");
    }
    assert!(world.send::<ChangeUser>(json!({ "user_id": CARLA, "manager": ANA })).is_ok());
}

#[test]
fn a_loop_that_two_crossing_changes_made_can_be_left() {
    let mut world = world();
    let crossing =
        events::access::UserChanged { manager: Change::Set(CARLA), ..Default::default() };
    world.append(ANA, vec![UserEvent::Changed(crossing).into()]);
    let events = world.send::<ChangeUser>(json!({ "user_id": ANA, "manager": null })).unwrap();
    assert_eq!(events.len(), 1);
}

#[test]
fn only_what_differs_of_a_user_is_recorded() {
    let body = json!({ "user_id": BETO, "manager": ANA, "office": "South" });
    let events = world().send::<ChangeUser>(body).unwrap();
    let [CrmEvent::User(UserEvent::Changed(changed))] = &events[..] else { panic!("{events:?}") };
    assert!(changed.manager.is_keep());
    assert!(!changed.office.is_keep());
}

#[test]
fn a_change_of_a_user_to_what_is_the_case_stays_quiet() {
    let body = json!({ "user_id": BETO, "manager": ANA, "office": null });
    assert_eq!(world().send::<ChangeUser>(body), Ok(vec![]));
}

#[test]
fn a_user_is_disabled_and_enabled_once_each() {
    let mut world = world();
    let body = || json!({ "user_id": BETO });
    assert_eq!(world.send::<EnableUser>(body()), Ok(vec![]));
    assert_eq!(world.send::<DisableUser>(body()).unwrap().len(), 1);
    assert!(!enabled(&world, BETO));
    assert_eq!(world.send::<DisableUser>(body()), Ok(vec![]));
    assert_eq!(world.send::<EnableUser>(body()).unwrap().len(), 1);
    assert!(enabled(&world, BETO));
}

#[test]
fn who_was_never_added_cannot_be_changed_disabled_or_enabled() {
    let mut world = World::new();
    let missing = Err(Refusal::not_found(Category::User));
    let body = || json!({ "user_id": BETO });
    assert_eq!(world.send::<ChangeUser>(body()), missing);
    assert_eq!(world.send::<DisableUser>(body()), missing);
    assert_eq!(world.send::<EnableUser>(body()), missing);
}
