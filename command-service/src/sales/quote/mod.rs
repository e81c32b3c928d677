//! A quote, as decisions need it: all revisions under one number.

mod start;
mod lines;
mod pricing;
mod life;
mod accept;

pub use accept::AcceptQuote;
pub use life::{ActivateQuote, CloseQuote, DiscardQuoteDraft, ReviseQuote};
pub use lines::{AddQuoteLine, ChangeQuoteLine, MAX_LINES, RemoveQuoteLine};
pub use pricing::{SetQuoteDiscount, SetQuoteFreight, SetQuoteTax, SetQuoteValidity};
pub use start::StartQuote;

use std::collections::BTreeSet;

use events::{
    customers::Address,
    ids::{Category, ContactId, CustomerRef, KeyId, OpportunityId, Principal},
    money::Currency,
    personal::Personal,
    sales::{
        DocumentLine, DocumentTerms, Pricing, QuoteAccepted, QuoteCloseReason, QuoteEvent,
        QuoteStarted, Totals,
    },
    values::{Day, Line, Zone},
};
use uuid::Uuid;

use crate::{aggregate::Aggregate, refusal::Refusal};

/// A quote: unborn until it was started.
#[derive(Clone, Debug, Default)]
pub enum Quote {
    /// Nothing has happened yet.
    #[default]
    Unborn,
    /// It was started.
    Started(Box<QuoteState>),
}

/// What is true of a started quote.
///
/// Only the latest revision can be open: every one before it was closed as Revised when the next
/// was made, so nothing else is kept of those.
#[derive(Clone, Debug)]
pub struct QuoteState {
    /// The key of its sealed fields.
    pub key: KeyId,
    /// The number, the same for all revisions.
    pub number: Line<20>,
    /// What it is about, sealed.
    pub name: Option<Personal<Line<300>>>,
    /// Who would buy.
    pub customer: CustomerRef,
    /// The person to talk to.
    pub contact: Option<ContactId>,
    /// The opportunity it was made for.
    pub opportunity: Option<OpportunityId>,
    /// The currency of all its amounts.
    pub currency: Currency,
    /// The terms.
    pub terms: DocumentTerms,
    /// Where the invoice would go, sealed.
    pub bill_to: Option<Personal<Address>>,
    /// Where the goods would go, sealed.
    pub ship_to: Option<Personal<Address>>,
    /// The zone in which its days end.
    pub zone: Zone,
    /// Whose quote it is.
    pub owner: Principal,
    /// The number of the latest revision, from 0.
    pub revision: u32,
    /// What the latest revision offers.
    pub offer: Offer,
    /// How the latest revision stands.
    pub status: QuoteStatus,
}

/// What a revision offers.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    /// The lines.
    pub lines: Vec<DocumentLine>,
    /// The lines that were taken off, so that doing so again is a repeat and no mistake.
    pub removed: BTreeSet<Uuid>,
    /// What is taken off or comes on top.
    pub pricing: Pricing,
    /// The last day on which it can be accepted.
    pub valid_until: Option<Day>,
}

/// How a revision stands.
#[derive(Clone, Debug, PartialEq)]
pub enum QuoteStatus {
    /// It is being written.
    Draft,
    /// The customer has it.
    Active(Totals),
    /// The customer accepted it.
    Won(Box<QuoteAccepted>),
    /// It was closed without a sale.
    Closed(QuoteCloseReason),
    /// The draft was thrown away.
    Discarded,
}

impl QuoteStatus {
    /// Dynamics's names of the state and of the status reason.
    #[must_use]
    pub const fn names(&self) -> (&'static str, &'static str) {
        match self {
            Self::Draft => ("Draft", "InProgress"),
            Self::Active(_) => ("Active", "Open"),
            Self::Won(_) => ("Won", "Won"),
            Self::Closed(QuoteCloseReason::Lost) => ("Closed", "Lost"),
            Self::Closed(QuoteCloseReason::Canceled) => ("Closed", "Canceled"),
            Self::Discarded => ("Closed", "Discarded"),
        }
    }

    /// The refusal of what only a draft allows.
    #[must_use]
    pub const fn not_draft(&self) -> Refusal {
        let (state, status_reason) = self.names();
        Refusal::QuoteNotDraft { state, status_reason }
    }

    /// The refusal of what only an active revision allows.
    #[must_use]
    pub const fn not_active(&self) -> Refusal {
        let (state, status_reason) = self.names();
        Refusal::QuoteNotActive { state, status_reason }
    }
}

impl Quote {
    /// The state of a quote that was started.
    #[must_use]
    pub fn started(&self) -> Option<&QuoteState> {
        match self {
            Self::Unborn => None,
            Self::Started(state) => Some(state),
        }
    }

    fn existing(&self) -> Result<&QuoteState, Refusal> {
        self.started().ok_or(Refusal::not_found(Category::Quote))
    }

    /// The state, while the latest revision can be edited.
    fn draft(&self) -> Result<&QuoteState, Refusal> {
        let state = self.existing()?;
        match state.status {
            QuoteStatus::Draft => Ok(state),
            QuoteStatus::Active(_)
            | QuoteStatus::Won(_)
            | QuoteStatus::Closed(_)
            | QuoteStatus::Discarded => Err(state.status.not_draft()),
        }
    }

    /// The state and the totals, while the customer has the latest revision.
    fn active(&self) -> Result<(&QuoteState, Totals), Refusal> {
        let state = self.existing()?;
        match state.status {
            QuoteStatus::Active(totals) => Ok((state, totals)),
            QuoteStatus::Draft
            | QuoteStatus::Won(_)
            | QuoteStatus::Closed(_)
            | QuoteStatus::Discarded => Err(state.status.not_active()),
        }
    }
}

impl Aggregate for Quote {
    type Event = QuoteEvent;

    fn evolve(&mut self, event: &QuoteEvent) {
        match (&mut *self, event) {
            (Self::Unborn, QuoteEvent::Started(started)) => {
                *self = Self::Started(Box::new(QuoteState::new(started)));
            }
            (Self::Unborn, _) => {}
            (Self::Started(state), event) => state.evolve(event),
        }
    }

    fn key(&self) -> Option<KeyId> {
        self.started().map(|state| state.key)
    }
}

impl QuoteState {
    fn new(started: &QuoteStarted) -> Self {
        Self {
            key: started.key,
            number: started.number.clone(),
            name: started.name.clone(),
            customer: started.customer,
            contact: started.contact,
            opportunity: started.opportunity,
            currency: started.currency,
            terms: started.terms.clone(),
            bill_to: started.bill_to.clone(),
            ship_to: started.ship_to.clone(),
            zone: started.zone.clone(),
            owner: started.owner,
            revision: 0,
            offer: Offer { valid_until: started.valid_until, ..Offer::default() },
            status: QuoteStatus::Draft,
        }
    }

    /// The revision the customer has, if there is one.
    #[must_use]
    pub const fn active_revision(&self) -> Option<u32> {
        match self.status {
            QuoteStatus::Active(_) => Some(self.revision),
            QuoteStatus::Draft
            | QuoteStatus::Won(_)
            | QuoteStatus::Closed(_)
            | QuoteStatus::Discarded => None,
        }
    }

    /// Whether the customer accepted it.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        matches!(self.status, QuoteStatus::Won(_))
    }

    /// The line of that id.
    #[must_use]
    pub fn line(&self, line_id: Uuid) -> Option<&DocumentLine> {
        self.offer.lines.iter().find(|line| line.line_id == line_id)
    }

    fn evolve(&mut self, event: &QuoteEvent) {
        let offer = &mut self.offer;
        match event {
            QuoteEvent::Started(_) => {}
            QuoteEvent::LineAdded(added) => offer.put(&added.line),
            QuoteEvent::LineChanged(changed) => offer.put(&changed.line),
            QuoteEvent::LineRemoved(removed) => {
                offer.lines.retain(|line| line.line_id != removed.line_id);
                offer.removed.insert(removed.line_id);
            }
            QuoteEvent::DiscountSet(set) => offer.pricing.discount = set.discount,
            QuoteEvent::FreightSet(set) => offer.pricing.freight = set.freight,
            QuoteEvent::TaxSet(set) => offer.pricing.tax = set.tax,
            QuoteEvent::ValiditySet(set) => offer.valid_until = set.valid_until,
            QuoteEvent::Activated(activated) => {
                self.status = QuoteStatus::Active(activated.totals);
            }
            // The new draft starts with what the closed revision offered.
            QuoteEvent::Revised(revised) => {
                self.revision = revised.new_revision;
                self.status = QuoteStatus::Draft;
            }
            QuoteEvent::Accepted(accepted) => {
                self.status = QuoteStatus::Won(Box::new(accepted.clone()));
            }
            QuoteEvent::Closed(closed) => self.status = QuoteStatus::Closed(closed.status_reason),
            QuoteEvent::DraftDiscarded(_) => self.status = QuoteStatus::Discarded,
            QuoteEvent::OwnerAssigned(assigned) => self.owner = assigned.to,
        }
    }
}

impl Offer {
    /// Replaces the line of that id, or adds it.
    fn put(&mut self, line: &DocumentLine) {
        match self.lines.iter_mut().find(|it| it.line_id == line.line_id) {
            Some(place) => *place = line.clone(),
            None => self.lines.push(line.clone()),
        }
    }
}
