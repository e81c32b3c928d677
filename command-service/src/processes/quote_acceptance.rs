//! An accepted quote becomes an order, and wins its opportunity if that was asked for (rule X8).

use events::{
    CrmEvent,
    ids::{QuoteId, StreamName},
    sales::{CloseOpportunity, QuoteEvent},
};

use super::Reaction;
use crate::sales::{PlaceOrder, WinOpportunity};

pub(super) fn react(event: &CrmEvent, stream: StreamName) -> Vec<Reaction> {
    let CrmEvent::Quote(QuoteEvent::Accepted(accepted)) = event else { return Vec::new() };
    let quote = QuoteId(stream.id);
    let mut reactions = vec![Reaction::of(PlaceOrder { quote, revision: accepted.revision })];
    if let (CloseOpportunity::Won, Some(opportunity_id)) =
        (accepted.close_opportunity, accepted.opportunity)
    {
        reactions.push(Reaction::of(WinOpportunity {
            opportunity_id,
            actual_value: Some(accepted.actual_value),
            close_date: Some(accepted.accepted_on),
            via_quote: Some(quote),
            quotes: Vec::new(),
        }));
    }
    reactions
}

#[cfg(test)]
#[path = "quote_acceptance_tests.rs"]
mod tests;
