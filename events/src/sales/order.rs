//! The life of an order: a confirmed request for delivery.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DocumentLine, DocumentTerms, Totals};
use crate::{
    category::category_events,
    customers::{Address, OwnerAssigned},
    ids::{ContactId, CustomerRef, KeyId, OpportunityId, Principal, QuoteId},
    money::Currency,
    personal::{Personal, personal_fields},
    values::{Day, Line},
};

category_events! {
    /// Something that happened to one order.
    OrderEvent in Order {
        /// The order was placed: Active, New.
        Placed(OrderPlaced) = "order.placed" v 1,
        /// It got another owner.
        OwnerAssigned(OwnerAssigned) = "order.owner_assigned" v 1,
    }
}

/// The accepted quote an order came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuoteSource {
    /// The quote.
    pub quote: QuoteId,
    /// The revision that was accepted.
    pub revision: u32,
}

/// The order was placed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderPlaced {
    /// The key of its sealed fields: the quote's.
    pub key: KeyId,
    /// The number: `SO-2026-000004`.
    pub number: Line<20>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Personal<Line<300>>>,
    /// The quote it came from.
    pub source: QuoteSource,
    /// Who buys.
    pub customer: CustomerRef,
    /// The person to talk to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactId>,
    /// The opportunity it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opportunity: Option<OpportunityId>,
    /// The currency of all its amounts.
    pub currency: Currency,
    /// The lines, as they were accepted.
    pub lines: Vec<DocumentLine>,
    /// What they add up to.
    pub totals: Totals,
    /// The terms.
    pub terms: DocumentTerms,
    /// Where the invoice goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bill_to: Option<Personal<Address>>,
    /// Where the goods go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ship_to: Option<Personal<Address>>,
    /// The customer's own number for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_reference: Option<Line<100>>,
    /// The day it was ordered.
    pub ordered_on: Day,
    /// Whose order it is.
    pub owner: Principal,
}

personal_fields! {
    OrderPlaced { name, bill_to, ship_to }
}
