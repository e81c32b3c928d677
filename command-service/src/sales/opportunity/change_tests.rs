//! How an open deal changes.

use events::personal::Personal;

use super::*;
use crate::{
    sales::{
        fixtures::{
            BIA, CONTOSO, DEAL, bia, bia_inactive, brl, contoso_inactive, day, deal, line, money,
        },
        opportunity::LoseOpportunity,
    },
    testing::{Given, given},
};

fn lost() -> Given<Opportunity> {
    let lose = LoseOpportunity {
        opportunity_id: DEAL,
        status_reason: events::sales::LostReason::OutSold,
        close_date: None,
        competitor: None,
        quotes: Vec::new(),
    };
    given(deal()).when(lose, |_| ()).after()
}

fn details() -> ChangeOpportunityDetails {
    ChangeOpportunityDetails {
        opportunity_id: DEAL,
        topic: None,
        customer: Change::Keep,
        contact: Change::Keep,
        product: Change::Keep,
        rating: Change::Keep,
        description: Change::Keep,
    }
}

#[test]
fn details_change_to_what_was_given_and_keep_the_rest() {
    let command = ChangeOpportunityDetails {
        customer: Change::Set(CustomerRef::Contact(BIA)),
        contact: Change::Clear,
        product: Change::Clear,
        rating: Change::Set(Rating::Cold),
        ..details()
    };
    given(deal())
        .with(BIA.stream(), bia())
        .when(command.clone(), |_| ())
        .then([OpportunityDetailsChanged {
            customer: Change::Set(CustomerRef::Contact(BIA)),
            contact: Change::Clear,
            rating: Change::Set(Rating::Cold),
            ..OpportunityDetailsChanged::default()
        }])
        .when(command, |_| ())
        .then_nothing();
}

#[test]
fn details_that_are_the_case_already_change_nothing() {
    given(deal()).when(details(), |_| ()).then_nothing();
    let same = ChangeOpportunityDetails {
        customer: Change::Set(CustomerRef::Account(CONTOSO)),
        contact: Change::Set(BIA),
        product: Change::Clear,
        ..details()
    };
    given(deal()).when(same, |_| ()).then_nothing();
}

#[test]
fn personal_details_are_always_written() {
    let command =
        ChangeOpportunityDetails { topic: Some(Clear(line("A new kitchen"))), ..details() };
    given(deal()).when(command, |_| ()).then([OpportunityDetailsChanged {
        topic: Some(Personal::Clear(line("A new kitchen"))),
        ..OpportunityDetailsChanged::default()
    }]);
    let command = ChangeOpportunityDetails { description: Change::Clear, ..details() };
    given(deal()).when(command, |_| ()).then([OpportunityDetailsChanged {
        description: Change::Clear,
        ..OpportunityDetailsChanged::default()
    }]);
}

#[test]
fn a_new_customer_or_contact_must_be_there_and_active() {
    let customer =
        ChangeOpportunityDetails { customer: Change::Set(CustomerRef::Contact(BIA)), ..details() };
    given(deal()).when(customer.clone(), |_| ()).then_refused("record.not_found");
    given(deal())
        .with(BIA.stream(), bia_inactive())
        .when(customer, |_| ())
        .then_refused("customer.inactive");
    // Who is on it already stays on it, whatever became of them.
    let same = ChangeOpportunityDetails {
        customer: Change::Set(CustomerRef::Account(CONTOSO)),
        ..details()
    };
    given(deal()).with(CONTOSO.stream(), contoso_inactive()).when(same, |_| ()).then_nothing();
}

#[test]
fn a_decided_deal_is_not_edited() {
    let closed = "opportunity.closed";
    let estimated_value = Some(brl("5.00"));
    lost().when(details(), |_| ()).then_refused(closed);
    lost().when(stage("Engage"), |_| ()).then_refused(closed);
    lost().when(probability("5"), |_| ()).then_refused(closed);
    lost().when(estimate(estimated_value), |_| ()).then_refused(closed);
    lost().when(close_date("2026-06-30"), |_| ()).then_refused(closed);
}

#[test]
fn a_deal_that_is_not_there_is_not_edited() {
    given::<Opportunity>([]).when(stage("Engage"), |_| ()).then_refused("record.not_found");
}

fn stage(name: &str) -> ChangeOpportunityStage {
    ChangeOpportunityStage { opportunity_id: DEAL, stage: line(name) }
}

#[test]
fn the_stage_changes_once() {
    given(deal())
        .when(stage("Engage"), |_| ())
        .then([StageChanged { from: line("Qualify"), to: line("Engage") }])
        .when(stage("Engage"), |_| ())
        .then_nothing();
}

fn probability(percent: &str) -> ChangeOpportunityProbability {
    let probability = Some(percent.parse().unwrap());
    ChangeOpportunityProbability { opportunity_id: DEAL, probability }
}

#[test]
fn the_probability_changes_once_and_can_be_taken_back() {
    let none = ChangeOpportunityProbability { opportunity_id: DEAL, probability: None };
    given(deal())
        .when(probability("12.5"), |_| ())
        .then([ProbabilityChanged { probability: Some("12.5".parse().unwrap()) }])
        .when(probability("12.5000"), |_| ())
        .then_nothing()
        .when(none.clone(), |_| ())
        .then([ProbabilityChanged { probability: None }])
        .when(none, |_| ())
        .then_nothing();
}

fn estimate(estimated_value: Option<Money>) -> ChangeOpportunityEstimate {
    ChangeOpportunityEstimate { opportunity_id: DEAL, estimated_value }
}

#[test]
fn the_estimate_changes_once_and_can_be_taken_back() {
    given(deal())
        .when(estimate(Some(brl("1000.00"))), |_| ())
        .then_nothing()
        .when(estimate(Some(brl("1500.00"))), |_| ())
        .then([EstimateChanged { estimated_value: Some(brl("1500.00")) }])
        .when(estimate(None), |_| ())
        .then([EstimateChanged { estimated_value: None }]);
}

#[test]
fn an_estimate_in_another_currency_or_below_nothing_is_refused() {
    let judge = |amount| given(deal()).when(estimate(Some(amount)), |_| ());
    judge(money("1.00", "USD")).then_refused("document.currency_mismatch");
    judge(brl("-1.00")).then_refused("document.negative_amount");
}

fn close_date(text: &str) -> MoveCloseDate {
    MoveCloseDate { opportunity_id: DEAL, estimated_close_date: Some(day(text)) }
}

#[test]
fn the_estimated_close_date_moves_once() {
    let june = Some(day("2026-06-30"));
    given(deal())
        .when(close_date("2026-06-30"), |_| ())
        .then([CloseDateMoved { from: None, to: june }])
        .when(close_date("2026-06-30"), |_| ())
        .then_nothing()
        .when(MoveCloseDate { opportunity_id: DEAL, estimated_close_date: None }, |_| ())
        .then([CloseDateMoved { from: june, to: None }]);
}

#[test]
fn a_value_is_taken_back_by_null_and_never_by_silence() {
    let parse = |body: String| serde_json::from_str::<ChangeOpportunityEstimate>(&body);
    let id = DEAL.0;
    let null = parse(format!(r#"{{"opportunity_id": "{id}", "estimated_value": null}}"#));
    assert_eq!(null.unwrap().estimated_value, None);
    assert!(parse(format!(r#"{{"opportunity_id": "{id}"}}"#)).is_err());
}

#[test]
fn absent_keeps_and_null_clears_a_detail() {
    let body = format!(r#"{{"opportunity_id": "{}", "contact": null}}"#, DEAL.0);
    let command: ChangeOpportunityDetails = serde_json::from_str(&body).unwrap();
    assert_eq!((command.contact, command.customer), (Change::Clear, Change::Keep));
    assert_eq!(
        serde_json::to_string(&command).unwrap(),
        body.replace(": ", ":").replace(", ", ",")
    );
}
