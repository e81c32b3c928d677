//! Which quotes of an opportunity are before the customer, as the opportunity itself knows it.

use events::{
    ids::{Category, CommandId, OpportunityId, QuoteId, StreamName},
    sales::{OpportunityEvent, OpportunityQuoteOffered, OpportunityQuoteWithdrawn},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Opportunity, OpportunityState};
use crate::{
    aggregate::{Decide, Facts, States},
    refusal::Refusal,
    sales::QuoteState,
};

/// Notes on an opportunity how one of its quotes stands now. Sent by the product itself after each
/// change of the quote; a decided opportunity takes note too, since it may be opened again.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteQuote {
    /// The opportunity.
    pub opportunity_id: OpportunityId,
    /// One of its quotes.
    pub quote: QuoteId,
}

/// The quote, which must have been made for that opportunity.
pub(super) fn quote_of(
    opportunity: OpportunityId,
    quote: QuoteId,
    states: &States,
) -> Result<&QuoteState, Refusal> {
    let state = states.quote(quote).and_then(|it| it.started());
    state
        .filter(|it| it.opportunity == Some(opportunity))
        .ok_or(Refusal::not_found(Category::Quote))
}

impl OpportunityState {
    /// The quotes that the customer has, `but` those. A quote that was noted is asked itself, so
    /// that one that was closed a moment ago stands in nobody's way.
    ///
    /// # Errors
    /// When there are any.
    pub(crate) fn no_active_quotes(&self, but: &[QuoteId], states: &States) -> Result<(), Refusal> {
        let is_active = |id: &QuoteId| {
            let quote = states.quote(*id).and_then(|it| it.started());
            quote.is_some_and(|it| it.active_revision().is_some())
        };
        let others = self.quotes.keys().filter(|id| !but.contains(id));
        let quotes: Vec<QuoteId> = others.copied().filter(is_active).collect();
        if quotes.is_empty() { Ok(()) } else { Err(Refusal::OpportunityActiveQuotes { quotes }) }
    }
}

impl Decide for NoteQuote {
    const NAME: &'static str = "NoteQuote";
    type Aggregate = Opportunity;

    fn record(&self, _: CommandId) -> Uuid {
        self.opportunity_id.0
    }

    fn needs(&self, _: &Opportunity, _: &States) -> Vec<StreamName> {
        vec![self.quote.stream()]
    }

    fn decide(
        &self,
        own: &Opportunity,
        facts: &Facts<'_>,
    ) -> Result<Vec<OpportunityEvent>, Refusal> {
        let state = own.existing()?;
        let quote = self.quote;
        let offered = quote_of(self.opportunity_id, quote, facts.states)?.active_revision();
        let noted = state.quotes.get(&quote).copied();
        Ok(match (noted, offered) {
            (noted, Some(revision)) if noted != Some(revision) => {
                vec![OpportunityQuoteOffered { quote, revision }.into()]
            }
            (Some(revision), None) => vec![OpportunityQuoteWithdrawn { quote, revision }.into()],
            _ => Vec::new(),
        })
    }
}

#[cfg(test)]
#[path = "quotes_tests.rs"]
mod tests;
