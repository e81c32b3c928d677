//! Orders as they were at any moment.

use events::{
    codec::CrmEvent,
    customers::Address,
    ids::{Category, ContactId, CustomerRef, OpportunityId, OrderId, Principal, RecordRef},
    money::Currency,
    sales::{DocumentLine, DocumentTerms, OrderEvent, OrderPlaced, QuoteSource, Totals},
    values::{Day, Line},
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

/// Every state of every order.
pub static ORDERS: Table = Table {
    name: "orders",
    key: &[column("id", ColumnType::Id)],
    columns: &[
        column("number", ColumnType::Text),
        optional("name", ColumnType::Text),
        optional("name_folded", ColumnType::Text),
        column("state", ColumnType::Text),
        column("status_reason", ColumnType::Text),
        column("customer_type", ColumnType::Text),
        column("customer_id", ColumnType::Id),
        optional("contact_id", ColumnType::Id),
        optional("opportunity_id", ColumnType::Id),
        column("quote_id", ColumnType::Id),
        column("currency", ColumnType::Text),
        column("total", ColumnType::Int),
        column("ordered_day", ColumnType::Int),
        column("owner_id", ColumnType::Id),
        column("created_at", ColumnType::Int),
        column("changed_at", ColumnType::Int),
        column("version", ColumnType::Int),
        column("document", ColumnType::Text),
    ],
    keeping: Keeping::History,
    indexes: &[&["number"], &["customer_id"], &["opportunity_id"], &["owner_id"], &["ordered_day"]],
};

/// Dynamics's `statecode` of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are Dynamics's own")]
pub enum OrderState {
    Active,
}

/// Dynamics's `statuscode` of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are Dynamics's own")]
pub enum OrderStatusReason {
    New,
}

record! {
    /// An order: a confirmed request for delivery.
    OrderRecord(OrderId) {
        /// The number.
        number: Line<20>,
        /// What it is about.
        name: Option<Line<300>>,
        /// Where it stands.
        state: OrderState,
        /// Why it is in that state.
        status_reason: OrderStatusReason,
        /// The quote it came from.
        source: QuoteSource,
        /// Who buys.
        customer: CustomerRef,
        /// The person to talk to.
        contact: Option<ContactId>,
        /// The opportunity it came from.
        opportunity: Option<OpportunityId>,
        /// The currency of all its amounts.
        currency: Currency,
        /// The lines, as they were accepted.
        lines: Vec<DocumentLine>,
        /// What they add up to.
        totals: Totals,
        /// The terms.
        terms: DocumentTerms,
        /// Where the invoice goes.
        bill_to: Option<Address>,
        /// Where the goods go.
        ship_to: Option<Address>,
        /// The customer's own number for it.
        customer_reference: Option<Line<100>>,
        /// The day it was ordered.
        ordered_on: Day,
        /// Whose order it is.
        owner: Principal,
    }
}

record_projector! {
    /// What was ordered, by whom, and from which quote?
    Orders, OrderRecord, "orders"
}

impl OrderRecord {
    fn placed(id: OrderId, placed: &OrderPlaced, fact: &Fact<'_>) -> Self {
        let mut erased = Erased::default();
        let actor = fact.recorded.event.cause.actor;
        Self {
            id,
            number: placed.number.clone(),
            name: erased.open("name", placed.name.as_ref()),
            state: OrderState::Active,
            status_reason: OrderStatusReason::New,
            source: placed.source,
            customer: placed.customer,
            contact: placed.contact,
            opportunity: placed.opportunity,
            currency: placed.currency,
            lines: placed.lines.clone(),
            totals: placed.totals,
            terms: placed.terms.clone(),
            bill_to: erased.open("bill_to", placed.bill_to.as_ref()),
            ship_to: erased.open("ship_to", placed.ship_to.as_ref()),
            customer_reference: placed.customer_reference.clone(),
            ordered_on: placed.ordered_on,
            owner: placed.owner,
            version: fact.recorded.version,
            created_at: fact.recorded.recorded_at,
            created_by: actor,
            changed_at: fact.recorded.recorded_at,
            changed_by: actor,
            erased,
        }
    }
}

/// The order after an event of its stream.
#[must_use]
pub fn fold_order(before: Option<OrderRecord>, fact: &Fact<'_>) -> Option<OrderRecord> {
    let CrmEvent::Order(event) = fact.event() else { return before };
    match (before, event) {
        (None, OrderEvent::Placed(placed)) => {
            Some(OrderRecord::placed(OrderId(fact.recorded.stream.id), placed, fact))
        }
        (None, OrderEvent::OwnerAssigned(_)) => None,
        (Some(mut order), event) => {
            if let OrderEvent::OwnerAssigned(assigned) = event {
                order.owner = assigned.to;
            }
            Some(order.stamped(fact))
        }
    }
}

impl Record for OrderRecord {
    const CATEGORY: Category = Category::Order;
    const TABLE: &'static Table = &ORDERS;

    fn fold(before: Option<Self>, fact: &Fact<'_>) -> Option<Self> {
        fold_order(before, fact)
    }

    fn columns(&self) -> Vec<Value> {
        let [customer_type, customer_id] = reference_values(Some(self.customer));
        vec![
            self.number.as_str().into(),
            self.name.as_ref().map(Line::as_str).into(),
            self.name.as_ref().map(|name| folded(name.as_str())).into(),
            serde_name(&self.state).into(),
            serde_name(&self.status_reason).into(),
            customer_type,
            customer_id,
            self.contact.map(|contact| contact.0).into(),
            self.opportunity.map(|opportunity| opportunity.0).into(),
            self.source.quote.0.into(),
            self.currency.code().into(),
            self.totals.total.minor().into(),
            day_value(Some(self.ordered_on)),
            RecordRef::from(self.owner).id.into(),
            self.created_at.micros().into(),
            self.changed_at.micros().into(),
            version_value(self.version),
        ]
    }
}
