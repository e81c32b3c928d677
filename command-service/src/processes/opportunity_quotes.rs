//! An opportunity knows which of its quotes the customer has (rule X7).

use events::{
    CrmEvent,
    ids::{QuoteId, StreamName},
    sales::QuoteEvent,
};

use super::Reaction;
use crate::{
    aggregate::{AsRecord, Record},
    sales::{NoteQuote, Quote},
};

pub(super) fn react(event: &CrmEvent, own: &Record, stream: StreamName) -> Option<Reaction> {
    let CrmEvent::Quote(
        QuoteEvent::Activated(_)
        | QuoteEvent::Revised(_)
        | QuoteEvent::Accepted(_)
        | QuoteEvent::Closed(_),
    ) = event
    else {
        return None;
    };
    let opportunity_id = Quote::of(own)?.started()?.opportunity?;
    Some(Reaction::of(NoteQuote { opportunity_id, quote: QuoteId(stream.id) }))
}

#[cfg(test)]
#[path = "opportunity_quotes_tests.rs"]
mod tests;
