//! An order, as decisions need it, and how it is placed.

use events::{
    ids::{Category, CommandId, KeyId, OrderId, Principal, QuoteId, StreamName, derived},
    sales::{NumberKind, NumberSequence, OrderEvent, OrderPlaced, QuoteSource},
    values::Day,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    aggregate::{Aggregate, Decide, Facts, States},
    refusal::Refusal,
    sales::{
        QuoteStatus,
        numbering::{document_number, sequence_of},
    },
};

/// An order: unborn until it was placed.
#[derive(Clone, Debug, Default)]
pub enum Order {
    /// Nothing has happened yet.
    #[default]
    Unborn,
    /// It was placed: Active, New.
    Placed(OrderState),
}

/// What is true of an order that was placed.
#[derive(Clone, Debug)]
pub struct OrderState {
    /// The key of its sealed fields.
    pub key: KeyId,
    /// The quote it came from.
    pub source: QuoteSource,
    /// Whose order it is.
    pub owner: Principal,
}

impl Order {
    /// The state of an order that was placed.
    #[must_use]
    pub const fn placed(&self) -> Option<&OrderState> {
        match self {
            Self::Unborn => None,
            Self::Placed(state) => Some(state),
        }
    }
}

impl Aggregate for Order {
    type Event = OrderEvent;

    fn evolve(&mut self, event: &OrderEvent) {
        match (&mut *self, event) {
            (Self::Unborn, OrderEvent::Placed(placed)) => {
                *self = Self::Placed(OrderState {
                    key: placed.key,
                    source: placed.source,
                    owner: placed.owner,
                });
            }
            (Self::Placed(state), OrderEvent::OwnerAssigned(assigned)) => state.owner = assigned.to,
            (Self::Unborn | Self::Placed(_), _) => {}
        }
    }

    fn key(&self) -> Option<KeyId> {
        self.placed().map(|state| state.key)
    }
}

/// The order of a revision: always the same, so an acceptance can never make two.
#[must_use]
pub fn order_id(quote: QuoteId, revision: u32) -> OrderId {
    OrderId(derived(&format!("order:{quote}:{revision}")))
}

/// Places the order of an accepted quote. Sent by the process manager only; judged by the quote
/// alone, so nothing that happens meanwhile can leave an accepted quote without its order.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceOrder {
    /// The quote.
    pub quote: QuoteId,
    /// The revision that was accepted.
    pub revision: u32,
}

impl Decide for PlaceOrder {
    const NAME: &'static str = "PlaceOrder";
    type Aggregate = Order;

    fn record(&self, _: CommandId) -> Uuid {
        order_id(self.quote, self.revision).0
    }

    fn needs(&self, _: &Order, _: &States) -> Vec<StreamName> {
        vec![self.quote.stream()]
    }

    fn number(&self, own: &Order, _: CommandId, today: Day) -> Option<NumberSequence> {
        own.placed().is_none().then(|| sequence_of(NumberKind::Order, today))
    }

    fn decide(&self, own: &Order, facts: &Facts<'_>) -> Result<Vec<OrderEvent>, Refusal> {
        if own.placed().is_some() {
            return Ok(Vec::new());
        }
        let quote = facts.states.quote(self.quote).and_then(|quote| quote.started());
        let quote = quote.ok_or(Refusal::not_found(Category::Quote))?;
        let QuoteStatus::Won(accepted) = &quote.status else {
            return Err(quote.status.not_active());
        };
        if accepted.revision != self.revision {
            return Err(Refusal::not_found(Category::Quote));
        }
        Ok(vec![
            OrderPlaced {
                key: quote.key,
                number: document_number(NumberKind::Order, facts)?,
                name: quote.name.clone(),
                source: QuoteSource { quote: self.quote, revision: self.revision },
                customer: quote.customer,
                contact: quote.contact,
                opportunity: quote.opportunity,
                currency: quote.currency,
                lines: quote.offer.lines.clone(),
                totals: accepted.totals,
                terms: quote.terms.clone(),
                bill_to: quote.bill_to.clone(),
                ship_to: quote.ship_to.clone(),
                customer_reference: accepted.customer_reference.clone(),
                ordered_on: accepted.accepted_on,
                owner: quote.owner,
            }
            .into(),
        ])
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
