//! What older versions of an event mean now.

use uuid::Uuid;

use super::{TokenIssued, TokenIssuedV1, UserAdded, UserAddedV1};
use crate::{
    access::Scope,
    ids::{KeyId, UserId},
    personal::Personal,
    values::Line,
};

#[test]
fn a_token_of_an_older_log_opens_at_once_and_stays_so() {
    let old = TokenIssuedV1 {
        key: KeyId(Uuid::from_u128(1)),
        user: UserId(Uuid::from_u128(2)),
        label: None,
        scopes: vec![Scope::Admin],
        secret_sha256: "00".repeat(32),
    };
    let now = TokenIssued::from(old.clone());
    assert!(!now.pending);
    assert_eq!((now.issued_with, now.user, now.scopes), (None, old.user, old.scopes));
}

#[test]
fn a_user_of_an_older_log_awaits_no_first_token() {
    let old = UserAddedV1 {
        key: KeyId(Uuid::from_u128(1)),
        name: Personal::Clear(Line::new("Ana").unwrap()),
        email: None,
        manager: None,
        office: None,
    };
    assert!(!UserAdded::from(old).awaits_token);
}
