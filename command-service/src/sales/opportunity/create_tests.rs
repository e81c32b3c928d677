//! How a deal comes into sight.

use events::{
    Actor, ActorKind,
    ids::{CustomerRef, OpportunityId, Principal},
    money::Currency,
    personal::{Clear, Personal},
    sales::OpportunityEvent,
};
use uuid::Uuid;

use super::*;
use crate::{
    sales::fixtures::{
        BIA, BIA_KEY, BOB, CONTOSO, DEAL, ana, bia, bia_inactive, bob, bob_disabled, brl, contoso,
        contoso_inactive, day, deal, deal_created, line, money,
    },
    testing::{COMMAND, NEW_KEY, given},
};

fn create() -> CreateOpportunity {
    CreateOpportunity {
        opportunity_id: Some(DEAL),
        topic: Clear(line("A new kitchen")),
        customer: None,
        contact: None,
        product: None,
        currency: None,
        estimated_value: None,
        estimated_close_date: None,
        probability: None,
        stage: None,
        rating: None,
        description: None,
        owner: None,
    }
}

fn created(events: &[OpportunityEvent]) -> &OpportunityCreated {
    match events {
        [OpportunityEvent::Created(created)] => created,
        other => panic!("one creation was expected, not {other:?}"),
    }
}

#[test]
fn an_opportunity_is_created_with_everything_that_was_given() {
    let command = CreateOpportunity {
        customer: Some(CustomerRef::Account(CONTOSO)),
        contact: Some(BIA),
        product: Some(line("GTX Pro")),
        estimated_value: Some(brl("1000.00")),
        estimated_close_date: Some(day("2026-06-30")),
        probability: Some("12.5".parse().unwrap()),
        stage: Some(line("Propose")),
        rating: Some(Rating::Hot),
        description: Some(Clear(Prose::new("Called us.").unwrap())),
        owner: Some(Principal::User(BOB)),
        ..create()
    };
    given::<Opportunity>([])
        .with(CONTOSO.stream(), contoso())
        .with(BIA.stream(), bia())
        .with(BOB.stream(), bob())
        .when(command, |_| ())
        .then([OpportunityCreated {
            product: Some(line("GTX Pro")),
            estimated_close_date: Some(day("2026-06-30")),
            probability: Some("12.5".parse().unwrap()),
            stage: line("Propose"),
            rating: Some(Rating::Hot),
            description: Some(Personal::Clear(Prose::new("Called us.").unwrap())),
            owner: Principal::User(BOB),
            ..deal_created()
        }]);
}

#[test]
fn what_is_not_given_has_a_default() {
    let judged = given::<Opportunity>([]).when(create(), |_| ());
    let created = created(judged.events());
    assert_eq!(created.stage, line("Qualify"));
    assert_eq!(created.currency, Currency::new("BRL").unwrap());
    assert_eq!(created.owner, ana());
    assert_eq!(created.key, NEW_KEY);
}

#[test]
fn the_currency_is_the_estimates_else_the_customers_else_the_organisations() {
    let customer = Some(CustomerRef::Account(CONTOSO));
    let of = |command| {
        let judged =
            given::<Opportunity>([]).with(CONTOSO.stream(), contoso()).when(command, |_| ());
        created(judged.events()).currency.code()
    };
    let estimated_value = Some(money("5", "JPY"));
    assert_eq!(of(CreateOpportunity { customer, estimated_value, ..create() }), "JPY");
    assert_eq!(of(CreateOpportunity { customer, ..create() }), "EUR");
    assert_eq!(of(create()), "BRL");
}

#[test]
fn a_deal_with_a_person_is_sealed_under_the_key_of_the_person() {
    let command = CreateOpportunity { customer: Some(CustomerRef::Contact(BIA)), ..create() };
    let judged = given::<Opportunity>([]).with(BIA.stream(), bia()).when(command, |_| ());
    assert_eq!(created(judged.events()).key, BIA_KEY);
}

#[test]
fn an_id_makes_one_record_only() {
    given(deal()).when(create(), |_| ()).then_refused("record.exists");
}

#[test]
fn without_an_id_the_record_takes_its_id_from_the_command() {
    let command = CreateOpportunity { opportunity_id: None, ..create() };
    assert_eq!(command.record(COMMAND), COMMAND.record());
    let id = OpportunityId(Uuid::from_u128(1));
    assert_eq!(CreateOpportunity { opportunity_id: Some(id), ..create() }.record(COMMAND), id.0);
}

#[test]
fn a_customer_or_contact_who_is_not_there_is_refused() {
    for (customer, contact) in [
        (Some(CustomerRef::Account(CONTOSO)), None),
        (Some(CustomerRef::Contact(BIA)), None),
        (None, Some(BIA)),
    ] {
        let command = CreateOpportunity { customer, contact, ..create() };
        given::<Opportunity>([]).when(command, |_| ()).then_refused("record.not_found");
    }
}

#[test]
fn an_inactive_customer_or_contact_is_refused() {
    for (customer, contact) in [
        (Some(CustomerRef::Account(CONTOSO)), None),
        (Some(CustomerRef::Contact(BIA)), None),
        (None, Some(BIA)),
    ] {
        given::<Opportunity>([])
            .with(CONTOSO.stream(), contoso_inactive())
            .with(BIA.stream(), bia_inactive())
            .when(CreateOpportunity { customer, contact, ..create() }, |_| ())
            .then_refused("customer.inactive");
    }
}

#[test]
fn the_owner_must_be_an_enabled_user() {
    let command = CreateOpportunity { owner: Some(Principal::User(BOB)), ..create() };
    given::<Opportunity>([]).when(command.clone(), |_| ()).then_refused("owner.unknown");
    given::<Opportunity>([])
        .with(BOB.stream(), bob_disabled())
        .when(command, |_| ())
        .then_refused("owner.unknown");
}

#[test]
fn who_is_no_user_must_name_the_owner() {
    given::<Opportunity>([])
        .when(create(), |facts| {
            facts.actor = Actor { kind: ActorKind::System, id: Uuid::nil() };
        })
        .then_refused("owner.missing");
}

#[test]
fn the_estimate_is_in_the_currency_and_not_negative() {
    let estimate = |amount| CreateOpportunity {
        estimated_value: Some(amount),
        currency: Currency::new("BRL").ok(),
        ..create()
    };
    let judge = |command| given::<Opportunity>([]).when(command, |_| ());
    judge(estimate(money("1", "USD"))).then_refused("document.currency_mismatch");
    judge(estimate(brl("-0.01"))).then_refused("document.negative_amount");
    assert_eq!(judge(estimate(brl("0.00"))).events().len(), 1);
}

#[test]
fn the_body_knows_no_other_fields() {
    let parse = |body| serde_json::from_str::<CreateOpportunity>(body);
    assert!(parse(r#"{"topic": "A", "probability": "10"}"#).is_ok());
    assert!(parse(r#"{"topic": "A", "propability": "10"}"#).is_err());
    assert!(parse(r#"{"topic": "A", "probability": "101"}"#).is_err());
    assert!(parse("{}").is_err());
}
