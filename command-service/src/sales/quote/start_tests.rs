//! How a quote is started, and what it takes over from others.

use events::{
    customers::{CommercialTerms, CommercialTermsSet, ContactEvent},
    money::Currency,
    sales::{LostReason, OpportunityCreated, OpportunityEvent, OpportunityLost},
};

use super::*;
use crate::{
    sales::fixtures::{
        BIA, BIA_KEY, BOB, CONTOSO, DEAL, QUOTE, address, ana, bia, bia_inactive, bob_disabled,
        contoso, contoso_inactive, day, deal, deal_created, draft, line,
    },
    testing::{Judged, NEW_KEY, given},
};

fn start() -> StartQuote {
    StartQuote {
        quote_id: Some(QUOTE),
        customer: None,
        opportunity: None,
        contact: None,
        name: None,
        currency: None,
        price_list: None,
        payment_terms: None,
        freight_terms: None,
        shipping_method: None,
        bill_to: None,
        ship_to: None,
        valid_until: None,
        owner: None,
    }
}

fn from_contoso() -> StartQuote {
    StartQuote { customer: Some(CustomerRef::Account(CONTOSO)), ..start() }
}

fn from_deal() -> StartQuote {
    StartQuote { opportunity: Some(DEAL), ..start() }
}

fn judge(command: StartQuote) -> Judged<Quote> {
    given::<Quote>([])
        .with(CONTOSO.stream(), contoso())
        .with(BIA.stream(), bia())
        .with(DEAL.stream(), deal())
        .when(command, |_| ())
}

fn started(judged: &Judged<Quote>) -> &QuoteStarted {
    match judged.events() {
        [QuoteEvent::Started(started)] => started,
        other => panic!("one start was expected, not {other:?}"),
    }
}

/// The fields that were filled in from a record, with its version.
fn filled(started: &QuoteStarted, from: impl Into<RecordRef>) -> (Vec<&str>, Option<Version>) {
    let from = from.into();
    let of_it = || started.prefill.iter().filter(|prefill| prefill.from == from);
    let fields = of_it().map(|prefill| prefill.field.as_str()).collect();
    (fields, of_it().map(|prefill| prefill.from_version).next())
}

#[test]
fn a_quote_takes_terms_and_addresses_from_the_customer_and_says_so() {
    let judged = judge(from_contoso());
    let started = started(&judged);
    assert_eq!(started.number, line("Q-2026-000017"));
    assert_eq!(started.currency, Currency::new("EUR").unwrap());
    assert_eq!(started.terms.price_list, Some(line("BR-2026")));
    assert_eq!(started.terms.payment_terms, Some(PaymentTerms::Net30));
    assert_eq!(started.terms.freight_terms, Some(FreightTerms::Fob));
    assert_eq!(started.terms.shipping_method, None);
    assert_eq!(started.bill_to, Some(address("Rua A")));
    assert_eq!(started.ship_to, Some(address("Rua B")));
    assert_eq!(started.zone.as_str(), "America/Sao_Paulo");
    assert_eq!((started.owner, started.key), (ana(), NEW_KEY));
    let fields =
        vec!["currency", "price_list", "payment_terms", "freight_terms", "bill_to", "ship_to"];
    assert_eq!(filled(started, CONTOSO), (fields, Some(Version(4))));
    assert_eq!(started.prefill.len(), 6);
}

#[test]
fn a_quote_takes_customer_contact_topic_and_currency_from_the_opportunity() {
    let judged = judge(from_deal());
    let started = started(&judged);
    assert_eq!(started.customer, CustomerRef::Account(CONTOSO));
    assert_eq!(started.contact, Some(BIA));
    assert_eq!(started.opportunity, Some(DEAL));
    assert_eq!(started.name, Some(deal_created().topic));
    assert_eq!(started.currency, Currency::new("BRL").unwrap());
    let fields = vec!["customer", "contact", "name", "currency"];
    assert_eq!(filled(started, DEAL), (fields, Some(Version(1))));
}

#[test]
fn what_is_given_is_not_filled_in() {
    let command = StartQuote {
        name: Some(Clear(line("Phase 2"))),
        currency: Some(Currency::new("USD").unwrap()),
        price_list: Some(line("US-2026")),
        payment_terms: Some(PaymentTerms::Net60),
        freight_terms: Some(FreightTerms::NoCharge),
        shipping_method: Some(line("Air")),
        bill_to: address("Rua C").clear().cloned().map(Clear),
        valid_until: Some(day("2026-05-31")),
        ..from_contoso()
    };
    let judged = judge(command);
    let started = started(&judged);
    assert_eq!(started.name, Some(Personal::Clear(line("Phase 2"))));
    assert_eq!(started.currency, Currency::new("USD").unwrap());
    assert_eq!(started.terms.price_list, Some(line("US-2026")));
    assert_eq!(started.terms.payment_terms, Some(PaymentTerms::Net60));
    assert_eq!(started.terms.freight_terms, Some(FreightTerms::NoCharge));
    assert_eq!(started.terms.shipping_method, Some(line("Air")));
    assert_eq!(started.bill_to, Some(address("Rua C")));
    assert_eq!(started.valid_until, Some(day("2026-05-31")));
    assert_eq!(filled(started, CONTOSO).0, vec!["ship_to"]);
}

#[test]
fn a_quote_is_sealed_under_the_key_of_the_person_who_buys_or_talks() {
    let person = StartQuote { customer: Some(CustomerRef::Contact(BIA)), ..start() };
    assert_eq!(started(&judge(person)).key, BIA_KEY);
    let contact = StartQuote { contact: Some(BIA), ..from_contoso() };
    assert_eq!(started(&judge(contact)).key, BIA_KEY);
    assert_eq!(started(&judge(from_deal())).key, BIA_KEY);
    assert_eq!(started(&judge(from_contoso())).key, NEW_KEY);
}

#[test]
fn a_persons_terms_are_taken_over_too() {
    let mut history = bia();
    let currency = Currency::new("JPY").ok();
    let terms = CommercialTerms { currency, ..CommercialTerms::default() };
    history.push(ContactEvent::from(CommercialTermsSet { terms }));
    let person = StartQuote { customer: Some(CustomerRef::Contact(BIA)), ..start() };
    let judged = given::<Quote>([]).with(BIA.stream(), history).when(person, |_| ());
    assert_eq!(started(&judged).currency.code(), "JPY");
    assert_eq!(filled(started(&judged), BIA), (vec!["currency"], Some(Version(2))));
}

#[test]
fn without_any_other_currency_it_is_the_organisations() {
    let person = StartQuote { customer: Some(CustomerRef::Contact(BIA)), ..start() };
    let judged = judge(person);
    assert_eq!(started(&judged).currency.code(), "BRL");
    assert!(started(&judged).prefill.is_empty());
}

#[test]
fn a_quote_needs_somebody_who_buys() {
    judge(start()).then_refused("quote.no_customer");
    let nobody = OpportunityCreated { customer: None, contact: None, ..deal_created() };
    given::<Quote>([])
        .with(DEAL.stream(), [OpportunityEvent::from(nobody)])
        .when(from_deal(), |_| ())
        .then_refused("quote.no_customer");
}

#[test]
fn a_quote_of_an_opportunity_has_its_currency() {
    let currency = Currency::new("USD").ok();
    judge(StartQuote { currency, ..from_deal() }).then_refused("document.currency_mismatch");
    let currency = Currency::new("BRL").ok();
    assert!(filled(started(&judge(StartQuote { currency, ..from_deal() })), DEAL).0.len() == 3);
}

#[test]
fn nothing_is_offered_for_an_opportunity_that_is_decided_or_unknown() {
    given::<Quote>([]).when(from_deal(), |_| ()).then_refused("record.not_found");
    let mut history = deal();
    history.push(
        OpportunityLost {
            status_reason: LostReason::Canceled,
            close_date: day("2026-05-01"),
            competitor: None,
        }
        .into(),
    );
    given::<Quote>([])
        .with(DEAL.stream(), history)
        .when(from_deal(), |_| ())
        .then_refused("opportunity.closed");
}

#[test]
fn nothing_is_offered_to_an_inactive_or_unknown_customer() {
    given::<Quote>([]).when(from_contoso(), |_| ()).then_refused("record.not_found");
    given::<Quote>([])
        .with(CONTOSO.stream(), contoso_inactive())
        .when(from_contoso(), |_| ())
        .then_refused("customer.inactive");
    given::<Quote>([])
        .with(CONTOSO.stream(), contoso())
        .with(BIA.stream(), bia_inactive())
        .when(StartQuote { contact: Some(BIA), ..from_contoso() }, |_| ())
        .then_refused("customer.inactive");
}

#[test]
fn the_owner_of_a_quote_must_be_an_enabled_user() {
    given::<Quote>([])
        .with(CONTOSO.stream(), contoso())
        .with(BOB.stream(), bob_disabled())
        .when(StartQuote { owner: Some(Principal::User(BOB)), ..from_contoso() }, |_| ())
        .then_refused("owner.unknown");
}

#[test]
fn an_id_makes_one_quote_only_and_takes_no_second_number() {
    let mut quote = Quote::default();
    let number = from_contoso().number(&quote, CommandId(QUOTE.0), day("2027-01-01"));
    assert_eq!(number, Some(NumberSequence { kind: NumberKind::Quote, year: 2027 }));
    crate::aggregate::Aggregate::evolve(&mut quote, &draft()[0]);
    assert_eq!(from_contoso().number(&quote, CommandId(QUOTE.0), day("2027-01-01")), None);
    given(draft()).when(from_contoso(), |_| ()).then_refused("record.exists");
}
