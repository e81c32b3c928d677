//! The life of a quote: all revisions under one number, in one stream.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Discount, DocumentLine, DocumentTerms, Prefill, Totals};
use crate::{
    category::category_events,
    customers::{Address, OwnerAssigned},
    ids::{ContactId, CustomerRef, KeyId, OpportunityId, OrderId, Principal},
    money::{Currency, Money, Percent},
    personal::{Personal, personal_fields},
    values::{Day, Line, Zone},
};

category_events! {
    /// Something that happened to one quote.
    QuoteEvent in Quote {
        /// The quote was started: revision 0, Draft.
        Started(QuoteStarted) = "quote.started" v 1,
        /// A line was added to the draft.
        LineAdded(QuoteLineAdded) = "quote.line_added" v 1,
        /// A line of the draft was changed.
        LineChanged(QuoteLineChanged) = "quote.line_changed" v 1,
        /// A line was taken off the draft.
        LineRemoved(QuoteLineRemoved) = "quote.line_removed" v 1,
        /// The discount on the draft was set.
        DiscountSet(QuoteDiscountSet) = "quote.discount_set" v 1,
        /// The freight of the draft was set.
        FreightSet(QuoteFreightSet) = "quote.freight_set" v 1,
        /// The tax on the draft was set.
        TaxSet(QuoteTaxSet) = "quote.tax_set" v 1,
        /// Until when the draft will be valid was set.
        ValiditySet(QuoteValiditySet) = "quote.validity_set" v 1,
        /// The draft became Active: the customer has it, nobody edits it.
        Activated(QuoteActivated) = "quote.activated" v 1,
        /// The active revision was closed as Revised, and a draft with the same lines opened.
        Revised(QuoteRevised) = "quote.revised" v 1,
        /// The customer accepted: Won.
        Accepted(QuoteAccepted) = "quote.accepted" v 1,
        /// The active revision was closed without a sale.
        Closed(QuoteClosed) = "quote.closed" v 1,
        /// The draft was thrown away.
        DraftDiscarded(QuoteDraftDiscarded) = "quote.draft_discarded" v 1,
        /// It got another owner.
        OwnerAssigned(OwnerAssigned) = "quote.owner_assigned" v 1,
    }
}

/// The quote was started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteStarted {
    /// The key of its sealed fields: the person's, where a person buys.
    pub key: KeyId,
    /// The number, the same for all revisions: `Q-2026-000017`.
    pub number: Line<20>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Personal<Line<300>>>,
    /// Who would buy.
    pub customer: CustomerRef,
    /// The person to talk to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactId>,
    /// The opportunity it was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opportunity: Option<OpportunityId>,
    /// The currency of all its amounts.
    pub currency: Currency,
    /// The terms.
    pub terms: DocumentTerms,
    /// Where the invoice would go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bill_to: Option<Personal<Address>>,
    /// Where the goods would go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ship_to: Option<Personal<Address>>,
    /// The last day on which it can be accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Day>,
    /// The zone in which that day ends.
    pub zone: Zone,
    /// Whose quote it is.
    pub owner: Principal,
    /// Where the values that were filled in came from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefill: Vec<Prefill>,
}

/// A line was added to the draft.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteLineAdded {
    /// Of which revision.
    pub revision: u32,
    /// The line.
    pub line: DocumentLine,
}

/// A line of the draft was changed: it reads like this now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteLineChanged {
    /// Of which revision.
    pub revision: u32,
    /// The line.
    pub line: DocumentLine,
}

/// A line was taken off the draft.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteLineRemoved {
    /// Of which revision.
    pub revision: u32,
    /// The line.
    pub line_id: Uuid,
}

/// The discount on the draft was set; none takes it back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteDiscountSet {
    /// Of which revision.
    pub revision: u32,
    /// Taken off the subtotal.
    pub discount: Option<Discount>,
}

/// The freight of the draft was set; none takes it back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteFreightSet {
    /// Of which revision.
    pub revision: u32,
    /// The freight.
    pub freight: Option<Money>,
}

/// The tax on the draft was set; none takes it back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteTaxSet {
    /// Of which revision.
    pub revision: u32,
    /// The share of the net.
    pub tax: Option<Percent>,
}

/// Until when the draft will be valid was set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteValiditySet {
    /// Of which revision.
    pub revision: u32,
    /// The last day on which it can be accepted.
    pub valid_until: Option<Day>,
}

/// The draft became Active.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteActivated {
    /// Which revision.
    pub revision: u32,
    /// What it adds up to, as the customer sees it.
    pub totals: Totals,
}

/// The active revision was closed as Revised, and a draft with the same lines opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteRevised {
    /// The revision that was closed.
    pub closed_revision: u32,
    /// The draft.
    pub new_revision: u32,
}

/// What an acceptance does to the opportunity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CloseOpportunity {
    /// It stays as it is.
    #[default]
    None,
    /// It is won.
    Won,
}

/// The customer accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteAccepted {
    /// Which revision.
    pub revision: u32,
    /// The order that is placed for it: uuid5 of `order:<quote>:<revision>`.
    pub order: OrderId,
    /// What was accepted.
    pub totals: Totals,
    /// The day it was accepted, in the quote's zone.
    pub accepted_on: Day,
    /// Who accepted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_by: Option<Personal<Line<160>>>,
    /// The customer's own number for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_reference: Option<Line<100>>,
    /// The opportunity it was made for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opportunity: Option<OpportunityId>,
    /// What happens to the opportunity.
    pub close_opportunity: CloseOpportunity,
    /// The actual value with which the opportunity is won.
    pub actual_value: Money,
}

/// How an active quote was closed without a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are Dynamics's own")]
pub enum QuoteCloseReason {
    Lost,
    Canceled,
}

/// The active revision was closed without a sale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteClosed {
    /// Which revision.
    pub revision: u32,
    /// As what.
    pub status_reason: QuoteCloseReason,
}

/// The draft was thrown away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteDraftDiscarded {
    /// Which revision.
    pub revision: u32,
}

personal_fields! {
    QuoteStarted { name, bill_to, ship_to }
    QuoteLineAdded {}
    QuoteLineChanged {}
    QuoteLineRemoved {}
    QuoteDiscountSet {}
    QuoteFreightSet {}
    QuoteTaxSet {}
    QuoteValiditySet {}
    QuoteActivated {}
    QuoteRevised {}
    QuoteAccepted { accepted_by }
    QuoteClosed {}
    QuoteDraftDiscarded {}
}
