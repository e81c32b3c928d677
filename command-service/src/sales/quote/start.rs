//! A quote is started, filled in with what the customer and the opportunity say already.

use events::{
    Version,
    customers::{Address, AddressKind, FreightTerms, PaymentTerms},
    ids::{
        Category, CommandId, ContactId, CustomerRef, OpportunityId, Principal, QuoteId, RecordRef,
        StreamName,
    },
    money::Currency,
    personal::{Clear, Personal},
    sales::{DocumentTerms, NumberKind, NumberSequence, Prefill, QuoteEvent, QuoteStarted},
    values::{Day, Line},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Quote;
use crate::{
    access::owner,
    aggregate::{Decide, Facts, States},
    refusal::Refusal,
    sales::{
        numbering::{document_number, sequence_of},
        opportunity::OpportunityState,
        shared::{Customer, active_contact, active_customer, default_currency, streams_of},
    },
};

/// Starts a quote: revision 0, Draft. What is not given is copied from the opportunity or the
/// customer, and the event says from where. Later changes of those do not change the quote.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartQuote {
    /// The id of the new record; made from the command's id where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote_id: Option<QuoteId>,
    /// Who would buy, by default the opportunity's customer. Must be active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerRef>,
    /// The opportunity it is made for. Must be open; the quote has its currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opportunity: Option<OpportunityId>,
    /// The person to talk to, by default the opportunity's contact. Must be active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactId>,
    /// What it is about, by default the opportunity's topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Clear<Line<300>>>,
    /// The currency of all its amounts. By default the opportunity's, else the customer's, else the
    /// organisation's. It never changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// The name of the price list, by default the customer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_list: Option<Line<100>>,
    /// When payment is due, by default as the customer's terms say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_terms: Option<PaymentTerms>,
    /// Who pays for freight, by default as the customer's terms say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freight_terms: Option<FreightTerms>,
    /// How goods are sent, by default as the customer's terms say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping_method: Option<Line<100>>,
    /// Where the invoice would go, by default the customer's bill-to or else primary address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bill_to: Option<Clear<Address>>,
    /// Where the goods would go, by default the customer's ship-to or else primary address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ship_to: Option<Clear<Address>>,
    /// The last day on which it can be accepted, in the organisation's zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Day>,
    /// Whose quote it is; by default the calling user's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Principal>,
}

/// A record that values are copied from.
#[derive(Clone, Copy)]
struct Source {
    record: RecordRef,
    version: Version,
}

/// Fills in what was not given, and keeps where it came from.
#[derive(Default)]
struct Filling {
    prefill: Vec<Prefill>,
}

impl Filling {
    fn fill<T>(
        &mut self,
        field: &str,
        given: Option<T>,
        copied: Option<T>,
        source: Source,
    ) -> Result<Option<T>, Refusal> {
        if given.is_none() && copied.is_some() {
            self.prefill.push(Prefill {
                field: Line::new(field).map_err(|_| Refusal::Internal)?,
                from: source.record,
                from_version: source.version,
            });
        }
        Ok(given.or(copied))
    }
}

/// The deal a quote is made for.
struct Deal<'a> {
    source: Source,
    state: &'a OpportunityState,
}

impl StartQuote {
    fn deal<'a>(&self, states: &'a States) -> Result<Option<Deal<'a>>, Refusal> {
        let Some(id) = self.opportunity else { return Ok(None) };
        let unborn = || Refusal::not_found(Category::Opportunity);
        let state = states.opportunity(id).ok_or_else(unborn)?.open()?;
        let source = Source { record: id.into(), version: states.version(id) };
        Ok(Some(Deal { source, state }))
    }

    fn terms(
        &self,
        customer: &Customer<'_>,
        filling: &mut Filling,
    ) -> Result<DocumentTerms, Refusal> {
        let (copied, source) = (customer.terms, customer.source());
        let (price_list, shipping) = (&self.price_list, &self.shipping_method);
        Ok(DocumentTerms {
            price_list: filling.fill(
                "price_list",
                price_list.clone(),
                copied.price_list.clone(),
                source,
            )?,
            payment_terms: filling.fill(
                "payment_terms",
                self.payment_terms,
                copied.payment_terms,
                source,
            )?,
            freight_terms: filling.fill(
                "freight_terms",
                self.freight_terms,
                copied.freight_terms,
                source,
            )?,
            shipping_method: filling.fill(
                "shipping_method",
                shipping.clone(),
                copied.shipping_method.clone(),
                source,
            )?,
        })
    }

    fn currency(
        &self,
        deal: Option<&Deal<'_>>,
        customer: &Customer<'_>,
        filling: &mut Filling,
        facts: &Facts<'_>,
    ) -> Result<Currency, Refusal> {
        let (copied, source) = match deal {
            Some(deal) => (Some(deal.state.currency), deal.source),
            None => (customer.terms.currency, customer.source()),
        };
        if let (Some(given), Some(deal)) = (self.currency, deal)
            && given != deal.state.currency
        {
            return Err(Refusal::CurrencyMismatch);
        }
        match filling.fill("currency", self.currency, copied, source)? {
            Some(currency) => Ok(currency),
            None => default_currency(Some(customer), facts),
        }
    }
}

impl Customer<'_> {
    const fn source(&self) -> Source {
        Source { record: self.record, version: self.version }
    }

    fn address(&self, kind: AddressKind) -> Option<Personal<Address>> {
        self.addresses.get(&kind).or(self.addresses.get(&AddressKind::Primary)).cloned()
    }
}

impl Decide for StartQuote {
    const NAME: &'static str = "StartQuote";
    const MAKES_KEY: bool = true;
    type Aggregate = Quote;

    fn record(&self, command_id: CommandId) -> Uuid {
        self.quote_id.map_or_else(|| command_id.record(), |id| id.0)
    }

    fn needs(&self, _: &Quote, states: &States) -> Vec<StreamName> {
        let deal = self.opportunity.and_then(|id| states.opportunity(id)?.created());
        let customer = self.customer.or(deal.and_then(|deal| deal.customer));
        let contact = self.contact.or(deal.and_then(|deal| deal.contact));
        let mut streams = streams_of(customer, contact, self.owner);
        streams.extend(self.opportunity.map(OpportunityId::stream));
        streams
    }

    fn number(&self, own: &Quote, _: CommandId, today: Day) -> Option<NumberSequence> {
        own.started().is_none().then(|| sequence_of(NumberKind::Quote, today))
    }

    fn decide(&self, own: &Quote, facts: &Facts<'_>) -> Result<Vec<QuoteEvent>, Refusal> {
        if own.started().is_some() {
            return Err(Refusal::Exists);
        }
        let owner = owner(self.owner, facts)?;
        let deal = self.deal(facts.states)?;
        let filling = &mut Filling::default();
        let (mut customer, mut contact) = (self.customer, self.contact);
        let mut name = self.name.clone().map(Personal::from);
        if let Some(Deal { source, state }) = &deal {
            customer = filling.fill("customer", customer, state.customer, *source)?;
            contact = filling.fill("contact", contact, state.contact, *source)?;
            name = filling.fill("name", name, Some(state.topic.clone()), *source)?;
        }
        let reference = customer.ok_or(Refusal::QuoteNoCustomer)?;
        let customer = active_customer(facts.states, reference)?;
        let contact_key = contact.map(|id| active_contact(facts.states, id)).transpose()?;
        let currency = self.currency(deal.as_ref(), &customer, filling, facts)?;
        let terms = self.terms(&customer, filling)?;
        let source = customer.source();
        let bill_to = self.bill_to.clone().map(Personal::from);
        let bill_to =
            filling.fill("bill_to", bill_to, customer.address(AddressKind::BillTo), source)?;
        let ship_to = self.ship_to.clone().map(Personal::from);
        let ship_to =
            filling.fill("ship_to", ship_to, customer.address(AddressKind::ShipTo), source)?;
        Ok(vec![
            QuoteStarted {
                // What is written about a person is forgotten together with the person.
                key: customer.person.or(contact_key).map_or_else(|| facts.key(), Ok)?,
                number: document_number(NumberKind::Quote, facts)?,
                name,
                customer: reference,
                contact,
                opportunity: self.opportunity,
                currency,
                terms,
                bill_to,
                ship_to,
                valid_until: self.valid_until,
                zone: facts.organization.zone().clone(),
                owner,
                prefill: std::mem::take(&mut filling.prefill),
            }
            .into(),
        ])
    }
}

#[cfg(test)]
#[path = "start_tests.rs"]
mod tests;
