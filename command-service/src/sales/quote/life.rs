//! A quote goes out to the customer, comes back to be revised, or ends without a sale.

use events::{
    ids::{CommandId, QuoteId},
    sales::{
        QuoteActivated, QuoteCloseReason, QuoteClosed, QuoteDraftDiscarded, QuoteEvent,
        QuoteRevised, Totals,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Quote, QuoteStatus};
use crate::{
    aggregate::{Decide, Facts},
    refusal::Refusal,
};

/// Makes a draft Active: it is priced, and nobody edits it from now on.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivateQuote {
    /// The quote.
    pub quote_id: QuoteId,
}

impl Decide for ActivateQuote {
    const NAME: &'static str = "ActivateQuote";
    type Aggregate = Quote;

    fn record(&self, _: CommandId) -> Uuid {
        self.quote_id.0
    }

    fn decide(&self, own: &Quote, _: &Facts<'_>) -> Result<Vec<QuoteEvent>, Refusal> {
        if matches!(own.existing()?.status, QuoteStatus::Active(_)) {
            return Ok(Vec::new());
        }
        let state = own.draft()?;
        let offer = &state.offer;
        if offer.lines.is_empty() {
            return Err(Refusal::QuoteNoLines);
        }
        let totals = Totals::of(&offer.lines, offer.pricing, state.currency)
            .map_err(|error| Refusal::QuotePricing { error: error.to_string() })?;
        Ok(vec![QuoteActivated { revision: state.revision, totals }.into()])
    }
}

/// Closes the active revision as Revised and opens a draft of the same number with the same lines.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviseQuote {
    /// The quote.
    pub quote_id: QuoteId,
}

impl Decide for ReviseQuote {
    const NAME: &'static str = "ReviseQuote";
    type Aggregate = Quote;

    fn record(&self, _: CommandId) -> Uuid {
        self.quote_id.0
    }

    fn decide(&self, own: &Quote, _: &Facts<'_>) -> Result<Vec<QuoteEvent>, Refusal> {
        let state = own.existing()?;
        if state.status == QuoteStatus::Draft {
            return Err(Refusal::QuoteOpenRevision { revision: state.revision });
        }
        own.active()?;
        let closed_revision = state.revision;
        let new_revision = closed_revision.checked_add(1).ok_or(Refusal::Internal)?;
        Ok(vec![QuoteRevised { closed_revision, new_revision }.into()])
    }
}

/// Closes the active revision without a sale. A draft is discarded instead.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseQuote {
    /// The quote.
    pub quote_id: QuoteId,
    /// As what.
    pub status_reason: QuoteCloseReason,
}

impl Decide for CloseQuote {
    const NAME: &'static str = "CloseQuote";
    type Aggregate = Quote;

    fn record(&self, _: CommandId) -> Uuid {
        self.quote_id.0
    }

    fn decide(&self, own: &Quote, _: &Facts<'_>) -> Result<Vec<QuoteEvent>, Refusal> {
        let status_reason = self.status_reason;
        if own.existing()?.status == QuoteStatus::Closed(status_reason) {
            return Ok(Vec::new());
        }
        let (state, _) = own.active()?;
        Ok(vec![QuoteClosed { revision: state.revision, status_reason }.into()])
    }
}

/// Throws a draft away. An active quote is closed instead.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiscardQuoteDraft {
    /// The quote.
    pub quote_id: QuoteId,
}

impl Decide for DiscardQuoteDraft {
    const NAME: &'static str = "DiscardQuoteDraft";
    type Aggregate = Quote;

    fn record(&self, _: CommandId) -> Uuid {
        self.quote_id.0
    }

    fn decide(&self, own: &Quote, _: &Facts<'_>) -> Result<Vec<QuoteEvent>, Refusal> {
        if own.existing()?.status == QuoteStatus::Discarded {
            return Ok(Vec::new());
        }
        Ok(vec![QuoteDraftDiscarded { revision: own.draft()?.revision }.into()])
    }
}

#[cfg(test)]
#[path = "life_tests.rs"]
mod tests;
