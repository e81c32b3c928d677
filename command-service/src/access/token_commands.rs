//! Issuing and revoking API tokens.

use std::borrow::Cow;

use events::{
    Actor, ActorKind,
    access::{Scope, TokenAccepted, TokenEvent, TokenIssued, TokenRecovered, TokenRevoked},
    ids::{Category, CommandId, StreamName, TokenId, UserId},
    personal::{Clear, Personal},
    values::Line,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};
use uuid::Uuid;

use super::{GiveToken, Token, User, token::Standing};
use crate::{
    aggregate::{Before, Decide, Facts, States},
    refusal::Refusal,
};

/// A SHA-256 hash: 64 hexadecimal digits in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Sha256Hex(String);

impl Sha256Hex {
    /// The hash of some bytes.
    #[must_use]
    pub fn from_bytes(hash: [u8; 32]) -> Self {
        Self(hex::encode(hash))
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Sha256Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let well_formed =
            text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if well_formed {
            Ok(Self(text.into_owned()))
        } else {
            Err(de::Error::custom("must be 64 hexadecimal digits in lower case"))
        }
    }
}

impl JsonSchema for Sha256Hex {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Sha256Hex".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9a-f]{64}$" })
    }
}

/// Issues an API token to a user. The secret is drawn by the sender, who alone knows it.
///
/// It hands on no scope that the token it is sent with does not have. A token for another user opens
/// nothing before that user has sent `AcceptToken`, but for the first one of a new user, who has no
/// token to accept it with. Which one is the first stands on the stream of the user: before the
/// token is issued, `user.token_given` is appended there, and of several at once one is the first
/// event of its kind. A crash in between leaves a user whose first token was given and never issued:
/// the same command again issues it, and where it is lost `annals token recover` helps.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueToken {
    /// The id of the new token; absent, one is derived from the id of the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_id: Option<TokenId>,
    /// Who acts with it: an enabled user.
    pub user: UserId,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<Clear<Line<100>>>,
    /// What it opens: at least one scope.
    pub scopes: Vec<Scope>,
    /// SHA-256 of its secret, in hex.
    pub secret_sha256: Sha256Hex,
}

impl Decide for IssueToken {
    const NAME: &'static str = "IssueToken";
    type Aggregate = Token;

    fn record(&self, command_id: CommandId) -> Uuid {
        self.token_id.map_or_else(|| command_id.record(), |id| id.0)
    }

    fn needs(&self, _: &Token, _: &States) -> Vec<StreamName> {
        vec![self.user.stream()]
    }

    fn before(&self, command_id: CommandId, actor: Actor) -> Option<Before> {
        let token = TokenId(Decide::record(self, command_id));
        let give = GiveToken { user_id: self.user, token };
        (actor.kind == ActorKind::User)
            .then(|| Before { name: GiveToken::NAME, command: Box::new(give) })
    }

    fn decide(&self, own: &Token, facts: &Facts<'_>) -> Result<Vec<TokenEvent>, Refusal> {
        if own.issued().is_some() {
            return Err(Refusal::Exists);
        }
        let user = facts.states.user(self.user).and_then(User::added);
        let user = user.ok_or_else(|| Refusal::not_found(Category::User))?;
        if !user.enabled {
            return Err(Refusal::UserDisabled);
        }
        let mut scopes = self.scopes.clone();
        scopes.sort_unstable();
        scopes.dedup();
        if scopes.is_empty() {
            return Err(Refusal::TokenNoScopes);
        }
        within_own(&scopes, facts)?;
        let token = TokenId(Decide::record(self, facts.command_id));
        let is_own = facts.user() == Some(self.user);
        let opens_at_once = is_system(facts) || is_own || user.first_token == Some(token);
        let issued = TokenIssued {
            key: user.key,
            user: self.user,
            label: self.label.clone().map(Personal::from),
            scopes,
            secret_sha256: self.secret_sha256.as_str().to_owned(),
            pending: !opens_at_once,
            issued_with: facts.authority.map(|authority| authority.token),
        };
        Ok(vec![issued.into()])
    }
}

fn is_system(facts: &Facts<'_>) -> bool {
    facts.actor.kind == ActorKind::System
}

/// Whoever issues a token hands on at most what the token has that they do it with. The product
/// itself, which issues the first one, has everything.
fn within_own(scopes: &[Scope], facts: &Facts<'_>) -> Result<(), Refusal> {
    if is_system(facts) {
        return Ok(());
    }
    let own = facts.authority.map_or(&[][..], |authority| &authority.scopes);
    let missing: Vec<_> = scopes.iter().copied().filter(|scope| !own.contains(scope)).collect();
    if missing.is_empty() { Ok(()) } else { Err(Refusal::TokenExceedsOwn { scopes: missing }) }
}

/// Accepts a token that somebody else issued to the sender. It is sent with another token of the
/// same user, whichever scopes that has.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptToken {
    /// The token.
    pub token_id: TokenId,
}

impl Decide for AcceptToken {
    const NAME: &'static str = "AcceptToken";
    type Aggregate = Token;

    fn record(&self, _: CommandId) -> Uuid {
        self.token_id.0
    }

    fn decide(&self, own: &Token, facts: &Facts<'_>) -> Result<Vec<TokenEvent>, Refusal> {
        // Whose tokens there are is nobody else's business.
        let token = own.issued().filter(|token| Some(token.user) == facts.user());
        let token = token.ok_or_else(|| Refusal::not_found(Category::Token))?;
        match token.standing {
            Standing::Pending => Ok(vec![TokenAccepted {}.into()]),
            Standing::Active => Ok(Vec::new()),
            Standing::Revoked => Err(Refusal::TokenRevoked),
        }
    }
}

/// Makes a token that opens at once for a user, with every scope or with fewer: the act of who owns
/// the data, while nothing runs on them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecoverToken {
    /// The id of the new token.
    pub token_id: TokenId,
    /// Who acts with it: an enabled user.
    pub user: UserId,
    /// What it opens: at least one scope.
    pub scopes: Vec<Scope>,
    /// SHA-256 of its secret, in hex.
    pub secret_sha256: Sha256Hex,
}

impl Decide for RecoverToken {
    const NAME: &'static str = "RecoverToken";
    type Aggregate = Token;

    fn record(&self, _: CommandId) -> Uuid {
        self.token_id.0
    }

    // Who has no token could not confirm the clock either. It is dated as the clock should show.
    const NEEDS_CLOCK: bool = false;

    fn needs(&self, _: &Token, _: &States) -> Vec<StreamName> {
        vec![self.user.stream()]
    }

    fn decide(&self, own: &Token, facts: &Facts<'_>) -> Result<Vec<TokenEvent>, Refusal> {
        if !is_system(facts) {
            return Err(Refusal::AccessDenied);
        }
        if own.issued().is_some() {
            return Err(Refusal::Exists);
        }
        let user = facts.states.user(self.user).and_then(User::added);
        let user = user.ok_or_else(|| Refusal::not_found(Category::User))?;
        if !user.enabled {
            return Err(Refusal::UserDisabled);
        }
        let recovered = TokenRecovered {
            key: user.key,
            user: self.user,
            scopes: self.scopes.clone(),
            secret_sha256: self.secret_sha256.as_str().to_owned(),
        };
        Ok(vec![recovered.into()])
    }
}

/// Revokes an API token: it opens nothing any more, for ever.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeToken {
    /// The token.
    pub token_id: TokenId,
}

impl Decide for RevokeToken {
    const NAME: &'static str = "RevokeToken";
    type Aggregate = Token;

    fn record(&self, _: CommandId) -> Uuid {
        self.token_id.0
    }

    fn decide(&self, own: &Token, _: &Facts<'_>) -> Result<Vec<TokenEvent>, Refusal> {
        let token = own.issued().ok_or_else(|| Refusal::not_found(Category::Token))?;
        let revoked = token.standing == Standing::Revoked;
        Ok((!revoked).then(|| TokenRevoked {}.into()).into_iter().collect())
    }
}

#[cfg(test)]
#[path = "token_commands_tests.rs"]
mod tests;
