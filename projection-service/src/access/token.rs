//! API tokens: whose they are and what they open.

use events::{
    access::{Scope, TokenEvent},
    codec::CrmEvent,
    ids::{Category, TokenId, UserId},
    values::Line,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    projector::Fact,
    record::{Erased, Record, record, record_projector, version_value},
    table::{ColumnType, Keeping, Table, Value, column},
};

/// Every state of every token. Whether its user may work is asked of the users.
pub static TOKENS: Table = Table {
    name: "tokens",
    key: &[column("id", ColumnType::Id)],
    columns: &[
        column("user_id", ColumnType::Id),
        // The names, with one blank between.
        column("scopes", ColumnType::Text),
        column("secret_sha256", ColumnType::Text),
        column("state", ColumnType::Text),
        column("created_at", ColumnType::Int),
        column("changed_at", ColumnType::Int),
        column("version", ColumnType::Int),
        column("document", ColumnType::Text),
    ],
    keeping: Keeping::History,
    indexes: &[&["user_id", "id"]],
};

/// Whether a token opens anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TokenState {
    /// Not before its user has accepted it.
    Pending,
    /// Yes.
    Active,
    /// Never again.
    Revoked,
}

impl TokenState {
    /// The name as it is shown and stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Active => "Active",
            Self::Revoked => "Revoked",
        }
    }
}

record! {
    /// An API token.
    TokenRecord(TokenId) {
        /// Who acts with it.
        user: UserId,
        /// What it is for.
        label: Option<Line<100>>,
        /// What it opens.
        scopes: Vec<Scope>,
        /// SHA-256 of its secret, in hex. Answers leave it out.
        secret_sha256: String,
        /// The token it was issued with; none where the product itself issued it.
        issued_with: Option<TokenId>,
        /// Whether it opens anything.
        state: TokenState,
    }
}

record_projector! {
    /// Who acts with a token, and what does it open?
    Tokens, TokenRecord, "tokens"
}

/// The token after an event of its stream.
#[must_use]
pub fn fold_token(before: Option<TokenRecord>, fact: &Fact<'_>) -> Option<TokenRecord> {
    let CrmEvent::Token(event) = fact.event() else { return before };
    match (before, event) {
        (None, TokenEvent::Issued(issued)) => {
            let state = if issued.pending { TokenState::Pending } else { TokenState::Active };
            let token = TokenRecord::born(fact, issued.user, &issued.scopes, &issued.secret_sha256);
            let mut erased = Erased::default();
            let label = erased.open("label", issued.label.as_ref());
            Some(TokenRecord { label, erased, issued_with: issued.issued_with, state, ..token })
        }
        (None, TokenEvent::Recovered(made)) => {
            Some(TokenRecord::born(fact, made.user, &made.scopes, &made.secret_sha256))
        }
        (None, TokenEvent::Accepted(_) | TokenEvent::Revoked(_)) => None,
        (Some(mut token), event) => {
            match event {
                // A stream has one beginning, and it made this record.
                TokenEvent::Issued(_) | TokenEvent::Recovered(_) => {}
                TokenEvent::Accepted(_) => token.state = TokenState::Active,
                TokenEvent::Revoked(_) => token.state = TokenState::Revoked,
            }
            Some(token.stamped(fact))
        }
    }
}

impl TokenRecord {
    /// A token that opens at once.
    fn born(fact: &Fact<'_>, user: UserId, scopes: &[Scope], secret_sha256: &str) -> Self {
        let actor = fact.recorded.event.cause.actor;
        Self {
            id: TokenId(fact.recorded.stream.id),
            user,
            label: None,
            scopes: scopes.to_vec(),
            secret_sha256: secret_sha256.to_owned(),
            issued_with: None,
            state: TokenState::Active,
            version: fact.recorded.version,
            created_at: fact.recorded.recorded_at,
            created_by: actor,
            changed_at: fact.recorded.recorded_at,
            changed_by: actor,
            erased: Erased::default(),
        }
    }
}

impl Record for TokenRecord {
    const CATEGORY: Category = Category::Token;
    const TABLE: &'static Table = &TOKENS;

    fn fold(before: Option<Self>, fact: &Fact<'_>) -> Option<Self> {
        fold_token(before, fact)
    }

    fn columns(&self) -> Vec<Value> {
        let scopes: Vec<_> = self.scopes.iter().copied().map(Scope::name).collect();
        vec![
            self.user.0.into(),
            scopes.join(" ").into(),
            self.secret_sha256.as_str().into(),
            self.state.name().into(),
            self.created_at.micros().into(),
            self.changed_at.micros().into(),
            version_value(self.version),
        ]
    }
}
