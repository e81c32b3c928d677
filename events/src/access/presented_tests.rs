//! Which texts are tokens, and which secrets open them.

use super::PresentedToken;
use crate::ids::TokenId;

const ID: TokenId = TokenId(uuid::Uuid::from_u128(7));

#[test]
fn the_scheme_is_taken_in_any_case_and_nothing_else_is() {
    let token = PresentedToken::text(ID, &[9; 32]);
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        for blanks in [" ", "  "] {
            let presented = PresentedToken::of_authorization(&format!("{scheme}{blanks}{token}"));
            assert_eq!(presented.map(|presented| presented.id()), Some(ID), "{scheme}");
        }
    }
    let upper = token.to_uppercase();
    for wrong in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer{token}"),
        format!("Basic {token}"),
        format!(" Bearer {token}"),
        format!("Bearer\t{token}"),
        format!("Bearer {token} {token}"),
        format!("Bearer {token}, Bearer {token}"),
        format!("Bearer {upper}"),
        token,
    ] {
        assert!(PresentedToken::of_authorization(&wrong).is_none(), "{wrong}");
    }
}

#[test]
fn a_secret_opens_only_its_own_hash() {
    let presented = PresentedToken::parse(&PresentedToken::text(ID, &[9; 32])).unwrap();
    assert!(presented.opens(&hex::encode(PresentedToken::digest(&[9; 32]))));
    assert!(!presented.opens(&hex::encode(PresentedToken::digest(&[8; 32]))));
    assert!(!presented.opens(""));
}
