//! A deal is decided, or taken up again.

use std::collections::BTreeSet;

use events::{
    ids::{CommandId, OpportunityId, QuoteId, StreamName},
    money::Money,
    sales::{
        LostReason, OpportunityEvent, OpportunityLost, OpportunityQuoteOffered,
        OpportunityReopened, OpportunityWon,
    },
    values::{Day, Line},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Opportunity, OpportunityState, OpportunityStatus, quotes::quote_of};
use crate::{
    aggregate::{Decide, Facts, States},
    refusal::Refusal,
    sales::shared::check_amount,
};

/// Closes an open opportunity as won. Its active quotes must be named; one that becomes active in
/// the very same moment may be overlooked, and stays active.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WinOpportunity {
    /// The opportunity.
    pub opportunity_id: OpportunityId,
    /// Actual revenue. By default the estimate, or nothing where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actual_value: Option<Money>,
    /// The day it was decided, by default today. Not in the future.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close_date: Option<Day>,
    /// The quote of the opportunity whose acceptance won it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via_quote: Option<QuoteId>,
    /// The active quotes of the opportunity that are left behind. Each must be named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotes: Vec<QuoteId>,
}

fn close_date(given: Option<Day>, facts: &Facts<'_>) -> Result<Day, Refusal> {
    let today = facts.today();
    let day = given.unwrap_or(today);
    if day > today { Err(Refusal::CloseDateInFuture) } else { Ok(day) }
}

/// Whether a repeat says what is recorded already; what it leaves out is no contradiction.
fn agrees<T: PartialEq>(given: Option<&T>, recorded: Option<&T>) -> bool {
    given.is_none() || given == recorded
}

impl WinOpportunity {
    fn named_quotes(&self) -> Vec<QuoteId> {
        self.via_quote.into_iter().chain(self.quotes.iter().copied()).collect()
    }

    /// All quotes that are named belong to the opportunity, and all that are active are named.
    fn check_quotes(&self, state: &OpportunityState, states: &States) -> Result<(), Refusal> {
        let named = self.named_quotes();
        for id in &named {
            quote_of(self.opportunity_id, *id, states)?;
        }
        state.no_active_quotes(&named, states)
    }

    fn repeats(&self, won: &OpportunityWon) -> bool {
        agrees(self.actual_value.as_ref(), Some(&won.actual_value))
            && agrees(self.close_date.as_ref(), Some(&won.close_date))
            && agrees(self.via_quote.as_ref(), won.via_quote.as_ref())
    }
}

impl Decide for WinOpportunity {
    const NAME: &'static str = "WinOpportunity";
    type Aggregate = Opportunity;

    fn record(&self, _: CommandId) -> Uuid {
        self.opportunity_id.0
    }

    fn needs(&self, own: &Opportunity, _: &States) -> Vec<StreamName> {
        let noted = own.created().into_iter().flat_map(|state| state.quotes.keys().copied());
        self.named_quotes().into_iter().chain(noted).map(QuoteId::stream).collect()
    }

    fn effective_day(&self) -> Option<Day> {
        self.close_date
    }

    fn decide(
        &self,
        own: &Opportunity,
        facts: &Facts<'_>,
    ) -> Result<Vec<OpportunityEvent>, Refusal> {
        if let OpportunityStatus::Won(won) = &own.existing()?.status
            && self.repeats(won)
        {
            return Ok(Vec::new());
        }
        let state = own.open()?;
        let close_date = close_date(self.close_date, facts)?;
        self.check_quotes(state, facts.states)?;
        let estimate = state.estimated_value.unwrap_or(Money::zero(state.currency));
        let actual_value = self.actual_value.unwrap_or(estimate);
        check_amount(actual_value, state.currency)?;
        Ok(vec![OpportunityWon { actual_value, close_date, via_quote: self.via_quote }.into()])
    }
}

/// Closes an open opportunity as lost. Its active quotes must be named, and are closed with it.
///
/// One that becomes active in the very same moment may be overlooked, and is not accepted as long as
/// the opportunity is lost. What the customer has accepted is not lost.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoseOpportunity {
    /// The opportunity.
    pub opportunity_id: OpportunityId,
    /// Why.
    pub status_reason: LostReason,
    /// The day it was decided, by default today. Not in the future.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close_date: Option<Day>,
    /// Who won it instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub competitor: Option<Line<100>>,
    /// The active quotes of the opportunity. Each must be named, and is closed: as Canceled if the
    /// opportunity is, as Lost otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotes: Vec<QuoteId>,
}

impl LoseOpportunity {
    /// All quotes that are named belong to the opportunity, all that are active are named, and none
    /// was accepted. Answers with the named ones that the opportunity has not taken note of yet.
    fn check_quotes(
        &self,
        state: &OpportunityState,
        states: &States,
    ) -> Result<Vec<OpportunityEvent>, Refusal> {
        let mut unnoted = Vec::new();
        for quote in self.quotes.iter().copied().collect::<BTreeSet<_>>() {
            let offered = quote_of(self.opportunity_id, quote, states)?.active_revision();
            if let Some(revision) = offered.filter(|_| !state.quotes.contains_key(&quote)) {
                unnoted.push(OpportunityQuoteOffered { quote, revision }.into());
            }
        }
        state.no_accepted_quotes(&self.quotes, states)?;
        state.no_active_quotes(&self.quotes, states)?;
        Ok(unnoted)
    }

    fn repeats(&self, lost: &OpportunityLost) -> bool {
        self.status_reason == lost.status_reason
            && agrees(self.close_date.as_ref(), Some(&lost.close_date))
            && agrees(self.competitor.as_ref(), lost.competitor.as_ref())
    }
}

impl Decide for LoseOpportunity {
    const NAME: &'static str = "LoseOpportunity";
    type Aggregate = Opportunity;

    fn record(&self, _: CommandId) -> Uuid {
        self.opportunity_id.0
    }

    fn needs(&self, own: &Opportunity, _: &States) -> Vec<StreamName> {
        let known = own.created().into_iter().flat_map(|state| state.known_quotes());
        self.quotes.iter().copied().chain(known).map(QuoteId::stream).collect()
    }

    fn effective_day(&self) -> Option<Day> {
        self.close_date
    }

    fn decide(
        &self,
        own: &Opportunity,
        facts: &Facts<'_>,
    ) -> Result<Vec<OpportunityEvent>, Refusal> {
        if let OpportunityStatus::Lost(lost) = &own.existing()?.status
            && self.repeats(lost)
        {
            return Ok(Vec::new());
        }
        let state = own.open()?;
        let close_date = close_date(self.close_date, facts)?;
        let mut events = self.check_quotes(state, facts.states)?;
        let lost = OpportunityLost {
            status_reason: self.status_reason,
            close_date,
            competitor: self.competitor.clone(),
        };
        events.push(lost.into());
        Ok(events)
    }
}

/// Opens an opportunity again that was won or lost. Its actual value and close date are gone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReopenOpportunity {
    /// The opportunity.
    pub opportunity_id: OpportunityId,
}

impl Decide for ReopenOpportunity {
    const NAME: &'static str = "ReopenOpportunity";
    type Aggregate = Opportunity;

    fn record(&self, _: CommandId) -> Uuid {
        self.opportunity_id.0
    }

    fn decide(&self, own: &Opportunity, _: &Facts<'_>) -> Result<Vec<OpportunityEvent>, Refusal> {
        match own.existing()?.status {
            OpportunityStatus::Open { reopened: true } => Ok(Vec::new()),
            OpportunityStatus::Open { reopened: false } => Err(Refusal::OpportunityOpen),
            OpportunityStatus::Won(_) | OpportunityStatus::Lost(_) => {
                Ok(vec![OpportunityReopened {}.into()])
            }
        }
    }
}

#[cfg(test)]
#[path = "close_tests.rs"]
mod tests;
