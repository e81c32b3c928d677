//! The catalogue of refusals: every rule that can say no, with its stable code.

use events::{
    Instant, Version,
    access::Scope,
    ids::{AccountId, Category, ContactId, QuoteId},
};
use serde_json::{Map, Value};

use crate::handle::Expected;

macro_rules! refusals {
    ($($(#[doc = $doc:literal])+ $variant:ident $({ $($field:ident: $type:ty),* $(,)? })? = $code:literal, $message:literal;)*) => {
        /// A rule that refused a command. Codes are stable: clients match on them.
        #[derive(Clone, Debug, PartialEq, thiserror::Error)]
        pub enum Refusal {
            $(
                $(#[doc = $doc])+
                #[error($message)]
                $variant $({ $(#[doc = "See the code's description."] $field: $type),* })?,
            )*
        }

        impl Refusal {
            /// Every code with what it means, for the documentation.
            pub const CATALOGUE: &'static [(&'static str, &'static str)] =
                &[$(($code, concat!($($doc),+))),*];

            /// The stable code.
            #[must_use]
            pub const fn code(&self) -> &'static str {
                match self { $(Self::$variant $({ $($field: _),* })? => $code),* }
            }

            /// What the rule went by. Ids, names of states, numbers; never a personal value.
            #[must_use]
            pub fn params(&self) -> Map<String, Value> {
                #[allow(unused_mut, clippy::allow_attributes, reason = "most rules have none")]
                let mut params = Map::new();
                match self {
                    $(Self::$variant $({ $($field),* })? => {
                        $($(params.insert(stringify!($field).to_owned(), serde_json::json!($field));)*)?
                    })*
                }
                params
            }
        }
    };
}

refusals! {
    /// The record the command is about, or one that it names, is not there.
    NotFound { category: Category } = "record.not_found", "there is no such {category}";
    /// A record with that id is there already.
    Exists = "record.exists", "a record with that id exists already";
    /// The record is inactive: it can be read and reactivated, nothing else.
    Inactive = "record.inactive", "the record is inactive";
    /// The stream has another version than the `If-Match` of the caller says (412).
    VersionConflict { expected: Expected, actual: Version } = "record.version_conflict", "the record has version {actual}, not {expected}";
    /// The command cannot be about a record of that kind.
    UnsupportedType { category: Category } = "record.unsupported_type", "the command does not apply to a record of the type {category}";
    /// The token may not do this (403).
    AccessDenied = "access.denied", "the token does not have the scope for this";
    /// The owner is not there, or disabled.
    OwnerUnknown = "owner.unknown", "the owner is no active user";
    /// A caller who is no user must name the owner.
    OwnerMissing = "owner.missing", "the owner must be named";
    /// The customer is inactive: no new documents, no acceptance (help text of 2011).
    CustomerInactive = "customer.inactive", "the customer is inactive";
    /// `effective_at` may not lie after the time of recording.
    EffectiveInFuture = "effective_at.future", "the effective time lies in the future";
    /// A time in the past needs a reason, unless the command is dated by itself or imported.
    ReasonRequired = "effective_at.reason_required", "a change that is dated back needs a reason";
    /// A reason is sealed under the record's key, and this record has none.
    ReasonUnsupported = "reason.unsupported", "a reason cannot be kept for this record";

    /// A second primary contact, without `replace`.
    PrimaryContactExists { current: ContactId } = "account.primary_contact_exists", "the account has a primary contact already";
    /// The contact belongs to another customer, or to none.
    ContactNotAssociated = "account.contact_not_associated", "the contact does not belong to this account";
    /// The parent would be its own descendant.
    AccountParentLoop { through: AccountId } = "account.parent_loop", "the account would become its own ancestor";
    /// The parent customer would be its own descendant.
    ContactParentLoop { through: ContactId } = "contact.parent_loop", "the contact would become its own ancestor";
    /// More ancestors than a hierarchy may have.
    HierarchyTooDeep = "account.hierarchy_too_deep", "the hierarchy would be deeper than 100 levels";

    /// A record cannot be related to itself.
    ConnectionSelf = "connection.self", "a record cannot be connected to itself";
    /// The same connection is active already.
    ConnectionExists = "connection.exists", "the connection exists already";
    /// The end lies before the start.
    ConnectionDates = "connection.dates", "the connection would end before it starts";
    /// The role does not apply to a record of that kind, or is retired.
    ConnectionRoleType = "connection.role_type", "the role does not apply to a record of that type";
    /// The connection has ended.
    ConnectionEnded = "connection.ended", "the connection has ended";
    /// The connection is active.
    ConnectionActive = "connection.active", "the connection is active";
    /// The role is retired.
    RoleRetired = "connection.role_retired", "the connection role is retired";

    /// The opportunity is won or lost.
    OpportunityClosed = "opportunity.closed", "the opportunity is closed";
    /// The opportunity is open.
    OpportunityOpen = "opportunity.open", "the opportunity is open";
    /// Active quotes must be named when an opportunity is won or lost.
    OpportunityActiveQuotes { quotes: Vec<QuoteId> } = "opportunity.active_quotes", "the opportunity has active quotes that the command does not name";
    /// What the customer has accepted is ordered, and not lost.
    OpportunityOrdered { quotes: Vec<QuoteId> } = "opportunity.ordered", "a quote of the opportunity was accepted: it cannot be lost";
    /// A close date in the future.
    CloseDateInFuture = "opportunity.close_date_future", "the close date lies in the future";
    /// The currency of an opportunity does not change.
    CurrencyMismatch = "document.currency_mismatch", "the amount is not in the currency of the record";
    /// An amount below nothing.
    NegativeAmount = "document.negative_amount", "the amount must not be negative";

    /// The revision is no draft: it cannot be edited or discarded.
    QuoteNotDraft { state: &'static str, status_reason: &'static str } = "quote.not_draft", "the quote is {state} ({status_reason}), not Draft";
    /// The revision is not Active: it cannot be accepted, revised or closed.
    QuoteNotActive { state: &'static str, status_reason: &'static str } = "quote.not_active", "the quote is {state} ({status_reason}), not Active";
    /// Another revision of the same number is a draft or active.
    QuoteOpenRevision { revision: u32 } = "quote.open_revision_exists", "revision {revision} of the quote is still open";
    /// The last day on which it could be accepted is over.
    QuoteExpired { valid_until: events::values::Day } = "quote.expired", "the quote was valid until {valid_until}";
    /// A quote without lines cannot be activated.
    QuoteNoLines = "quote.no_lines", "the quote has no lines";
    /// The document cannot be priced.
    QuotePricing { error: String } = "quote.pricing_error", "the quote cannot be priced: {error}";
    /// No such line on the draft.
    QuoteLineUnknown = "quote.line_not_found", "the quote has no such line";
    /// A line of that id is on the draft already.
    QuoteLineExists = "quote.line_exists", "the quote has a line with that id already";
    /// Nobody to sell to: neither the command nor the opportunity names a customer.
    QuoteNoCustomer = "quote.no_customer", "neither the command nor the opportunity names a customer";
    /// Too many lines.
    QuoteTooManyLines = "quote.too_many_lines", "a quote has at most 500 lines";

    /// A manager must be a user, and nobody can be their own superior.
    ManagerUnknown = "user.manager_unknown", "the manager is no user";
    /// Nobody manages themselves, not even indirectly.
    ManagerLoop = "user.manager_loop", "the user would become their own superior";
    /// The user is disabled.
    UserDisabled = "user.disabled", "the user is disabled";
    /// A token needs at least one scope.
    TokenNoScopes = "token.no_scopes", "a token needs at least one scope";

    /// Nobody hands out more than the token opens with which they do it.
    TokenExceedsOwn { scopes: Vec<Scope> } = "token.exceeds_own", "the token that issues it does not have all of these scopes";
    /// The token was revoked: it opens nothing, for ever.
    TokenRevoked = "token.revoked", "the token was revoked";
    /// The time that was confirmed is not what the clock of the service shows.
    ClockNotShown { shown: Instant } = "clock.not_shown", "the clock of the service shows {shown}: what is not so cannot be confirmed";

    /// A mistake of ours, never of the caller.
    Internal = "internal", "the command could not be judged";
}

impl Refusal {
    /// The record of that kind is not there.
    #[must_use]
    pub const fn not_found(category: Category) -> Self {
        Self::NotFound { category }
    }
}
