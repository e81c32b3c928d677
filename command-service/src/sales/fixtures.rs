//! The people, companies and deals of the sales tests.

use events::{
    access::{UserAdded, UserDisabled, UserEvent},
    customers::{
        AccountCreated, AccountEvent, Address, AddressKind, AddressSet, CommercialTerms,
        CommercialTermsSet, ContactCreated, ContactEvent, ContactKind, CustomerType, Deactivated,
        FreightTerms, PaymentTerms,
    },
    ids::{AccountId, ContactId, CustomerRef, KeyId, OpportunityId, Principal, QuoteId, UserId},
    money::{Currency, Money},
    personal::Personal,
    sales::{
        CloseOpportunity, Discount, DocumentLine, DocumentTerms, OpportunityCreated,
        OpportunityEvent, QuoteAccepted, QuoteActivated, QuoteDiscountSet, QuoteEvent,
        QuoteFreightSet, QuoteLineAdded, QuoteStarted, QuoteTaxSet, Totals,
    },
    values::{Day, Line, Zone},
};
use uuid::Uuid;

use super::order_id;
use crate::testing::{ANA, NEW_KEY};

pub(crate) const CONTOSO: AccountId = AccountId(Uuid::from_u128(0xacc));
pub(crate) const BIA: ContactId = ContactId(Uuid::from_u128(0xb1a));
pub(crate) const BOB: UserId = UserId(Uuid::from_u128(0xb0b));
pub(crate) const DEAL: OpportunityId = OpportunityId(Uuid::from_u128(0x0e1));
pub(crate) const QUOTE: QuoteId = QuoteId(Uuid::from_u128(0x90e));
pub(crate) const CONTOSO_KEY: KeyId = KeyId(Uuid::from_u128(0xacc4e3));
pub(crate) const BIA_KEY: KeyId = KeyId(Uuid::from_u128(0xb1a4e3));

pub(crate) fn line<const MAX: usize>(text: &str) -> Line<MAX> {
    Line::new(text).unwrap()
}

pub(crate) fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

pub(crate) fn money(amount: &str, currency: &str) -> Money {
    Money::parse(amount, Currency::new(currency).unwrap()).unwrap()
}

pub(crate) fn brl(amount: &str) -> Money {
    money(amount, "BRL")
}

pub(crate) fn address(street: &str) -> Personal<Address> {
    Personal::Clear(Address {
        street: vec![line(street)],
        city: None,
        state: None,
        postal_code: None,
        country: None,
    })
}

pub(crate) const fn ana() -> Principal {
    Principal::User(ANA)
}

pub(crate) fn bob() -> Vec<UserEvent> {
    let key = NEW_KEY;
    let name = Personal::Clear(line("Bob"));
    let added =
        UserAdded { key, name, email: None, manager: None, office: None, awaits_token: true };
    vec![added.into()]
}

pub(crate) fn bob_disabled() -> Vec<UserEvent> {
    let mut history = bob();
    history.push(UserDisabled {}.into());
    history
}

/// Contoso buys in EUR at Net 30; invoices go to Rua A, goods to its main address.
pub(crate) fn contoso() -> Vec<AccountEvent> {
    vec![
        AccountCreated {
            key: CONTOSO_KEY,
            name: line("Contoso"),
            account_number: None,
            customer_type: CustomerType::Customer,
            industry: None,
            website: None,
            annual_revenue: None,
            employees: None,
            phone: None,
            email: None,
            description: None,
            owner: ana(),
        }
        .into(),
        CommercialTermsSet {
            terms: CommercialTerms {
                currency: Some(Currency::new("EUR").unwrap()),
                price_list: Some(line("BR-2026")),
                payment_terms: Some(PaymentTerms::Net30),
                freight_terms: Some(FreightTerms::Fob),
                ..CommercialTerms::default()
            },
        }
        .into(),
        AddressSet { kind: AddressKind::BillTo, address: address("Rua A") }.into(),
        AddressSet { kind: AddressKind::Primary, address: address("Rua B") }.into(),
    ]
}

pub(crate) fn contoso_inactive() -> Vec<AccountEvent> {
    let mut history = contoso();
    history.push(Deactivated {}.into());
    history
}

pub(crate) fn bia() -> Vec<ContactEvent> {
    vec![
        ContactCreated {
            key: BIA_KEY,
            parent: Some(CustomerRef::Account(CONTOSO)),
            kind: ContactKind::Employee,
            first_name: None,
            last_name: Personal::Clear(line("Silva")),
            job_title: None,
            email: None,
            phone: None,
            mobile: None,
            birthdate: None,
            description: None,
            owner: ana(),
        }
        .into(),
    ]
}

pub(crate) fn bia_inactive() -> Vec<ContactEvent> {
    let mut history = bia();
    history.push(Deactivated {}.into());
    history
}

/// The payload of an open deal with Contoso and Bia, estimated at 1,000 BRL.
pub(crate) fn deal_created() -> OpportunityCreated {
    OpportunityCreated {
        key: NEW_KEY,
        topic: Personal::Clear(line("A new kitchen")),
        customer: Some(CustomerRef::Account(CONTOSO)),
        contact: Some(BIA),
        product: None,
        currency: Currency::new("BRL").unwrap(),
        estimated_value: Some(brl("1000.00")),
        estimated_close_date: None,
        probability: None,
        stage: line("Qualify"),
        rating: None,
        description: None,
        owner: ana(),
    }
}

pub(crate) fn deal() -> Vec<OpportunityEvent> {
    vec![deal_created().into()]
}

/// The payload of a draft for Contoso, valid until the end of May in São Paulo.
pub(crate) fn quote_started() -> QuoteStarted {
    QuoteStarted {
        key: BIA_KEY,
        number: line("Q-2026-000017"),
        name: Some(Personal::Clear(line("A new kitchen"))),
        customer: CustomerRef::Account(CONTOSO),
        contact: Some(BIA),
        opportunity: Some(DEAL),
        currency: Currency::new("BRL").unwrap(),
        terms: DocumentTerms::default(),
        bill_to: Some(address("Rua A")),
        ship_to: None,
        valid_until: Some(day("2026-05-31")),
        zone: Zone::new("America/Sao_Paulo").unwrap(),
        owner: ana(),
        prefill: Vec::new(),
    }
}

pub(crate) fn draft() -> Vec<QuoteEvent> {
    vec![quote_started().into()]
}

/// Ten at 150.00 with 5 % off.
pub(crate) fn desks() -> DocumentLine {
    DocumentLine {
        line_id: Uuid::from_u128(0x11),
        product: line("Desk"),
        quantity: "10".parse().unwrap(),
        unit_price: "150.00".parse().unwrap(),
        discount: Some(Discount::Percent("5".parse().unwrap())),
        tax: None,
    }
}

/// Four at 250.00.
pub(crate) fn chairs() -> DocumentLine {
    DocumentLine {
        line_id: Uuid::from_u128(0x12),
        product: line("Chair"),
        quantity: "4".parse().unwrap(),
        unit_price: "250.00".parse().unwrap(),
        discount: None,
        tax: None,
    }
}

/// A draft with both lines, 2 % off, freight of 50.00 and 10 % tax.
pub(crate) fn priced_draft() -> Vec<QuoteEvent> {
    let mut history = draft();
    history.extend([
        QuoteLineAdded { revision: 0, line: desks() }.into(),
        QuoteLineAdded { revision: 0, line: chairs() }.into(),
        QuoteDiscountSet { revision: 0, discount: Some(Discount::Percent("2".parse().unwrap())) }
            .into(),
        QuoteFreightSet { revision: 0, freight: Some(brl("50.00")) }.into(),
        QuoteTaxSet { revision: 0, tax: Some("10".parse().unwrap()) }.into(),
    ]);
    history
}

/// What the priced draft adds up to.
pub(crate) fn totals() -> Totals {
    Totals {
        subtotal: brl("2425.00"),
        discount: brl("48.50"),
        net: brl("2376.50"),
        freight: brl("50.00"),
        tax: brl("237.65"),
        total: brl("2664.15"),
    }
}

/// The same quote, out with the customer.
pub(crate) fn active() -> Vec<QuoteEvent> {
    let mut history = priced_draft();
    history.push(QuoteActivated { revision: 0, totals: totals() }.into());
    history
}

/// Its acceptance on 2026-05-20.
pub(crate) fn acceptance() -> QuoteAccepted {
    QuoteAccepted {
        revision: 0,
        order: order_id(QUOTE, 0),
        totals: totals(),
        accepted_on: day("2026-05-20"),
        accepted_by: None,
        customer_reference: None,
        opportunity: Some(DEAL),
        close_opportunity: CloseOpportunity::None,
        actual_value: brl("2664.15"),
    }
}

/// The same quote, accepted.
pub(crate) fn accepted() -> Vec<QuoteEvent> {
    let mut history = active();
    history.push(acceptance().into());
    history
}
