//! An API token, as decisions need it.

use events::{
    access::{Scope, TokenEvent},
    ids::{KeyId, UserId},
};

use crate::aggregate::Aggregate;

/// A token: unborn until issued.
#[derive(Clone, Debug, Default)]
pub enum Token {
    /// Nothing has happened yet.
    #[default]
    Unborn,
    /// It was issued.
    Issued(TokenState),
}

/// Whether a token opens anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not before its user has accepted it.
    Pending,
    /// Yes.
    Active,
    /// Never again.
    Revoked,
}

/// What is true of an issued token.
#[derive(Clone, Debug)]
pub struct TokenState {
    /// The key of its label.
    pub key: KeyId,
    /// Who acts with it.
    pub user: UserId,
    /// What it opens.
    pub scopes: Vec<Scope>,
    /// SHA-256 of its secret, in hex.
    pub secret_sha256: String,
    /// Whether it opens anything.
    pub standing: Standing,
}

impl Token {
    /// The state of a token that was issued.
    #[must_use]
    pub const fn issued(&self) -> Option<&TokenState> {
        match self {
            Self::Unborn => None,
            Self::Issued(state) => Some(state),
        }
    }
}

impl Aggregate for Token {
    type Event = TokenEvent;

    fn evolve(&mut self, event: &TokenEvent) {
        match (&mut *self, event) {
            (Self::Unborn, TokenEvent::Issued(issued)) => {
                *self = Self::Issued(TokenState {
                    key: issued.key,
                    user: issued.user,
                    scopes: issued.scopes.clone(),
                    secret_sha256: issued.secret_sha256.clone(),
                    standing: if issued.pending { Standing::Pending } else { Standing::Active },
                });
            }
            (Self::Unborn, TokenEvent::Recovered(recovered)) => {
                *self = Self::Issued(TokenState {
                    key: recovered.key,
                    user: recovered.user,
                    scopes: recovered.scopes.clone(),
                    secret_sha256: recovered.secret_sha256.clone(),
                    standing: Standing::Active,
                });
            }
            (Self::Issued(state), TokenEvent::Accepted(_)) => state.standing = Standing::Active,
            (Self::Issued(state), TokenEvent::Revoked(_)) => state.standing = Standing::Revoked,
            (Self::Unborn | Self::Issued(_), _) => {}
        }
    }

    fn key(&self) -> Option<KeyId> {
        self.issued().map(|state| state.key)
    }
}
