//! The rules of API tokens, one by one.

use events::{
    CrmEvent,
    access::{Scope, TokenEvent},
    ids::{Category, KeyId, TokenId, UserId},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{AcceptToken, IssueToken, RecoverToken, RevokeToken, Sha256Hex};
use crate::{
    access::{AddUser, DisableUser},
    aggregate::Authority,
    customers::testing::{ANA, World},
    handle::system,
    refusal::Refusal,
};

const TOKEN: TokenId = TokenId(Uuid::from_u128(7));

fn body(user: UserId, scopes: &[&str]) -> Value {
    json!({
        "token_id": TOKEN, "user": user, "label": "laptop", "scopes": scopes,
        "secret_sha256": Sha256Hex::from_bytes([7; 32]),
    })
}

#[test]
fn a_token_is_sealed_under_the_key_of_its_user_and_lists_each_scope_once() {
    let command = body(ANA, &["write", "read", "write"]);
    let events = World::new().send::<IssueToken>(command).unwrap();
    let [CrmEvent::Token(TokenEvent::Issued(issued))] = &events[..] else { panic!("{events:?}") };
    assert_eq!(issued.key, KeyId(ANA.0));
    assert_eq!(issued.scopes, [Scope::Read, Scope::Write]);
    assert_eq!(issued.secret_sha256, "07".repeat(32));
}

#[test]
fn a_token_is_issued_only_once() {
    let mut world = World::new();
    world.send::<IssueToken>(body(ANA, &["read"])).unwrap();
    assert_eq!(world.send::<IssueToken>(body(ANA, &["read"])), Err(Refusal::Exists));
}

#[test]
fn a_token_without_scopes_is_refused() {
    assert_eq!(World::new().send::<IssueToken>(body(ANA, &[])), Err(Refusal::TokenNoScopes));
}

#[test]
fn a_token_needs_an_enabled_user() {
    let mut world = World::new();
    let stranger = world.send::<IssueToken>(body(UserId(Uuid::from_u128(9)), &["read"]));
    assert_eq!(stranger, Err(Refusal::not_found(Category::User)));
    world.send::<DisableUser>(json!({ "user_id": ANA })).unwrap();
    assert_eq!(world.send::<IssueToken>(body(ANA, &["read"])), Err(Refusal::UserDisabled));
}

#[test]
fn a_hash_has_64_digits_in_lower_case() {
    let parse = |text: String| serde_json::from_value::<Sha256Hex>(Value::String(text));
    assert!(parse("a0".repeat(32)).is_ok());
    assert!(parse("A0".repeat(32)).is_err());
    assert!(parse("g0".repeat(32)).is_err());
    assert!(parse("a0".repeat(31)).is_err());
}

#[test]
fn a_token_is_revoked_once_and_for_ever() {
    let mut world = World::new();
    world.send::<IssueToken>(body(ANA, &["read"])).unwrap();
    let revoke = || json!({ "token_id": TOKEN });
    assert_eq!(world.send::<RevokeToken>(revoke()).unwrap().len(), 1);
    assert_eq!(world.send::<RevokeToken>(revoke()), Ok(vec![]));
    assert_eq!(world.send::<IssueToken>(body(ANA, &["read"])), Err(Refusal::Exists));
}

#[test]
fn a_token_that_was_never_issued_cannot_be_revoked() {
    let revoked = World::new().send::<RevokeToken>(json!({ "token_id": TOKEN }));
    assert_eq!(revoked, Err(Refusal::not_found(Category::Token)));
}

const OTHER: UserId = UserId(Uuid::from_u128(0x0B0B));

/// A world in which Ana, who has these scopes, has added another user.
fn with_other(scopes: &[Scope]) -> World {
    let mut world = World::new();
    world.send::<AddUser>(json!({ "user_id": OTHER, "name": "Other" })).unwrap();
    world.authority = Some(Authority { token: TokenId(ANA.0), scopes: scopes.into() });
    world
}

fn other(number: u128) -> Value {
    let mut body = body(OTHER, &["read"]);
    body["token_id"] = json!(TokenId(Uuid::from_u128(number)));
    body
}

fn is_pending(events: &[CrmEvent]) -> bool {
    let [CrmEvent::Token(TokenEvent::Issued(issued))] = events else { panic!("{events:?}") };
    issued.pending
}

#[test]
fn nobody_hands_out_more_than_the_token_has_that_they_do_it_with() {
    let mut world = with_other(&[Scope::Admin, Scope::Read]);
    for user in [ANA, OTHER] {
        let refused = world.send::<IssueToken>(body(user, &["read", "write", "audit"]));
        let scopes = vec![Scope::Write, Scope::Audit];
        assert_eq!(refused, Err(Refusal::TokenExceedsOwn { scopes }));
    }
    let events = world.send::<IssueToken>(body(ANA, &["read", "admin"])).unwrap();
    let [CrmEvent::Token(TokenEvent::Issued(issued))] = &events[..] else { panic!("{events:?}") };
    assert_eq!(issued.issued_with, Some(TokenId(ANA.0)));
    world.authority = None;
    let refused = world.send::<IssueToken>(other(1));
    assert_eq!(refused, Err(Refusal::TokenExceedsOwn { scopes: vec![Scope::Read] }));
}

#[test]
fn only_the_first_token_for_somebody_else_opens_at_once() {
    let mut world = with_other(&Scope::ALL);
    assert!(!is_pending(&world.send::<IssueToken>(other(1)).unwrap()));
    assert!(is_pending(&world.send::<IssueToken>(other(2)).unwrap()));
    // Of Ana it is not known whether she was given one: a token by another user waits for her.
    world.actor.id = OTHER.0;
    assert!(is_pending(&world.send::<IssueToken>(body(ANA, &["read"])).unwrap()));
}

#[test]
fn only_the_user_of_a_token_accepts_it_and_once() {
    let mut world = with_other(&Scope::ALL);
    world.send::<IssueToken>(other(1)).unwrap();
    world.send::<IssueToken>(other(2)).unwrap();
    let accept = || json!({ "token_id": TokenId(Uuid::from_u128(2)) });
    let unknown = Err(Refusal::not_found(Category::Token));
    assert_eq!(world.send::<AcceptToken>(accept()), unknown, "Ana issued it, it is not hers");
    world.actor.id = OTHER.0;
    assert_eq!(world.send::<AcceptToken>(accept()).unwrap().len(), 1);
    assert_eq!(world.send::<AcceptToken>(accept()), Ok(vec![]));
    world.send::<RevokeToken>(accept()).unwrap();
    assert_eq!(world.send::<AcceptToken>(accept()), Err(Refusal::TokenRevoked));
}

#[test]
fn only_the_product_itself_recovers_a_token() {
    let mut world = World::new();
    let recover = || {
        let mut body = body(ANA, &["read"]);
        body.as_object_mut().unwrap().remove("label");
        body
    };
    assert_eq!(world.send::<RecoverToken>(recover()), Err(Refusal::AccessDenied));
    world.actor = system();
    let events = world.send::<RecoverToken>(recover()).unwrap();
    assert!(matches!(&events[..], [CrmEvent::Token(TokenEvent::Recovered(_))]), "{events:?}");
    assert_eq!(world.send::<RecoverToken>(recover()), Err(Refusal::Exists));
}
