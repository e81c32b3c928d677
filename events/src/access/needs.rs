//! Which tokens open a route: the one vocabulary of handlers, documents and tests.

use super::Scope;

/// Which tokens open a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// None is asked for.
    Open,
    /// Every valid one.
    AnyToken,
    /// Those with this scope.
    Scope(Scope),
}

impl Access {
    /// Whether a valid token with these scopes opens it.
    #[must_use]
    pub fn allows(self, scopes: &[Scope]) -> bool {
        match self {
            Self::Open | Self::AnyToken => true,
            Self::Scope(scope) => scopes.contains(&scope),
        }
    }

    /// The same in one sentence, for documents.
    #[must_use]
    pub fn sentence(self) -> String {
        match self {
            Self::Open => "Needs no token.".to_owned(),
            Self::AnyToken => "Needs any valid token.".to_owned(),
            Self::Scope(scope) => format!("Needs the scope `{}`.", scope.name()),
        }
    }
}
