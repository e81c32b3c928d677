//! An API token as a caller presents it, and the only parser of one.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use uuid::Uuid;

use crate::{evidence::sha256, ids::TokenId};

/// A token as it is presented: `annals_<token id>_<secret>`.
#[derive(Clone)]
pub struct PresentedToken {
    id: TokenId,
    secret: String,
}

impl PresentedToken {
    /// Parses the value of an `Authorization` header: the scheme `Bearer`, in whatever case
    /// (RFC 9110, 11.1), blanks, and the token.
    #[must_use]
    pub fn of_authorization(value: &str) -> Option<Self> {
        let (scheme, token) = value.split_once(' ')?;
        let is_bearer = scheme.eq_ignore_ascii_case("bearer");
        is_bearer.then(|| Self::parse(token.trim_matches(' '))).flatten()
    }

    /// Parses a token.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix("annals_")?.split_once('_')?;
        let well_formed = id.len() == 32 && secret.len() == 64 && is_hex(id) && is_hex(secret);
        let id = TokenId(Uuid::try_parse(id).ok()?);
        well_formed.then(|| Self { id, secret: secret.to_owned() })
    }

    /// Which token it says it is.
    #[must_use]
    pub const fn id(&self) -> TokenId {
        self.id
    }

    /// Whether its secret is the one of which the event keeps the hash. Takes the same time for all
    /// wrong ones.
    #[must_use]
    pub fn opens(&self, secret_sha256: &str) -> bool {
        let digest = hex::encode(sha256(self.secret.as_bytes()));
        verify_slices_are_equal(digest.as_bytes(), secret_sha256.as_bytes()).is_ok()
    }

    /// The text that is presented, for a token that was just drawn.
    #[must_use]
    pub fn text(id: TokenId, secret: &[u8; 32]) -> String {
        format!("annals_{}_{}", id.0.simple(), hex::encode(secret))
    }

    /// What the event keeps of a secret: SHA-256 of its text.
    #[must_use]
    pub fn digest(secret: &[u8; 32]) -> [u8; 32] {
        sha256(hex::encode(secret).as_bytes())
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
#[path = "presented_tests.rs"]
mod tests;
