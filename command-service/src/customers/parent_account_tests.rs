//! The rules of parent accounts.

use events::{
    CrmEvent,
    customers::{AccountEvent, ParentAccountCleared, ParentAccountSet, ParentClearedCause},
    ids::{AccountId, Category},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{BreakParentLoop, ClearParentAccount, SetParentAccount};
use crate::{
    customers::{
        CreateAccount, DeactivateAccount,
        testing::{Judged, World},
    },
    refusal::Refusal,
};

const fn account(number: u128) -> AccountId {
    AccountId(Uuid::from_u128(number))
}

/// Accounts 1 to `count`, each the parent of the next.
fn chain(count: u128) -> World {
    let mut world = World::new();
    for number in 1..=count {
        create(&mut world, number);
        if number > 1 {
            world.send::<SetParentAccount>(under(number, number - 1)).unwrap();
        }
    }
    world
}

fn create(world: &mut World, number: u128) {
    world.send::<CreateAccount>(json!({ "account_id": account(number), "name": "A" })).unwrap();
}

fn under(child: u128, parent: u128) -> Value {
    json!({ "account_id": account(child), "parent": account(parent) })
}

fn one(event: impl Into<AccountEvent>) -> Judged {
    Ok(vec![CrmEvent::Account(event.into())])
}

#[test]
fn the_ancestors_that_were_walked_are_recorded_nearest_first() {
    let mut world = chain(3);
    create(&mut world, 4);
    let event = ParentAccountSet {
        parent: account(3),
        ancestors_seen: vec![account(3), account(2), account(1)],
    };
    assert_eq!(world.send::<SetParentAccount>(under(4, 3)), one(event));
}

#[test]
fn no_account_becomes_its_own_ancestor() {
    let mut world = chain(3);
    let looped = |through| Err(Refusal::AccountParentLoop { through: account(through) });
    assert_eq!(world.send::<SetParentAccount>(under(1, 1)), looped(1));
    assert_eq!(world.send::<SetParentAccount>(under(1, 2)), looped(2));
    assert_eq!(world.send::<SetParentAccount>(under(1, 3)), looped(2));
}

#[test]
fn the_parent_must_be_there_and_in_use() {
    let mut world = chain(2);
    let missing = world.send::<SetParentAccount>(under(1, 9));
    assert_eq!(missing, Err(Refusal::not_found(Category::Account)));
    create(&mut world, 3);
    world.send::<DeactivateAccount>(json!({ "account_id": account(3) })).unwrap();
    let inactive = world.send::<SetParentAccount>(under(1, 3));
    assert_eq!(inactive, Err(Refusal::CustomerInactive));
    assert_eq!(world.send::<SetParentAccount>(under(3, 1)), Err(Refusal::Inactive));
}

#[test]
fn setting_the_same_parent_again_stays_quiet() {
    assert_eq!(chain(2).send::<SetParentAccount>(under(2, 1)), Ok(vec![]));
}

#[test]
fn an_account_has_at_most_a_hundred_ancestors() {
    let mut world = chain(101);
    create(&mut world, 102);
    assert!(world.decide(&parse(under(102, 100))).is_ok());
    assert_eq!(world.decide(&parse(under(102, 101))), Err(Refusal::HierarchyTooDeep));
}

fn parse(body: Value) -> SetParentAccount {
    serde_json::from_value(body).unwrap()
}

#[test]
fn clearing_the_parent_happens_once() {
    let mut world = chain(2);
    let body = || json!({ "account_id": account(2) });
    let event = ParentAccountCleared { parent: account(1), cause: ParentClearedCause::User };
    assert_eq!(world.send::<ClearParentAccount>(body()), one(event));
    assert_eq!(world.send::<ClearParentAccount>(body()), Ok(vec![]));
}

#[test]
fn an_inactive_account_keeps_its_parent() {
    let mut world = chain(2);
    world.send::<DeactivateAccount>(json!({ "account_id": account(2) })).unwrap();
    let cleared = world.send::<ClearParentAccount>(json!({ "account_id": account(2) }));
    assert_eq!(cleared, Err(Refusal::Inactive));
}

/// Account 1 went under 3 while 2 went under 1: each was judged without the other.
fn crossed() -> World {
    let mut world = chain(3);
    let set = ParentAccountSet { parent: account(3), ancestors_seen: vec![account(3)] };
    world.append(account(1), vec![AccountEvent::from(set).into()]);
    world
}

#[test]
fn a_loop_that_crossing_changes_made_is_broken_once() {
    let mut world = crossed();
    let event = ParentAccountCleared { parent: account(3), cause: ParentClearedCause::Loop };
    assert_eq!(world.send::<BreakParentLoop>(under(1, 3)), one(event));
    for (child, parent) in [(1, 3), (2, 1), (3, 2)] {
        assert_eq!(world.send::<BreakParentLoop>(under(child, parent)), Ok(vec![]));
    }
}

#[test]
fn an_account_below_a_loop_keeps_its_parent() {
    let mut world = crossed();
    create(&mut world, 4);
    let set = ParentAccountSet { parent: account(3), ancestors_seen: vec![account(3)] };
    world.append(account(4), vec![AccountEvent::from(set).into()]);
    assert_eq!(world.send::<BreakParentLoop>(under(4, 3)), Ok(vec![]));
}

#[test]
fn nothing_new_goes_under_a_loop() {
    let mut world = crossed();
    create(&mut world, 4);
    let refused = world.send::<SetParentAccount>(under(4, 3));
    assert_eq!(refused, Err(Refusal::AccountParentLoop { through: account(1) }));
}
