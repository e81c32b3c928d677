//! The life of an opportunity: a deal in the making.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    category::category_events,
    customers::OwnerAssigned,
    ids::{ContactId, CustomerRef, KeyId, Principal, QuoteId},
    money::{Currency, Money, Percent},
    personal::{Personal, personal_fields},
    values::{Change, Day, Line, Prose},
};

category_events! {
    /// Something that happened to one opportunity.
    OpportunityEvent in Opportunity {
        /// The opportunity was created.
        Created(OpportunityCreated) = "opportunity.created" v 1,
        /// Some of its details changed.
        DetailsChanged(OpportunityDetailsChanged) = "opportunity.details_changed" v 1,
        /// It moved to another stage of the pipeline.
        StageChanged(StageChanged) = "opportunity.stage_changed" v 1,
        /// It became more or less likely.
        ProbabilityChanged(ProbabilityChanged) = "opportunity.probability_changed" v 1,
        /// The estimated value changed.
        EstimateChanged(EstimateChanged) = "opportunity.estimate_changed" v 1,
        /// The estimated close date moved.
        CloseDateMoved(CloseDateMoved) = "opportunity.close_date_moved" v 1,
        /// The deal was won.
        Won(OpportunityWon) = "opportunity.won" v 1,
        /// The deal was lost.
        Lost(OpportunityLost) = "opportunity.lost" v 1,
        /// It was opened again.
        Reopened(OpportunityReopened) = "opportunity.reopened" v 1,
        /// It got another owner.
        OwnerAssigned(OwnerAssigned) = "opportunity.owner_assigned" v 1,
        /// A quote that was made for it is before the customer.
        QuoteOffered(OpportunityQuoteOffered) = "opportunity.quote_offered" v 1,
        /// A quote that was before the customer is so no more.
        QuoteWithdrawn(OpportunityQuoteWithdrawn) = "opportunity.quote_withdrawn" v 1,
    }
}

/// Dynamics's `opportunityratingcode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are Dynamics's own")]
pub enum Rating {
    Hot,
    Warm,
    Cold,
}

/// The opportunity was created, Open and In Progress.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpportunityCreated {
    /// The key of its sealed fields.
    pub key: KeyId,
    /// What it is about.
    pub topic: Personal<Line<300>>,
    /// Who would buy, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerRef>,
    /// The person to talk to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactId>,
    /// The product it is about, as the organisation calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<Line<100>>,
    /// The currency of its amounts.
    pub currency: Currency,
    /// What it would bring.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_value: Option<Money>,
    /// When it would be decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_close_date: Option<Day>,
    /// How likely it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<Percent>,
    /// The stage of the pipeline.
    pub stage: Line<100>,
    /// How warm it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<Rating>,
    /// Anything else worth knowing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Personal<Prose>>,
    /// Whose opportunity it is.
    pub owner: Principal,
}

/// Some of its details changed; what is absent stays as it was, `null` is no value any more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OpportunityDetailsChanged {
    /// What it is about. Never cleared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<Personal<Line<300>>>,
    /// Who would buy.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub customer: Change<CustomerRef>,
    /// The person to talk to.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub contact: Change<ContactId>,
    /// The product it is about.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub product: Change<Line<100>>,
    /// How warm it is.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub rating: Change<Rating>,
    /// Anything else worth knowing.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub description: Change<Personal<Prose>>,
}

/// It moved to another stage of the pipeline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageChanged {
    /// The stage before.
    pub from: Line<100>,
    /// The stage from now on.
    pub to: Line<100>,
}

/// It became more or less likely.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbabilityChanged {
    /// The probability from now on; none when nobody dares to say.
    pub probability: Option<Percent>,
}

/// The estimated value changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EstimateChanged {
    /// What it would bring from now on; none when nobody can say.
    pub estimated_value: Option<Money>,
}

/// The estimated close date moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseDateMoved {
    /// The date before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Day>,
    /// The date from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Day>,
}

/// The deal was won.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpportunityWon {
    /// Actual revenue. By default the estimate, or nothing where there is none.
    pub actual_value: Money,
    /// The day it was decided.
    pub close_date: Day,
    /// The quote whose acceptance won it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via_quote: Option<QuoteId>,
}

/// Why a deal was lost: Dynamics's status reasons of a lost opportunity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are Dynamics's own")]
pub enum LostReason {
    Canceled,
    OutSold,
}

/// The deal was lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpportunityLost {
    /// Why.
    pub status_reason: LostReason,
    /// The day it was decided.
    pub close_date: Day,
    /// Who won it instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub competitor: Option<Line<100>>,
}

/// It was opened again: actual value and close date are gone, the history of both stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpportunityReopened {}

/// A quote that was made for it is before the customer: Active.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpportunityQuoteOffered {
    /// The quote.
    pub quote: QuoteId,
    /// The revision the customer has.
    pub revision: u32,
}

/// A quote that was before the customer is so no more: revised, accepted or closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpportunityQuoteWithdrawn {
    /// The quote.
    pub quote: QuoteId,
    /// The revision the customer had.
    pub revision: u32,
}

personal_fields! {
    OpportunityCreated { topic, description }
    OpportunityDetailsChanged { topic, description }
    StageChanged {}
    ProbabilityChanged {}
    EstimateChanged {}
    CloseDateMoved {}
    OpportunityWon {}
    OpportunityLost {}
    OpportunityReopened {}
    OpportunityQuoteOffered {}
    OpportunityQuoteWithdrawn {}
}
