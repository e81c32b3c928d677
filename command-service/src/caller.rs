//! Who is asking: bearer tokens and what they open.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use events::{
    Actor, ActorKind,
    access::Scope,
    evidence::sha256,
    ids::{TokenId, UserId},
};
use uuid::Uuid;

use crate::{
    aggregate::Record,
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

    /// Whether the token opens that.
    #[must_use]
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

/// A token as it is presented: `annals_<token id>_<secret>`.
#[derive(Clone)]
pub struct PresentedToken {
    id: TokenId,
    secret: String,
}

impl PresentedToken {
    /// Parses the text after `Bearer `.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix("annals_")?.split_once('_')?;
        let well_formed = id.len() == 32 && secret.len() == 64 && is_hex(id) && is_hex(secret);
        let id = TokenId(Uuid::try_parse(id).ok()?);
        well_formed.then(|| Self { id, secret: secret.to_owned() })
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

impl Handler {
    /// Checks a token. `None` for one that is unknown, revoked, of a disabled user, or simply wrong:
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
        let token = self.load(presented.id.stream()).await?;
        let Record::Token(token) = &*token.record else { return Ok(None) };
        let Some(token) = token.issued() else { return Ok(None) };
        let digest = hex::encode(sha256(presented.secret.as_bytes()));
        let right = verify_slices_are_equal(digest.as_bytes(), token.secret_sha256.as_bytes());
        if right.is_err() || token.revoked {
            return Ok(None);
        }
        let user = self.load(token.user.stream()).await?;
        let Record::User(user) = &*user.record else { return Ok(None) };
        Ok(user.is_enabled().then(|| Caller {
            user: token.user,
            token: presented.id,
            scopes: token.scopes.as_slice().into(),
            freshened,
        }))
    }
}
