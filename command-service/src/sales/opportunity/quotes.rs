//! Which quotes of an opportunity are before the customer, as the opportunity itself knows it.

use std::collections::BTreeSet;

use events::{
    ids::{Category, CommandId, OpportunityId, QuoteId, StreamName},
    sales::{
        OpportunityEvent, OpportunityQuoteOffered, OpportunityQuoteWithdrawn, OpportunityReopened,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Opportunity, OpportunityState, OpportunityStatus};
use crate::{
    aggregate::{Decide, Facts, States},
    refusal::Refusal,
    sales::QuoteState,
};

/// Notes on an opportunity how one of its quotes stands now. Sent by the product itself after each
/// change of the quote.
///
/// A decided opportunity takes note too, since it may be opened again. One that was lost in the very
/// moment in which the quote was accepted is opened again by it.
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

impl OpportunityState {
    /// Its quotes that are, or were, before the customer.
    pub(super) fn known_quotes(&self) -> impl Iterator<Item = QuoteId> + '_ {
        self.quotes.keys().chain(&self.past_quotes).copied()
    }

    /// Of its quotes, and these, the customer has accepted none.
    ///
    /// # Errors
    /// When there are any: they are ordered.
    pub(super) fn no_accepted_quotes(
        &self,
        others: &[QuoteId],
        states: &States,
    ) -> Result<(), Refusal> {
        let is_accepted = |id: &QuoteId| {
            states.quote(*id).and_then(|it| it.started()).is_some_and(QuoteState::is_accepted)
        };
        let all = self.known_quotes().chain(others.iter().copied());
        let quotes: BTreeSet<QuoteId> = all.filter(is_accepted).collect();
        if quotes.is_empty() {
            return Ok(());
        }
        Err(Refusal::OpportunityOrdered { quotes: quotes.into_iter().collect() })
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
        let its_state = quote_of(self.opportunity_id, quote, facts.states)?;
        let noted = state.quotes.get(&quote).copied();
        let accepted = its_state.is_accepted() && !state.past_quotes.contains(&quote);
        let mut events: Vec<OpportunityEvent> = match (noted, its_state.active_revision()) {
            (noted, Some(revision)) if noted != Some(revision) => {
                vec![OpportunityQuoteOffered { quote, revision }.into()]
            }
            (Some(revision), None) => vec![OpportunityQuoteWithdrawn { quote, revision }.into()],
            // Accepted before it was noted: what is ordered is not lost, so it has to be known.
            (None, None) if accepted => {
                let revision = its_state.revision;
                vec![OpportunityQuoteWithdrawn { quote, revision }.into()]
            }
            (Some(_) | None, _) => Vec::new(),
        };
        // Both were decided in one moment, and what is ordered is not lost.
        if accepted && matches!(state.status, OpportunityStatus::Lost(_)) {
            events.push(OpportunityReopened {}.into());
        }
        Ok(events)
    }
}

#[cfg(test)]
#[path = "quotes_tests.rs"]
mod tests;
