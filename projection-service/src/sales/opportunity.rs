//! Opportunities as they were at any moment: one row per state, and the fold that makes it.

use events::{
    codec::CrmEvent,
    ids::{Category, ContactId, CustomerRef, OpportunityId, Principal, QuoteId, RecordRef},
    money::{Currency, Money, Percent},
    sales::{LostReason, OpportunityCreated, OpportunityDetailsChanged, OpportunityEvent, Rating},
    values::{Day, Line, Prose},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    projector::Fact,
    record::serde_name,
    record::{
        Erased, Record, day_value, folded, record, record_projector, reference_values,
        version_value,
    },
    table::{ColumnType, Keeping, Table, Value, column, optional},
};

/// Every state of every opportunity.
pub static OPPORTUNITIES: Table = Table {
    name: "opportunities",
    key: &[column("id", ColumnType::Id)],
    columns: &[
        optional("name", ColumnType::Text),
        optional("name_folded", ColumnType::Text),
        column("state", ColumnType::Text),
        column("status_reason", ColumnType::Text),
        column("stage", ColumnType::Text),
        optional("customer_type", ColumnType::Text),
        optional("customer_id", ColumnType::Id),
        optional("contact_id", ColumnType::Id),
        optional("product", ColumnType::Text),
        column("currency", ColumnType::Text),
        optional("estimated_value", ColumnType::Int),
        optional("actual_value", ColumnType::Int),
        // In units of 0.0001 %.
        optional("probability", ColumnType::Int),
        optional("estimated_close_day", ColumnType::Int),
        optional("close_day", ColumnType::Int),
        optional("rating", ColumnType::Text),
        column("owner_id", ColumnType::Id),
        column("created_at", ColumnType::Int),
        column("changed_at", ColumnType::Int),
        column("version", ColumnType::Int),
        column("document", ColumnType::Text),
    ],
    keeping: Keeping::History,
    indexes: &[
        &["name_folded", "id"],
        &["customer_id"],
        &["contact_id"],
        &["owner_id"],
        &["state", "estimated_close_day", "id"],
    ],
};

/// Dynamics's `statecode` of an opportunity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are Dynamics's own")]
pub enum OpportunityState {
    Open,
    Won,
    Lost,
}

/// Dynamics's `statuscode` of an opportunity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are Dynamics's own")]
pub enum OpportunityStatusReason {
    InProgress,
    Won,
    Canceled,
    OutSold,
}

record! {
    /// An opportunity: a deal in the making.
    OpportunityRecord(OpportunityId) {
        /// What it is about; none once it was erased.
        topic: Option<Line<300>>,
        /// Whether it is decided.
        state: OpportunityState,
        /// Why it is in that state.
        status_reason: OpportunityStatusReason,
        /// Who would buy.
        customer: Option<CustomerRef>,
        /// The person to talk to.
        contact: Option<ContactId>,
        /// The product it is about.
        product: Option<Line<100>>,
        /// The currency of its amounts.
        currency: Currency,
        /// What it would bring.
        estimated_value: Option<Money>,
        /// When it would be decided.
        estimated_close_date: Option<Day>,
        /// How likely it is. Won is 100 and lost is 0 by definition, not by this field.
        probability: Option<Percent>,
        /// The stage of the pipeline.
        stage: Line<100>,
        /// How warm it is.
        rating: Option<Rating>,
        /// Anything else worth knowing.
        description: Option<Prose>,
        /// What it brought, once it was won.
        actual_value: Option<Money>,
        /// The day it was decided.
        close_date: Option<Day>,
        /// The quote whose acceptance won it.
        via_quote: Option<QuoteId>,
        /// Who won it instead.
        competitor: Option<Line<100>>,
        /// Whose opportunity it is.
        owner: Principal,
    }
}

record_projector! {
    /// How does, or did, a deal stand? Answers records, lists and searches as of any position.
    Opportunities, OpportunityRecord, "opportunities"
}

impl OpportunityRecord {
    fn created(id: OpportunityId, created: &OpportunityCreated, fact: &Fact<'_>) -> Self {
        let mut erased = Erased::default();
        let actor = fact.recorded.event.cause.actor;
        Self {
            id,
            topic: erased.open("topic", Some(&created.topic)),
            state: OpportunityState::Open,
            status_reason: OpportunityStatusReason::InProgress,
            customer: created.customer,
            contact: created.contact,
            product: created.product.clone(),
            currency: created.currency,
            estimated_value: created.estimated_value,
            estimated_close_date: created.estimated_close_date,
            probability: created.probability,
            stage: created.stage.clone(),
            rating: created.rating,
            description: erased.open("description", created.description.as_ref()),
            actual_value: None,
            close_date: None,
            via_quote: None,
            competitor: None,
            owner: created.owner,
            version: fact.recorded.version,
            created_at: fact.recorded.recorded_at,
            created_by: actor,
            changed_at: fact.recorded.recorded_at,
            changed_by: actor,
            erased,
        }
    }

    fn change_details(&mut self, changed: &OpportunityDetailsChanged) {
        self.erased.replace("topic", &mut self.topic, changed.topic.as_ref());
        changed.customer.apply_to(&mut self.customer);
        changed.contact.apply_to(&mut self.contact);
        changed.product.apply_to(&mut self.product);
        changed.rating.apply_to(&mut self.rating);
        self.erased.change("description", &mut self.description, &changed.description);
    }

    fn evolve(&mut self, event: &OpportunityEvent) {
        match event {
            // A stream has one creation, and it made this record.
            OpportunityEvent::Created(_) => {}
            OpportunityEvent::DetailsChanged(changed) => self.change_details(changed),
            OpportunityEvent::StageChanged(changed) => self.stage = changed.to.clone(),
            OpportunityEvent::ProbabilityChanged(changed) => self.probability = changed.probability,
            OpportunityEvent::EstimateChanged(changed) => {
                self.estimated_value = changed.estimated_value;
            }
            OpportunityEvent::CloseDateMoved(moved) => self.estimated_close_date = moved.to,
            OpportunityEvent::Won(won) => {
                self.state = OpportunityState::Won;
                self.status_reason = OpportunityStatusReason::Won;
                self.actual_value = Some(won.actual_value);
                self.close_date = Some(won.close_date);
                self.via_quote = won.via_quote;
            }
            OpportunityEvent::Lost(lost) => {
                self.state = OpportunityState::Lost;
                self.status_reason = match lost.status_reason {
                    LostReason::Canceled => OpportunityStatusReason::Canceled,
                    LostReason::OutSold => OpportunityStatusReason::OutSold,
                };
                self.close_date = Some(lost.close_date);
                self.competitor = lost.competitor.clone();
            }
            OpportunityEvent::Reopened(_) => {
                self.state = OpportunityState::Open;
                self.status_reason = OpportunityStatusReason::InProgress;
                self.actual_value = None;
                self.close_date = None;
                self.via_quote = None;
                self.competitor = None;
            }
            OpportunityEvent::OwnerAssigned(assigned) => self.owner = assigned.to,
            // Told by the quotes themselves.
            OpportunityEvent::QuoteOffered(_) | OpportunityEvent::QuoteWithdrawn(_) => {}
        }
    }
}

/// The opportunity after an event of its stream.
#[must_use]
pub fn fold_opportunity(
    before: Option<OpportunityRecord>,
    fact: &Fact<'_>,
) -> Option<OpportunityRecord> {
    let CrmEvent::Opportunity(event) = fact.event() else { return before };
    match (before, event) {
        (None, OpportunityEvent::Created(created)) => {
            let id = OpportunityId(fact.recorded.stream.id);
            Some(OpportunityRecord::created(id, created, fact))
        }
        (None, _) => None,
        // Nobody changed the opportunity: only its version is another one.
        (
            Some(opportunity),
            OpportunityEvent::QuoteOffered(_) | OpportunityEvent::QuoteWithdrawn(_),
        ) => Some(OpportunityRecord { version: fact.recorded.version, ..opportunity }),
        (Some(mut opportunity), event) => {
            opportunity.evolve(event);
            Some(opportunity.stamped(fact))
        }
    }
}

impl Record for OpportunityRecord {
    const CATEGORY: Category = Category::Opportunity;
    const TABLE: &'static Table = &OPPORTUNITIES;

    fn fold(before: Option<Self>, fact: &Fact<'_>) -> Option<Self> {
        fold_opportunity(before, fact)
    }

    fn columns(&self) -> Vec<Value> {
        let [customer_type, customer_id] = reference_values(self.customer);
        vec![
            self.topic.as_ref().map(Line::as_str).into(),
            self.topic.as_ref().map(|topic| folded(topic.as_str())).into(),
            serde_name(&self.state).into(),
            serde_name(&self.status_reason).into(),
            self.stage.as_str().into(),
            customer_type,
            customer_id,
            self.contact.map(|contact| contact.0).into(),
            self.product.as_ref().map(Line::as_str).into(),
            self.currency.code().into(),
            self.estimated_value.map(Money::minor).into(),
            self.actual_value.map(Money::minor).into(),
            self.probability.map(Percent::scaled).into(),
            day_value(self.estimated_close_date),
            day_value(self.close_date),
            self.rating.as_ref().map(serde_name).into(),
            RecordRef::from(self.owner).id.into(),
            self.created_at.micros().into(),
            self.changed_at.micros().into(),
            version_value(self.version),
        ]
    }
}

#[cfg(test)]
#[path = "opportunity_tests.rs"]
mod tests;
