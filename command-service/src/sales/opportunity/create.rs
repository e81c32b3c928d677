//! A deal comes into sight.

use events::{
    ids::{CommandId, ContactId, CustomerRef, OpportunityId, Principal, StreamName},
    money::{Currency, Money, Percent},
    personal::Clear,
    sales::{OpportunityCreated, OpportunityEvent, Rating},
    values::{Day, Line, Prose},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Opportunity;
use crate::{
    access::owner,
    aggregate::{Decide, Facts, States},
    refusal::Refusal,
    sales::shared::{active_contact, active_customer, check_amount, default_currency, streams_of},
};

/// Creates an opportunity: Open, In Progress.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateOpportunity {
    /// The id of the new record; made from the command's id where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opportunity_id: Option<OpportunityId>,
    /// What it is about.
    pub topic: Clear<Line<300>>,
    /// Who would buy, once that is known. Must be active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerRef>,
    /// The person to talk to. Must be active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactId>,
    /// The product it is about, as the organisation calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<Line<100>>,
    /// The currency of its amounts. By default the estimate's, else the customer's, else the
    /// organisation's. It never changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// What it would bring. Not negative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_value: Option<Money>,
    /// When it would be decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_close_date: Option<Day>,
    /// How likely it is, in per cent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<Percent>,
    /// The stage of the pipeline; `Qualify` where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Line<100>>,
    /// How warm it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<Rating>,
    /// Anything else worth knowing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Clear<Prose>>,
    /// Whose opportunity it is; by default the calling user's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Principal>,
}

impl Decide for CreateOpportunity {
    const NAME: &'static str = "CreateOpportunity";
    const MAKES_KEY: bool = true;
    type Aggregate = Opportunity;

    fn record(&self, command_id: CommandId) -> Uuid {
        self.opportunity_id.map_or_else(|| command_id.record(), |id| id.0)
    }

    fn needs(&self, _: &Opportunity, _: &States) -> Vec<StreamName> {
        streams_of(self.customer, self.contact, self.owner)
    }

    fn decide(
        &self,
        own: &Opportunity,
        facts: &Facts<'_>,
    ) -> Result<Vec<OpportunityEvent>, Refusal> {
        if own.created().is_some() {
            return Err(Refusal::Exists);
        }
        let owner = owner(self.owner, facts)?;
        let customer = self.customer.map(|it| active_customer(facts.states, it)).transpose()?;
        if let Some(contact) = self.contact {
            active_contact(facts.states, contact)?;
        }
        let currency = match self.currency.or(self.estimated_value.map(Money::currency)) {
            Some(currency) => currency,
            None => default_currency(customer.as_ref(), facts)?,
        };
        if let Some(estimate) = self.estimated_value {
            check_amount(estimate, currency)?;
        }
        // What is written about a deal with a person is forgotten together with the person.
        let key = customer.and_then(|it| it.person).map_or_else(|| facts.key(), Ok)?;
        let first_stage = || Line::new("Qualify").map_err(|_| Refusal::Internal);
        Ok(vec![
            OpportunityCreated {
                key,
                topic: self.topic.clone().into(),
                customer: self.customer,
                contact: self.contact,
                product: self.product.clone(),
                currency,
                estimated_value: self.estimated_value,
                estimated_close_date: self.estimated_close_date,
                probability: self.probability,
                stage: self.stage.clone().map_or_else(first_stage, Ok)?,
                rating: self.rating,
                description: self.description.clone().map(Into::into),
                owner,
            }
            .into(),
        ])
    }
}

#[cfg(test)]
#[path = "create_tests.rs"]
mod tests;
