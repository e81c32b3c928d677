//! An opportunity, as decisions need it.

mod create;
mod change;
mod close;
mod quotes;

pub use change::{
    ChangeOpportunityDetails, ChangeOpportunityEstimate, ChangeOpportunityProbability,
    ChangeOpportunityStage, MoveCloseDate,
};
pub use close::{LoseOpportunity, ReopenOpportunity, WinOpportunity};
pub use create::CreateOpportunity;
pub use quotes::NoteQuote;

use std::collections::{BTreeMap, BTreeSet};

use events::{
    ids::{Category, ContactId, CustomerRef, KeyId, Principal, QuoteId},
    money::{Currency, Money, Percent},
    personal::Personal,
    sales::{
        OpportunityCreated, OpportunityDetailsChanged, OpportunityEvent, OpportunityLost,
        OpportunityWon, Rating,
    },
    values::{Day, Line},
};

use crate::{aggregate::Aggregate, refusal::Refusal};

/// An opportunity: unborn until it was created.
#[derive(Clone, Debug, Default)]
pub enum Opportunity {
    /// Nothing has happened yet.
    #[default]
    Unborn,
    /// It was created.
    Created(Box<OpportunityState>),
}

/// What is true of a created opportunity.
#[derive(Clone, Debug)]
pub struct OpportunityState {
    /// The key of its sealed fields.
    pub key: KeyId,
    /// How the deal stands.
    pub status: OpportunityStatus,
    /// What it is about, sealed.
    pub topic: Personal<Line<300>>,
    /// Who would buy.
    pub customer: Option<CustomerRef>,
    /// The person to talk to.
    pub contact: Option<ContactId>,
    /// The product it is about.
    pub product: Option<Line<100>>,
    /// The currency of its amounts.
    pub currency: Currency,
    /// What it would bring.
    pub estimated_value: Option<Money>,
    /// When it would be decided.
    pub estimated_close_date: Option<Day>,
    /// How likely it is.
    pub probability: Option<Percent>,
    /// The stage of the pipeline.
    pub stage: Line<100>,
    /// How warm it is.
    pub rating: Option<Rating>,
    /// Whose opportunity it is.
    pub owner: Principal,
    /// Its quotes that are before the customer, each with the revision the customer has. What
    /// happened to a quote a moment ago may not be noted here yet.
    pub quotes: BTreeMap<QuoteId, u32>,
    /// Its quotes that were before the customer and are so no more: revised, accepted or closed.
    pub past_quotes: BTreeSet<QuoteId>,
}

/// How a deal stands.
#[derive(Clone, Debug, PartialEq)]
pub enum OpportunityStatus {
    /// Nothing is decided.
    Open {
        /// Whether it had been decided before.
        reopened: bool,
    },
    /// It was won.
    Won(OpportunityWon),
    /// It was lost.
    Lost(OpportunityLost),
}

impl Opportunity {
    /// The state of an opportunity that was created.
    #[must_use]
    pub fn created(&self) -> Option<&OpportunityState> {
        match self {
            Self::Unborn => None,
            Self::Created(state) => Some(state),
        }
    }

    fn existing(&self) -> Result<&OpportunityState, Refusal> {
        self.created().ok_or(Refusal::not_found(Category::Opportunity))
    }

    /// The state of an opportunity that can be edited.
    ///
    /// # Errors
    /// When it is not there, or decided.
    pub fn open(&self) -> Result<&OpportunityState, Refusal> {
        let state = self.existing()?;
        match state.status {
            OpportunityStatus::Open { .. } => Ok(state),
            OpportunityStatus::Won(_) | OpportunityStatus::Lost(_) => {
                Err(Refusal::OpportunityClosed)
            }
        }
    }
}

impl Aggregate for Opportunity {
    type Event = OpportunityEvent;

    fn evolve(&mut self, event: &OpportunityEvent) {
        match (&mut *self, event) {
            (Self::Unborn, OpportunityEvent::Created(created)) => {
                *self = Self::Created(Box::new(OpportunityState::new(created)));
            }
            (Self::Unborn, _) => {}
            (Self::Created(state), event) => state.evolve(event),
        }
    }

    fn key(&self) -> Option<KeyId> {
        self.created().map(|state| state.key)
    }
}

impl OpportunityState {
    fn new(created: &OpportunityCreated) -> Self {
        Self {
            key: created.key,
            status: OpportunityStatus::Open { reopened: false },
            topic: created.topic.clone(),
            customer: created.customer,
            contact: created.contact,
            product: created.product.clone(),
            currency: created.currency,
            estimated_value: created.estimated_value,
            estimated_close_date: created.estimated_close_date,
            probability: created.probability,
            stage: created.stage.clone(),
            rating: created.rating,
            owner: created.owner,
            quotes: BTreeMap::new(),
            past_quotes: BTreeSet::new(),
        }
    }

    fn evolve(&mut self, event: &OpportunityEvent) {
        match event {
            OpportunityEvent::Created(_) => {}
            OpportunityEvent::DetailsChanged(changes) => self.apply(changes),
            OpportunityEvent::StageChanged(changed) => self.stage = changed.to.clone(),
            OpportunityEvent::ProbabilityChanged(changed) => self.probability = changed.probability,
            OpportunityEvent::EstimateChanged(changed) => {
                self.estimated_value = changed.estimated_value;
            }
            OpportunityEvent::CloseDateMoved(moved) => self.estimated_close_date = moved.to,
            OpportunityEvent::Won(won) => self.status = OpportunityStatus::Won(won.clone()),
            OpportunityEvent::Lost(lost) => self.status = OpportunityStatus::Lost(lost.clone()),
            OpportunityEvent::Reopened(_) => {
                self.status = OpportunityStatus::Open { reopened: true };
            }
            OpportunityEvent::OwnerAssigned(assigned) => self.owner = assigned.to,
            OpportunityEvent::QuoteOffered(offered) => {
                self.quotes.insert(offered.quote, offered.revision);
                self.past_quotes.remove(&offered.quote);
            }
            OpportunityEvent::QuoteWithdrawn(withdrawn) => {
                self.quotes.remove(&withdrawn.quote);
                self.past_quotes.insert(withdrawn.quote);
            }
        }
    }

    fn apply(&mut self, changes: &OpportunityDetailsChanged) {
        if let Some(topic) = &changes.topic {
            self.topic = topic.clone();
        }
        changes.customer.apply_to(&mut self.customer);
        changes.contact.apply_to(&mut self.contact);
        changes.product.apply_to(&mut self.product);
        changes.rating.apply_to(&mut self.rating);
    }
}
