//! API tokens: whose they are and what they open.

use events::{
    access::{Scope, TokenEvent},
    codec::CrmEvent,
    ids::{Category, TokenId, UserId},
    values::Line,
};

use crate::{
    projector::Fact,
    record::{Erased, Record, RecordState, record, record_projector, version_value},
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
        column("revoked", ColumnType::Int),
        column("created_at", ColumnType::Int),
        column("changed_at", ColumnType::Int),
        column("version", ColumnType::Int),
        column("document", ColumnType::Text),
    ],
    keeping: Keeping::History,
    indexes: &[&["user_id"]],
};

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
        /// Whether it opens anything.
        state: RecordState,
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
            let mut erased = Erased::default();
            let actor = fact.recorded.event.cause.actor;
            Some(TokenRecord {
                id: TokenId(fact.recorded.stream.id),
                user: issued.user,
                label: erased.open("label", issued.label.as_ref()),
                scopes: issued.scopes.clone(),
                secret_sha256: issued.secret_sha256.clone(),
                state: RecordState::Active,
                version: fact.recorded.version,
                created_at: fact.recorded.recorded_at,
                created_by: actor,
                changed_at: fact.recorded.recorded_at,
                changed_by: actor,
                erased,
            })
        }
        (None, _) => None,
        (Some(mut token), event) => {
            if matches!(event, TokenEvent::Revoked(_)) {
                token.state = RecordState::Inactive;
            }
            Some(token.stamped(fact))
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
            (self.state == RecordState::Inactive).into(),
            self.created_at.micros().into(),
            self.changed_at.micros().into(),
            version_value(self.version),
        ]
    }
}
