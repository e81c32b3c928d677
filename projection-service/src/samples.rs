//! Events as tests say them: only what matters is named.

use events::{
    customers::{
        AccountCreated, ConnectionEstablished, ConnectionSide, ContactCreated, ContactKind,
        CustomerType,
    },
    ids::{
        AccountId, ConnectionRoleId, ContactId, CustomerRef, KeyId, OpportunityId, OrderId,
        PartyRef, Principal, QuoteId, UserId,
    },
    money::{Currency, Money, Percent},
    personal::Personal,
    sales::{
        CloseOpportunity, Discount, DocumentLine, DocumentTerms, OpportunityCreated, OrderPlaced,
        Pricing, QuoteAccepted, QuoteActivated, QuoteLineAdded, QuoteSource, QuoteStarted, Totals,
    },
    values::{Day, Line, Zone},
};

use crate::world::id;

pub(crate) fn account(name: &str) -> AccountId {
    AccountId(id(name))
}

pub(crate) fn contact(name: &str) -> ContactId {
    ContactId(id(name))
}

pub(crate) fn opportunity(name: &str) -> OpportunityId {
    OpportunityId(id(name))
}

pub(crate) fn quote(name: &str) -> QuoteId {
    QuoteId(id(name))
}

pub(crate) fn order(name: &str) -> OrderId {
    OrderId(id(name))
}

pub(crate) fn user(name: &str) -> Principal {
    Principal::User(UserId(id(name)))
}

pub(crate) fn key() -> KeyId {
    KeyId(id("key"))
}

pub(crate) fn line<const MAX: usize>(text: &str) -> Line<MAX> {
    Line::new(text).unwrap()
}

pub(crate) fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

pub(crate) fn money(amount: &str, currency: &str) -> Money {
    Money::parse(amount, currency.parse().unwrap()).unwrap()
}

pub(crate) fn brl(amount: &str) -> Money {
    money(amount, "BRL")
}

pub(crate) fn real() -> Currency {
    "BRL".parse().unwrap()
}

pub(crate) fn percent(text: &str) -> Percent {
    text.parse().unwrap()
}

pub(crate) fn account_created(name: &str) -> AccountCreated {
    AccountCreated {
        key: key(),
        name: line(name),
        account_number: None,
        customer_type: CustomerType::Prospect,
        industry: None,
        website: None,
        annual_revenue: None,
        employees: None,
        phone: None,
        email: None,
        description: None,
        owner: user("ana"),
    }
}

pub(crate) fn contact_created(name: &str, parent: Option<CustomerRef>) -> ContactCreated {
    ContactCreated {
        key: key(),
        first_name: Some(Personal::Clear(line(name))),
        last_name: Personal::Clear(line("Souza")),
        kind: ContactKind::Employee,
        parent,
        job_title: None,
        email: None,
        phone: None,
        mobile: None,
        birthdate: None,
        description: None,
        owner: user("ana"),
    }
}

pub(crate) fn side(record: PartyRef, role: Option<&str>) -> ConnectionSide {
    ConnectionSide {
        record,
        role: role.map(|role| ConnectionRoleId(id(role))),
        role_is_reciprocal: false,
        description: None,
    }
}

pub(crate) fn established(a: ConnectionSide, b: ConnectionSide) -> ConnectionEstablished {
    ConnectionEstablished { key: key(), a, b, start: Some(day("2026-01-01")), end: None }
}

pub(crate) fn opportunity_created(
    customer: Option<CustomerRef>,
    estimate: Option<Money>,
    probability: Option<&str>,
    close: Option<&str>,
) -> OpportunityCreated {
    OpportunityCreated {
        key: key(),
        topic: Personal::Clear(line("A deal")),
        customer,
        contact: None,
        product: None,
        currency: estimate.map_or_else(real, Money::currency),
        estimated_value: estimate,
        estimated_close_date: close.map(day),
        probability: probability.map(percent),
        stage: line("Qualify"),
        rating: None,
        description: None,
        owner: user("ana"),
    }
}

pub(crate) fn quote_started(
    number: &str,
    customer: CustomerRef,
    opportunity: Option<OpportunityId>,
) -> QuoteStarted {
    QuoteStarted {
        key: key(),
        number: line(number),
        name: None,
        customer,
        contact: None,
        opportunity,
        currency: real(),
        terms: DocumentTerms::default(),
        bill_to: None,
        ship_to: None,
        valid_until: Some(day("2026-05-31")),
        zone: Zone::new("America/Sao_Paulo").unwrap(),
        owner: user("ana"),
        prefill: Vec::new(),
    }
}

pub(crate) fn line_of(name: &str, quantity: &str, price: &str) -> DocumentLine {
    DocumentLine {
        line_id: id(name),
        product: line(name),
        quantity: quantity.parse().unwrap(),
        unit_price: price.parse().unwrap(),
        discount: None,
        tax: None,
    }
}

pub(crate) fn line_added(revision: u32, line: DocumentLine) -> QuoteLineAdded {
    QuoteLineAdded { revision, line }
}

pub(crate) fn five_per_cent_off(line: DocumentLine) -> DocumentLine {
    DocumentLine { discount: Some(Discount::Percent(percent("5"))), ..line }
}

/// The totals of one line at that price.
pub(crate) fn totals(total: Money) -> Totals {
    let lines = [line_of("all", "1", &total.amount())];
    Totals::of(&lines, Pricing::default(), total.currency()).unwrap()
}

pub(crate) fn activated(revision: u32, total: Money) -> QuoteActivated {
    QuoteActivated { revision, totals: totals(total) }
}

pub(crate) fn accepted(revision: u32, order: OrderId, total: Money) -> QuoteAccepted {
    QuoteAccepted {
        revision,
        order,
        totals: totals(total),
        accepted_on: day("2026-05-20"),
        accepted_by: Some(Personal::Clear(line("Bia Souza"))),
        customer_reference: None,
        opportunity: None,
        close_opportunity: CloseOpportunity::Won,
        actual_value: total,
    }
}

pub(crate) fn order_placed(
    number: &str,
    (quote, revision): (QuoteId, u32),
    customer: CustomerRef,
    opportunity: Option<OpportunityId>,
    total: Money,
) -> OrderPlaced {
    OrderPlaced {
        key: key(),
        number: line(number),
        name: None,
        source: QuoteSource { quote, revision },
        customer,
        contact: None,
        opportunity,
        currency: total.currency(),
        lines: vec![line_of("all", "1", &total.amount())],
        totals: totals(total),
        terms: DocumentTerms::default(),
        bill_to: None,
        ship_to: None,
        customer_reference: None,
        ordered_on: day("2026-05-20"),
        owner: user("ana"),
    }
}
