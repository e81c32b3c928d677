//! Quotes with all their revisions as they were at any moment: the fold.

use events::{
    codec::CrmEvent,
    customers::Address,
    ids::{ContactId, CustomerRef, OpportunityId, OrderId, Principal, QuoteId},
    money::{Currency, Money, Percent},
    sales::{
        Discount, DocumentLine, DocumentTerms, Prefill, Pricing, QuoteAccepted, QuoteCloseReason,
        QuoteEvent, QuoteStarted, Totals,
    },
    values::{Day, Line, Zone},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    projector::Fact,
    record::{Erased, record, record_projector},
};

/// Dynamics's `statecode` of a quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are Dynamics's own")]
pub enum QuoteState {
    Draft,
    Active,
    Won,
    Closed,
}

/// Dynamics's `statuscode` of a quote, and `Discarded` for a draft that was thrown away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are Dynamics's own")]
pub enum QuoteStatusReason {
    InProgress,
    Open,
    Won,
    Lost,
    Canceled,
    Revised,
    Discarded,
}

/// One revision of a quote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QuoteRevisionRecord {
    /// Which one, from 0.
    pub revision: u32,
    /// Where it stands.
    pub state: QuoteState,
    /// Why it is in that state.
    pub status_reason: QuoteStatusReason,
    /// What is offered.
    pub lines: Vec<DocumentLine>,
    /// Taken off the subtotal.
    pub discount: Option<Discount>,
    /// Freight.
    pub freight: Option<Money>,
    /// Tax on the net.
    pub tax: Option<Percent>,
    /// The last day on which it can be accepted.
    pub valid_until: Option<Day>,
    /// What it adds up to; none where it cannot be priced.
    pub totals: Option<Totals>,
    /// Why it cannot be priced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pricing_error: Option<String>,
}

impl QuoteRevisionRecord {
    fn draft(revision: u32, valid_until: Option<Day>, currency: Currency) -> Self {
        let mut draft = Self {
            revision,
            state: QuoteState::Draft,
            status_reason: QuoteStatusReason::InProgress,
            lines: Vec::new(),
            discount: None,
            freight: None,
            tax: None,
            valid_until,
            totals: None,
            pricing_error: None,
        };
        draft.price(currency);
        draft
    }

    fn price(&mut self, currency: Currency) {
        let pricing = Pricing { discount: self.discount, freight: self.freight, tax: self.tax };
        let priced = Totals::of(&self.lines, pricing, currency);
        self.totals = priced.ok();
        self.pricing_error = priced.err().map(|error| error.to_string());
    }

    const fn stand(&mut self, state: QuoteState, status_reason: QuoteStatusReason) {
        self.state = state;
        self.status_reason = status_reason;
    }
}

record! {
    /// A quote with all its revisions.
    QuoteRecord(QuoteId) {
        /// The number, the same for all revisions.
        number: Line<20>,
        /// What it is about.
        name: Option<Line<300>>,
        /// Where the latest revision stands.
        state: QuoteState,
        /// Why it is in that state.
        status_reason: QuoteStatusReason,
        /// The latest revision.
        revision: u32,
        /// What the latest revision adds up to; none where it cannot be priced.
        totals: Option<Totals>,
        /// Who would buy.
        customer: CustomerRef,
        /// The person to talk to.
        contact: Option<ContactId>,
        /// The opportunity it was made for.
        opportunity: Option<OpportunityId>,
        /// The currency of all its amounts.
        currency: Currency,
        /// The terms.
        terms: DocumentTerms,
        /// Where the invoice would go.
        bill_to: Option<Address>,
        /// Where the goods would go.
        ship_to: Option<Address>,
        /// The last day on which the latest revision can be accepted.
        valid_until: Option<Day>,
        /// The zone in which that day ends.
        zone: Zone,
        /// Where the values that were filled in came from.
        prefill: Vec<Prefill>,
        /// Every revision, the first one first.
        revisions: Vec<QuoteRevisionRecord>,
        /// The order that was placed for it, once it was accepted.
        order: Option<OrderId>,
        /// The day it was accepted.
        accepted_on: Option<Day>,
        /// Who accepted it.
        accepted_by: Option<Line<160>>,
        /// The customer's own number for it.
        customer_reference: Option<Line<100>>,
        /// Whose quote it is.
        owner: Principal,
    }
}

record_projector! {
    /// What is, or was, offered in each revision, and how does it stand?
    Quotes, QuoteRecord, "quotes"
}

impl QuoteRecord {
    fn started(id: QuoteId, started: &QuoteStarted, fact: &Fact<'_>) -> Self {
        let mut erased = Erased::default();
        let actor = fact.recorded.event.cause.actor;
        let draft = QuoteRevisionRecord::draft(0, started.valid_until, started.currency);
        Self {
            id,
            number: started.number.clone(),
            name: erased.open("name", started.name.as_ref()),
            state: draft.state,
            status_reason: draft.status_reason,
            revision: 0,
            totals: draft.totals,
            customer: started.customer,
            contact: started.contact,
            opportunity: started.opportunity,
            currency: started.currency,
            terms: started.terms.clone(),
            bill_to: erased.open("bill_to", started.bill_to.as_ref()),
            ship_to: erased.open("ship_to", started.ship_to.as_ref()),
            valid_until: started.valid_until,
            zone: started.zone.clone(),
            prefill: started.prefill.clone(),
            revisions: vec![draft],
            order: None,
            accepted_on: None,
            accepted_by: None,
            customer_reference: None,
            owner: started.owner,
            version: fact.recorded.version,
            created_at: fact.recorded.recorded_at,
            created_by: actor,
            changed_at: fact.recorded.recorded_at,
            changed_by: actor,
            erased,
        }
    }

    /// One revision.
    #[must_use]
    pub fn revision(&self, revision: u32) -> Option<&QuoteRevisionRecord> {
        self.revisions.iter().find(|record| record.revision == revision)
    }

    fn edit(&mut self, revision: u32, change: impl FnOnce(&mut QuoteRevisionRecord)) {
        let found = self.revisions.iter_mut().find(|record| record.revision == revision);
        if let Some(record) = found {
            change(record);
        }
    }

    /// Changes what a draft says, and prices it again.
    fn draft(&mut self, revision: u32, change: impl FnOnce(&mut QuoteRevisionRecord)) {
        let currency = self.currency;
        self.edit(revision, |draft| {
            change(draft);
            draft.price(currency);
        });
    }

    fn revise(&mut self, closed_revision: u32, new_revision: u32) {
        self.edit(closed_revision, |record| {
            record.stand(QuoteState::Closed, QuoteStatusReason::Revised);
        });
        let Some(closed) = self.revision(closed_revision) else { return };
        let mut draft = closed.clone();
        draft.revision = new_revision;
        draft.stand(QuoteState::Draft, QuoteStatusReason::InProgress);
        draft.price(self.currency);
        self.revisions.push(draft);
    }

    fn accept(&mut self, accepted: &QuoteAccepted) {
        self.edit(accepted.revision, |record| {
            record.stand(QuoteState::Won, QuoteStatusReason::Won);
            record.totals = Some(accepted.totals);
        });
        self.order = Some(accepted.order);
        self.accepted_on = Some(accepted.accepted_on);
        self.accepted_by = self.erased.open("accepted_by", accepted.accepted_by.as_ref());
        self.customer_reference = accepted.customer_reference.clone();
    }

    fn evolve(&mut self, event: &QuoteEvent) {
        match event {
            // A stream has one beginning, and it made this record.
            QuoteEvent::Started(_) => {}
            QuoteEvent::LineAdded(added) => self.draft(added.revision, |draft| {
                draft.lines.push(added.line.clone());
            }),
            QuoteEvent::LineChanged(changed) => self.draft(changed.revision, |draft| {
                let same = |line: &&mut DocumentLine| line.line_id == changed.line.line_id;
                if let Some(line) = draft.lines.iter_mut().find(same) {
                    line.clone_from(&changed.line);
                }
            }),
            QuoteEvent::LineRemoved(removed) => self.draft(removed.revision, |draft| {
                draft.lines.retain(|line| line.line_id != removed.line_id);
            }),
            QuoteEvent::DiscountSet(set) => {
                self.draft(set.revision, |draft| draft.discount = set.discount);
            }
            QuoteEvent::FreightSet(set) => {
                self.draft(set.revision, |draft| draft.freight = set.freight);
            }
            QuoteEvent::TaxSet(set) => self.draft(set.revision, |draft| draft.tax = set.tax),
            QuoteEvent::ValiditySet(set) => {
                self.edit(set.revision, |draft| draft.valid_until = set.valid_until);
            }
            QuoteEvent::Activated(activated) => self.edit(activated.revision, |record| {
                record.stand(QuoteState::Active, QuoteStatusReason::Open);
                record.totals = Some(activated.totals);
                record.pricing_error = None;
            }),
            QuoteEvent::Revised(revised) => {
                self.revise(revised.closed_revision, revised.new_revision);
            }
            QuoteEvent::Accepted(accepted) => self.accept(accepted),
            QuoteEvent::Closed(closed) => self.edit(closed.revision, |record| {
                let status_reason = match closed.status_reason {
                    QuoteCloseReason::Lost => QuoteStatusReason::Lost,
                    QuoteCloseReason::Canceled => QuoteStatusReason::Canceled,
                };
                record.stand(QuoteState::Closed, status_reason);
            }),
            QuoteEvent::DraftDiscarded(discarded) => self.edit(discarded.revision, |record| {
                record.stand(QuoteState::Closed, QuoteStatusReason::Discarded);
            }),
            QuoteEvent::OwnerAssigned(assigned) => self.owner = assigned.to,
        }
        self.show_latest();
    }

    fn show_latest(&mut self) {
        if let Some(latest) = self.revisions.last() {
            self.state = latest.state;
            self.status_reason = latest.status_reason;
            self.revision = latest.revision;
            self.totals = latest.totals;
            self.valid_until = latest.valid_until;
        }
    }
}

/// The quote after an event of its stream.
#[must_use]
pub fn fold_quote(before: Option<QuoteRecord>, fact: &Fact<'_>) -> Option<QuoteRecord> {
    let CrmEvent::Quote(event) = fact.event() else { return before };
    match (before, event) {
        (None, QuoteEvent::Started(started)) => {
            Some(QuoteRecord::started(QuoteId(fact.recorded.stream.id), started, fact))
        }
        (None, _) => None,
        (Some(mut quote), event) => {
            quote.evolve(event);
            Some(quote.stamped(fact))
        }
    }
}

#[cfg(test)]
#[path = "quote_tests.rs"]
mod tests;
