//! Who is asking: bearer tokens and what they open.

use std::sync::Arc;

use events::{
    Actor, ActorKind,
    access::{PresentedToken, Scope},
    ids::{TokenId, UserId},
};

use crate::{
    access::Standing,
    aggregate::{Authority, Record},
    handle::{CommandError, Freshened, Handler},
};

/// A caller whose token was checked.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who acts.
    pub user: UserId,
    /// With which token.
    pub token: TokenId,
    /// What the token opens.
    pub scopes: Arc<[Scope]>,
    /// What this was judged by is as new as the request that it came with.
    pub(crate) freshened: Freshened,
}

impl Caller {
    /// The caller, as events name who acts.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        Actor { kind: ActorKind::User, id: self.user.0 }
    }

    /// What the caller may hand on.
    #[must_use]
    pub fn authority(&self) -> Authority {
        Authority { token: self.token, scopes: self.scopes.clone() }
    }

    /// Whether the token opens that.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

impl Handler {
    /// Checks a token. `None` for one that is unknown, not accepted yet, revoked, of a disabled user, or simply wrong:
    /// the caller is not told which. What is known of the token and its user is at least as new as
    /// the log was when this was called.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn authenticate(
        &self,
        presented: &PresentedToken,
    ) -> Result<Option<Caller>, CommandError> {
        let freshened = self.freshen().await?;
        let token = self.load(presented.id().stream()).await?;
        let Record::Token(token) = &*token.record else { return Ok(None) };
        let Some(token) = token.issued() else { return Ok(None) };
        let right = presented.opens(&token.secret_sha256);
        if !right || token.standing != Standing::Active {
            return Ok(None);
        }
        let user = self.load(token.user.stream()).await?;
        let Record::User(user) = &*user.record else { return Ok(None) };
        Ok(user.is_enabled().then(|| Caller {
            user: token.user,
            token: presented.id(),
            scopes: token.scopes.as_slice().into(),
            freshened,
        }))
    }
}
