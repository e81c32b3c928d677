//! The organisation, its users and their API tokens, and what administrators did.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

mod administration;
mod needs;
mod presented;

pub use administration::*;
pub use needs::Access;
pub use presented::PresentedToken;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    category::category_events,
    envelope::Instant,
    ids::{KeyId, TokenId, UserId},
    money::Currency,
    personal::{Personal, personal_fields},
    values::{Change, Email, Line, Zone},
};

category_events! {
    /// Something that happened to the organisation.
    OrganizationEvent in Organization {
        /// The installation was set up: the first event of every log.
        Founded(OrganizationFounded) = "organization.founded" v 1,
        /// An older log was accepted in place of the newer one that had been there.
        OlderLogAccepted(OlderLogAccepted) = "organization.older_log_accepted" v 1,
        /// An administrator said that the clock is right, though it had jumped.
        ClockConfirmed(ClockConfirmed) = "organization.clock_confirmed" v 1,
    }
}

category_events! {
    /// Something that happened to one user.
    UserEvent in User {
        /// The user was added.
        Added(UserAdded) = "user.added" v 2 after { 1: UserAddedV1 },
        /// Some of the details changed.
        Changed(UserChanged) = "user.changed" v 1,
        /// The user may not do anything any more.
        Disabled(UserDisabled) = "user.disabled" v 1,
        /// The user may work again.
        Enabled(UserEnabled) = "user.enabled" v 1,
        /// A token was issued to the user.
        TokenGiven(UserTokenGiven) = "user.token_given" v 1,
    }
}

category_events! {
    /// Something that happened to one API token.
    TokenEvent in Token {
        /// The token was issued.
        Issued(TokenIssued) = "token.issued" v 2 after { 1: TokenIssuedV1 },
        /// The user took a token that somebody else had issued to them.
        Accepted(TokenAccepted) = "token.accepted" v 1,
        /// The owner of the data made the token, past all others.
        Recovered(TokenRecovered) = "token.recovered" v 1,
        /// The token opens nothing any more.
        Revoked(TokenRevoked) = "token.revoked" v 1,
    }
}

/// The installation was set up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrganizationFounded {
    /// Its name.
    pub name: Line<160>,
    /// The zone in which its days begin and end.
    pub zone: Zone,
    /// The currency it reports in.
    pub base_currency: Currency,
}

/// An older log was accepted in place of the newer one that had been there. The positions behind it
/// were given out a second time from then on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OlderLogAccepted {
    /// How often that happened to this log, this time included.
    pub epoch: u32,
    /// Where the log ended that was accepted.
    pub position: u64,
    /// The leaf of its last event, in hex.
    pub leaf: String,
    /// The newest position that was known of the log before; absent where nothing was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_position: Option<u64>,
    /// The leaf of the event that had been there, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_leaf: Option<String>,
}

/// An administrator said that the clock is right, though it had jumped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockConfirmed {
    /// What the clock should have shown, by what was known before.
    pub from: Instant,
    /// What it shows.
    pub to: Instant,
}

/// The user was added, as version 1 told it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserAddedV1 {
    /// The key of the person.
    pub key: KeyId,
    /// The name.
    pub name: Personal<Line<160>>,
    /// The e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Personal<Email>>,
    /// Whom the user reports to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<UserId>,
    /// The office, branch or business unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub office: Option<Line<100>>,
}

impl From<UserAddedV1> for UserAdded {
    fn from(old: UserAddedV1) -> Self {
        let UserAddedV1 { key, name, email, manager, office } = old;
        // Whether such a user was ever given a token does not stand on the user's stream.
        Self { key, name, email, manager, office, awaits_token: false }
    }
}

/// The user was added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserAdded {
    /// The key of the person.
    pub key: KeyId,
    /// The name.
    pub name: Personal<Line<160>>,
    /// The e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Personal<Email>>,
    /// Whom the user reports to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<UserId>,
    /// The office, branch or business unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub office: Option<Line<100>>,
    /// Whether the first token that is issued to the user opens at once. `false` for users of whom
    /// it is not known whether they were given one, and for who needs none (the first user).
    pub awaits_token: bool,
}

/// Some of the details changed; what is absent stays as it was, `null` is no value any more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UserChanged {
    /// The name. Never cleared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Personal<Line<160>>>,
    /// The e-mail address.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub email: Change<Personal<Email>>,
    /// Whom the user reports to.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub manager: Change<UserId>,
    /// The office, branch or business unit.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub office: Change<Line<100>>,
}

/// The user may not do anything any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserDisabled {}

/// The user may work again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserEnabled {}

/// A token was issued to the user: by whom, the header says. It is written before the token's own
/// event, so that of several first tokens one is the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserTokenGiven {
    /// The token.
    pub token: TokenId,
    /// Whether it is the first one of the user, which opens at once whoever issued it.
    pub first: bool,
}

/// What a token opens.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Questions about records.
    Read,
    /// Commands.
    Write,
    /// The event feed, the attempt log, the history of records.
    Audit,
    /// Users, tokens, rebuilds and backups.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Audit, Self::Admin];

    /// The stored name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Audit => "audit",
            Self::Admin => "admin",
        }
    }

    /// The scope of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// The token was issued, as version 1 told it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenIssuedV1 {
    /// The key of its label: the user's.
    pub key: KeyId,
    /// Who acts with it.
    pub user: UserId,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Personal<Line<100>>>,
    /// What it opens.
    pub scopes: Vec<Scope>,
    /// SHA-256 of its secret, in hex. The secret itself is nowhere.
    pub secret_sha256: String,
}

impl From<TokenIssuedV1> for TokenIssued {
    fn from(old: TokenIssuedV1) -> Self {
        let TokenIssuedV1 { key, user, label, scopes, secret_sha256 } = old;
        // Tokens of then opened at once, and go on doing so.
        Self { key, user, label, scopes, secret_sha256, pending: false, issued_with: None }
    }
}

/// The token was issued.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenIssued {
    /// The key of its label: the user's.
    pub key: KeyId,
    /// Who acts with it.
    pub user: UserId,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Personal<Line<100>>>,
    /// What it opens: nothing that the token it was issued with does not.
    pub scopes: Vec<Scope>,
    /// SHA-256 of its secret, in hex. The secret itself is nowhere.
    pub secret_sha256: String,
    /// Whether it opens nothing before its user has accepted it.
    pub pending: bool,
    /// The token it was issued with; none where the product itself issued it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_with: Option<TokenId>,
}

/// The user took a token that somebody else had issued to them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenAccepted {}

/// The owner of the data made the token, past all others: nobody had to hold one for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRecovered {
    /// The key of the user.
    pub key: KeyId,
    /// Who acts with it.
    pub user: UserId,
    /// What it opens.
    pub scopes: Vec<Scope>,
    /// SHA-256 of its secret, in hex. The secret itself is nowhere.
    pub secret_sha256: String,
}

/// The token opens nothing any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRevoked {}

personal_fields! {
    OrganizationFounded {}
    OlderLogAccepted {}
    ClockConfirmed {}
    UserAdded { name, email }
    UserAddedV1 { name, email }
    UserChanged { name, email }
    UserDisabled {}
    UserEnabled {}
    UserTokenGiven {}
    TokenIssued { label }
    TokenIssuedV1 { label }
    TokenAccepted {}
    TokenRecovered {}
    TokenRevoked {}
}

#[cfg(test)]
#[path = "versions_tests.rs"]
mod tests;
