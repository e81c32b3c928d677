//! An accepted quote becomes an order, and wins its opportunity if that was asked for (rule X8).

use events::{
    CrmEvent,
    ids::{QuoteId, StreamName},
    sales::{CloseOpportunity, QuoteAccepted, QuoteEvent},
};

use super::Reaction;
use crate::sales::{PlaceOrder, WinOpportunity};

const fn accepted(event: &CrmEvent) -> Option<&QuoteAccepted> {
    if let CrmEvent::Quote(QuoteEvent::Accepted(accepted)) = event { Some(accepted) } else { None }
}

pub(super) fn place_order(event: &CrmEvent, stream: StreamName) -> Option<Reaction> {
    let revision = accepted(event)?.revision;
    Some(Reaction::of(PlaceOrder { quote: QuoteId(stream.id), revision }))
}

pub(super) fn win_opportunity(event: &CrmEvent, stream: StreamName) -> Option<Reaction> {
    let accepted = accepted(event)?;
    if accepted.close_opportunity != CloseOpportunity::Won {
        return None;
    }
    Some(Reaction::of(WinOpportunity {
        opportunity_id: accepted.opportunity?,
        actual_value: Some(accepted.actual_value),
        close_date: Some(accepted.accepted_on),
        via_quote: Some(QuoteId(stream.id)),
        quotes: Vec::new(),
    }))
}

#[cfg(test)]
#[path = "quote_acceptance_tests.rs"]
mod tests;
