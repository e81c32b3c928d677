//! A lost opportunity takes its quotes along (rule X7): what the customer has is closed.

use events::{
    CrmEvent,
    ids::QuoteId,
    sales::{LostReason, OpportunityEvent, QuoteCloseReason},
};

use super::Reaction;
use crate::{
    aggregate::{AsRecord, Record},
    sales::{CloseQuote, Opportunity, OpportunityStatus},
};

/// Closes the quotes that the opportunity knows to be before the customer. `own` may be of a later
/// moment: one that was opened again meanwhile keeps its quotes.
pub(super) fn close_quotes(event: &CrmEvent, own: &Record) -> Vec<Reaction> {
    let CrmEvent::Opportunity(OpportunityEvent::Lost(lost)) = event else { return Vec::new() };
    let Some(state) = Opportunity::of(own).and_then(Opportunity::created) else {
        return Vec::new();
    };
    if !matches!(state.status, OpportunityStatus::Lost(_)) {
        return Vec::new();
    }
    let status_reason = match lost.status_reason {
        LostReason::Canceled => QuoteCloseReason::Canceled,
        LostReason::OutSold => QuoteCloseReason::Lost,
    };
    let close =
        |quote_id: QuoteId| Reaction::on(quote_id.0, CloseQuote { quote_id, status_reason });
    state.quotes.keys().copied().map(close).collect()
}

#[cfg(test)]
#[path = "opportunity_loss_tests.rs"]
mod tests;
