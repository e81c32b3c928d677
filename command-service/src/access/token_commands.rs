//! Issuing and revoking API tokens.

use std::borrow::Cow;

use events::{
    access::{Scope, TokenEvent, TokenIssued, TokenRevoked},
    ids::{Category, CommandId, StreamName, TokenId, UserId},
    personal::{Clear, Personal},
    values::Line,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};
use uuid::Uuid;

use super::{Token, User};
use crate::{
    aggregate::{Decide, Facts, States},
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
        let issued = TokenIssued {
            key: user.key,
            user: self.user,
            label: self.label.clone().map(Personal::from),
            scopes,
            secret_sha256: self.secret_sha256.as_str().to_owned(),
        };
        Ok(vec![issued.into()])
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
        Ok((!token.revoked).then(|| TokenRevoked {}.into()).into_iter().collect())
    }
}

#[cfg(test)]
#[path = "token_commands_tests.rs"]
mod tests;
