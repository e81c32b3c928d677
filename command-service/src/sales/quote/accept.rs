//! The customer accepts.

use std::cmp::Ordering;

use events::{
    ids::{Category, CommandId, OpportunityId, QuoteId, StreamName},
    money::Money,
    personal::Clear,
    sales::{CloseOpportunity, QuoteAccepted, QuoteEvent},
    values::Line,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Quote, QuoteState, QuoteStatus};
use crate::{
    aggregate::{Decide, Facts, States},
    refusal::Refusal,
    sales::{
        OpportunityStatus,
        order::order_id,
        shared::{active_customer, check_amount, day_in},
    },
};

/// Accepts the active revision: it is Won, and an order is placed for it. Refused while the
/// opportunity it was made for is lost.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptQuote {
    /// The quote. Its customer must be active.
    pub quote_id: QuoteId,
    /// The revision the customer accepted; refused when another one is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// Who accepted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_by: Option<Clear<Line<160>>>,
    /// The customer's own number for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_reference: Option<Line<100>>,
    /// What happens to the opportunity the quote was made for. It is not won while it has other
    /// active quotes.
    #[serde(default)]
    pub close_opportunity: CloseOpportunity,
    /// The actual value with which the opportunity is won, by default the quote's total.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual_value: Option<Money>,
    /// Accepts it even after the last day on which it could be accepted.
    #[serde(default)]
    pub accept_late: bool,
}

impl AcceptQuote {
    /// Refuses a revision that is not the latest: no other can be active.
    fn check_revision(&self, state: &QuoteState) -> Result<(), Refusal> {
        match self.revision.map(|revision| revision.cmp(&state.revision)) {
            Some(Ordering::Greater) => Err(Refusal::not_found(Category::Quote)),
            // Each revision before the latest was closed when the next was made.
            Some(Ordering::Less) => {
                Err(Refusal::QuoteNotActive { state: "Closed", status_reason: "Revised" })
            }
            Some(Ordering::Equal) | None => Ok(()),
        }
    }

    fn wins(&self) -> bool {
        self.close_opportunity == CloseOpportunity::Won
    }

    /// Refuses an acceptance while the opportunity is lost: nothing is sold of it. Refuses a win that
    /// would be refused as soon as the acceptance asked for it: by then the acceptance stands, and
    /// whoever sent it would never hear of the refusal.
    fn check_deal(&self, state: &QuoteState, states: &States) -> Result<(), Refusal> {
        let deal = state.opportunity.and_then(|id| states.opportunity(id)?.created());
        match deal.map(|deal| (deal, &deal.status)) {
            Some((_, OpportunityStatus::Lost(_))) => Err(Refusal::OpportunityClosed),
            Some((deal, OpportunityStatus::Open { .. })) if self.wins() => {
                deal.no_active_quotes(&[self.quote_id], states)
            }
            Some((_, OpportunityStatus::Open { .. } | OpportunityStatus::Won(_))) | None => Ok(()),
        }
    }

    fn repeats(&self, accepted: &QuoteAccepted) -> bool {
        self.accepted_by.is_none()
            && self.close_opportunity == accepted.close_opportunity
            && self.actual_value.is_none_or(|value| value == accepted.actual_value)
            && (self.customer_reference.is_none()
                || self.customer_reference == accepted.customer_reference)
    }
}

impl Decide for AcceptQuote {
    const NAME: &'static str = "AcceptQuote";
    type Aggregate = Quote;

    fn record(&self, _: CommandId) -> Uuid {
        self.quote_id.0
    }

    fn needs(&self, own: &Quote, states: &States) -> Vec<StreamName> {
        let Some(state) = own.started() else { return Vec::new() };
        let mut needs = vec![state.customer.stream()];
        needs.extend(state.opportunity.map(OpportunityId::stream));
        let winning = state.opportunity.filter(|_| self.wins());
        let deal = winning.and_then(|id| states.opportunity(id)?.created());
        needs.extend(deal.iter().flat_map(|deal| deal.quotes.keys()).map(|id| id.stream()));
        needs
    }

    fn decide(&self, own: &Quote, facts: &Facts<'_>) -> Result<Vec<QuoteEvent>, Refusal> {
        let state = own.existing()?;
        self.check_revision(state)?;
        if let QuoteStatus::Won(accepted) = &state.status
            && self.repeats(accepted)
        {
            return Ok(Vec::new());
        }
        let (state, totals) = own.active()?;
        let accepted_on = day_in(&state.zone, facts.now)?;
        if let Some(valid_until) = state.offer.valid_until
            && accepted_on > valid_until
            && !self.accept_late
        {
            return Err(Refusal::QuoteExpired { valid_until });
        }
        active_customer(facts.states, state.customer)?;
        self.check_deal(state, facts.states)?;
        let actual_value = self.actual_value.unwrap_or(totals.total);
        check_amount(actual_value, state.currency)?;
        Ok(vec![
            QuoteAccepted {
                revision: state.revision,
                order: order_id(self.quote_id, state.revision),
                totals,
                accepted_on,
                accepted_by: self.accepted_by.clone().map(Into::into),
                customer_reference: self.customer_reference.clone(),
                opportunity: state.opportunity,
                close_opportunity: self.close_opportunity,
                actual_value,
            }
            .into(),
        ])
    }
}

#[cfg(test)]
#[path = "accept_tests.rs"]
mod tests;
