//! What moves the revenue of a sales chain: the few facts that are kept of each of its events.

use events::{
    codec::CrmEvent,
    ids::{ContactId, CustomerRef, Principal, RecordRef},
    money::{Currency, Money, Percent},
    sales::{
        OpportunityCreated, OpportunityEvent, OrderEvent, OrderPlaced, QuoteEvent, QuoteStarted,
    },
    values::{Change, Day, Line},
};
use serde::{Deserialize, Serialize};

use crate::projector::Fact;

/// One fact of a chain, with both its times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ChainFact {
    /// The opportunity, quote or order it is about.
    pub(super) document: RecordRef,
    /// Where in the log.
    pub(super) position: u64,
    /// Business time, in microseconds.
    pub(super) effective_at: i64,
    /// The business day, as a number.
    pub(super) day: i64,
    /// What happened.
    pub(super) moved: Moved,
}

impl ChainFact {
    /// What an event says of its chain's revenue; none when it says nothing of it.
    pub(super) fn of(fact: &Fact<'_>) -> Option<Self> {
        let moved = Moved::of(fact.event()).or_else(|| {
            // What is not dated is recorded after its document began.
            let may_begin = matches!(fact.event(), CrmEvent::Opportunity(_))
                && fact.recorded.event.effective_at.is_some();
            may_begin.then_some(Moved::Touched)
        });
        Some(Self {
            document: fact.recorded.stream.into(),
            position: fact.position().0,
            effective_at: fact.effective_at().micros(),
            day: fact.effective_day().number(),
            moved: moved?,
        })
    }

    /// Whether it is the beginning of its document.
    pub(super) const fn begins(&self) -> bool {
        matches!(self.moved, Moved::Opened(_) | Moved::Offered(_) | Moved::Ordered(_))
    }
}

/// A deal in the making.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Deal {
    pub(super) customer: Option<CustomerRef>,
    pub(super) contact: Option<ContactId>,
    pub(super) owner: Principal,
    pub(super) product: Option<Line<100>>,
    pub(super) currency: Currency,
    pub(super) stage: Line<100>,
    pub(super) estimate: Option<Money>,
    pub(super) probability: Option<Percent>,
    pub(super) close: Option<Day>,
}

/// A quote, as far as revenue goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Offer {
    pub(super) customer: CustomerRef,
    pub(super) contact: Option<ContactId>,
    pub(super) owner: Principal,
}

/// An order, as far as revenue goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Booking {
    pub(super) customer: CustomerRef,
    pub(super) contact: Option<ContactId>,
    pub(super) owner: Principal,
    pub(super) total: Money,
    pub(super) ordered_on: Day,
}

/// What happened to one document of the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Moved {
    /// The opportunity was created.
    Opened(Deal),
    /// It got another customer, contact or product.
    Parties {
        #[serde(default, skip_serializing_if = "Change::is_keep")]
        customer: Change<CustomerRef>,
        #[serde(default, skip_serializing_if = "Change::is_keep")]
        contact: Change<ContactId>,
        #[serde(default, skip_serializing_if = "Change::is_keep")]
        product: Change<Line<100>>,
    },
    /// It moved to another stage.
    Stage(Line<100>),
    /// It became more or less likely.
    Probability(Option<Percent>),
    /// Its estimate changed.
    Estimate(Option<Money>),
    /// Its estimated close date moved.
    Close(Option<Day>),
    /// It was won.
    Won { actual: Money, on: Day },
    /// It was lost.
    Lost { on: Day },
    /// It was opened again.
    Reopened,
    /// The quote was started.
    Offered(Offer),
    /// A revision of it is before the customer, at this total.
    Active(Money),
    /// None of its revisions is before the customer any more.
    Withdrawn,
    /// The order was placed.
    Ordered(Booking),
    /// The document got another owner.
    Owner(Principal),
    /// Something else happened to the opportunity, maybe before it was said to begin.
    Touched,
}

impl Moved {
    pub(super) fn of(event: &CrmEvent) -> Option<Self> {
        match event {
            CrmEvent::Opportunity(event) => Self::of_opportunity(event),
            CrmEvent::Quote(event) => Self::of_quote(event),
            CrmEvent::Order(OrderEvent::Placed(placed)) => Some(Self::Ordered(placed.into())),
            CrmEvent::Order(OrderEvent::OwnerAssigned(assigned)) => Some(Self::Owner(assigned.to)),
            CrmEvent::Account(_)
            | CrmEvent::Contact(_)
            | CrmEvent::ConnectionRole(_)
            | CrmEvent::Connection(_)
            | CrmEvent::Note(_)
            | CrmEvent::User(_)
            | CrmEvent::Token(_)
            | CrmEvent::Organization(_)
            | CrmEvent::Numbering(_)
            | CrmEvent::Administration(_) => None,
        }
    }

    fn of_opportunity(event: &OpportunityEvent) -> Option<Self> {
        Some(match event {
            OpportunityEvent::Created(created) => Self::Opened(created.into()),
            OpportunityEvent::DetailsChanged(changed) => {
                let unmoved = changed.customer.is_keep()
                    && changed.contact.is_keep()
                    && changed.product.is_keep();
                if unmoved {
                    return None;
                }
                Self::Parties {
                    customer: changed.customer,
                    contact: changed.contact,
                    product: changed.product.clone(),
                }
            }
            OpportunityEvent::StageChanged(changed) => Self::Stage(changed.to.clone()),
            OpportunityEvent::ProbabilityChanged(changed) => Self::Probability(changed.probability),
            OpportunityEvent::EstimateChanged(changed) => Self::Estimate(changed.estimated_value),
            OpportunityEvent::CloseDateMoved(moved) => Self::Close(moved.to),
            OpportunityEvent::Won(won) => {
                Self::Won { actual: won.actual_value, on: won.close_date }
            }
            OpportunityEvent::Lost(lost) => Self::Lost { on: lost.close_date },
            OpportunityEvent::Reopened(_) => Self::Reopened,
            OpportunityEvent::OwnerAssigned(assigned) => Self::Owner(assigned.to),
            // The quote's own events say it already.
            OpportunityEvent::QuoteOffered(_) | OpportunityEvent::QuoteWithdrawn(_) => {
                return None;
            }
        })
    }

    fn of_quote(event: &QuoteEvent) -> Option<Self> {
        match event {
            QuoteEvent::Started(started) => Some(Self::Offered(started.into())),
            QuoteEvent::Activated(activated) => Some(Self::Active(activated.totals.total)),
            // It stays what the chain is worth until its order takes its place.
            QuoteEvent::Accepted(accepted) => Some(Self::Active(accepted.totals.total)),
            QuoteEvent::Revised(_) | QuoteEvent::Closed(_) => Some(Self::Withdrawn),
            QuoteEvent::OwnerAssigned(assigned) => Some(Self::Owner(assigned.to)),
            // Drafts count as the opportunity: what is written in them moves nothing.
            QuoteEvent::LineAdded(_)
            | QuoteEvent::LineChanged(_)
            | QuoteEvent::LineRemoved(_)
            | QuoteEvent::DiscountSet(_)
            | QuoteEvent::FreightSet(_)
            | QuoteEvent::TaxSet(_)
            | QuoteEvent::ValiditySet(_)
            | QuoteEvent::DraftDiscarded(_) => None,
        }
    }
}

impl From<&OpportunityCreated> for Deal {
    fn from(created: &OpportunityCreated) -> Self {
        Self {
            customer: created.customer,
            contact: created.contact,
            owner: created.owner,
            product: created.product.clone(),
            currency: created.currency,
            stage: created.stage.clone(),
            estimate: created.estimated_value,
            probability: created.probability,
            close: created.estimated_close_date,
        }
    }
}

impl From<&QuoteStarted> for Offer {
    fn from(started: &QuoteStarted) -> Self {
        Self { customer: started.customer, contact: started.contact, owner: started.owner }
    }
}

impl From<&OrderPlaced> for Booking {
    fn from(placed: &OrderPlaced) -> Self {
        Self {
            customer: placed.customer,
            contact: placed.contact,
            owner: placed.owner,
            total: placed.totals.total,
            ordered_on: placed.ordered_on,
        }
    }
}
