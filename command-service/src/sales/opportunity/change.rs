//! What is known of an open deal changes.

use events::{
    ids::{CommandId, ContactId, CustomerRef, OpportunityId, StreamName},
    money::{Money, Percent},
    personal::Clear,
    sales::{
        CloseDateMoved, EstimateChanged, OpportunityDetailsChanged, OpportunityEvent,
        ProbabilityChanged, Rating, StageChanged,
    },
    values::{Change, Day, Line, Prose},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Opportunity;
use crate::{
    aggregate::{Decide, Facts, States},
    body::given,
    refusal::Refusal,
    sales::shared::{active_contact, active_customer, check_amount, streams_of},
};

/// Changes what an open opportunity is about. What is absent stays as it is; `null` clears it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeOpportunityDetails {
    /// The opportunity.
    pub opportunity_id: OpportunityId,
    /// What it is about. Cannot be cleared.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Clear<Line<300>>")]
    pub topic: Option<Clear<Line<300>>>,
    /// Who would buy. Must be active.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub customer: Change<CustomerRef>,
    /// The person to talk to. Must be active.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub contact: Change<ContactId>,
    /// The product it is about, as the organisation calls it.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub product: Change<Line<100>>,
    /// How warm it is.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub rating: Change<Rating>,
    /// Anything else worth knowing.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub description: Change<Clear<Prose>>,
}

fn set<T: Copy>(change: &Change<T>) -> Option<T> {
    match change {
        Change::Set(value) => Some(*value),
        Change::Keep | Change::Clear => None,
    }
}

impl Decide for ChangeOpportunityDetails {
    const NAME: &'static str = "ChangeOpportunityDetails";
    type Aggregate = Opportunity;

    fn record(&self, _: CommandId) -> Uuid {
        self.opportunity_id.0
    }

    fn needs(&self, _: &Opportunity, _: &States) -> Vec<StreamName> {
        streams_of(set(&self.customer), set(&self.contact), None)
    }

    fn decide(
        &self,
        own: &Opportunity,
        facts: &Facts<'_>,
    ) -> Result<Vec<OpportunityEvent>, Refusal> {
        let state = own.open()?;
        let changes = OpportunityDetailsChanged {
            topic: self.topic.clone().map(Into::into),
            customer: self.customer.against(state.customer.as_ref()),
            contact: self.contact.against(state.contact.as_ref()),
            product: self.product.clone().against(state.product.as_ref()),
            rating: self.rating.against(state.rating.as_ref()),
            description: self.description.clone().map(Into::into),
        };
        if let Change::Set(customer) = changes.customer {
            active_customer(facts.states, customer)?;
        }
        if let Change::Set(contact) = changes.contact {
            active_contact(facts.states, contact)?;
        }
        if changes == OpportunityDetailsChanged::default() {
            return Ok(Vec::new());
        }
        Ok(vec![changes.into()])
    }
}

/// Moves an open opportunity to another stage of the pipeline.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeOpportunityStage {
    /// The opportunity.
    pub opportunity_id: OpportunityId,
    /// The stage from now on.
    pub stage: Line<100>,
}

impl Decide for ChangeOpportunityStage {
    const NAME: &'static str = "ChangeOpportunityStage";
    type Aggregate = Opportunity;

    fn record(&self, _: CommandId) -> Uuid {
        self.opportunity_id.0
    }

    fn decide(&self, own: &Opportunity, _: &Facts<'_>) -> Result<Vec<OpportunityEvent>, Refusal> {
        let state = own.open()?;
        if state.stage == self.stage {
            return Ok(Vec::new());
        }
        Ok(vec![StageChanged { from: state.stage.clone(), to: self.stage.clone() }.into()])
    }
}

/// Says how likely an open opportunity is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("required" = ["opportunity_id", "probability"]))]
pub struct ChangeOpportunityProbability {
    /// The opportunity.
    pub opportunity_id: OpportunityId,
    /// How likely it is, in per cent; `null` when nobody dares to say.
    #[serde(deserialize_with = "Option::deserialize")]
    pub probability: Option<Percent>,
}

impl Decide for ChangeOpportunityProbability {
    const NAME: &'static str = "ChangeOpportunityProbability";
    type Aggregate = Opportunity;

    fn record(&self, _: CommandId) -> Uuid {
        self.opportunity_id.0
    }

    fn decide(&self, own: &Opportunity, _: &Facts<'_>) -> Result<Vec<OpportunityEvent>, Refusal> {
        if own.open()?.probability == self.probability {
            return Ok(Vec::new());
        }
        Ok(vec![ProbabilityChanged { probability: self.probability }.into()])
    }
}

/// Says what an open opportunity would bring.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("required" = ["opportunity_id", "estimated_value"]))]
pub struct ChangeOpportunityEstimate {
    /// The opportunity.
    pub opportunity_id: OpportunityId,
    /// What it would bring, in its currency; `null` when nobody can say.
    #[serde(deserialize_with = "Option::deserialize")]
    pub estimated_value: Option<Money>,
}

impl Decide for ChangeOpportunityEstimate {
    const NAME: &'static str = "ChangeOpportunityEstimate";
    type Aggregate = Opportunity;

    fn record(&self, _: CommandId) -> Uuid {
        self.opportunity_id.0
    }

    fn decide(&self, own: &Opportunity, _: &Facts<'_>) -> Result<Vec<OpportunityEvent>, Refusal> {
        let state = own.open()?;
        if let Some(estimate) = self.estimated_value {
            check_amount(estimate, state.currency)?;
        }
        if state.estimated_value == self.estimated_value {
            return Ok(Vec::new());
        }
        Ok(vec![EstimateChanged { estimated_value: self.estimated_value }.into()])
    }
}

/// Moves the day on which an open opportunity would be decided.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("required" = ["opportunity_id", "estimated_close_date"]))]
pub struct MoveCloseDate {
    /// The opportunity.
    pub opportunity_id: OpportunityId,
    /// When it would be decided; `null` when nobody can say.
    #[serde(deserialize_with = "Option::deserialize")]
    pub estimated_close_date: Option<Day>,
}

impl Decide for MoveCloseDate {
    const NAME: &'static str = "MoveCloseDate";
    type Aggregate = Opportunity;

    fn record(&self, _: CommandId) -> Uuid {
        self.opportunity_id.0
    }

    fn decide(&self, own: &Opportunity, _: &Facts<'_>) -> Result<Vec<OpportunityEvent>, Refusal> {
        let from = own.open()?.estimated_close_date;
        let to = self.estimated_close_date;
        if from == to {
            return Ok(Vec::new());
        }
        Ok(vec![CloseDateMoved { from, to }.into()])
    }
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
