//! The rules of API tokens, one by one.

use events::{
    CrmEvent,
    access::{Scope, TokenEvent},
    ids::{Category, KeyId, TokenId, UserId},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{IssueToken, RevokeToken, Sha256Hex};
use crate::{
    access::DisableUser,
    customers::testing::{ANA, World},
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
