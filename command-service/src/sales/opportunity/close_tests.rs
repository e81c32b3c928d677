//! How a deal is decided, and taken up again.

use events::sales::{OpportunityCreated, OpportunityQuoteWithdrawn, QuoteEvent, QuoteStarted};

use super::*;
use crate::{
    sales::fixtures::{
        DEAL, QUOTE, accepted, active, brl, day, deal, deal_created, draft, line, money,
        quote_started,
    },
    testing::{Given, at, given},
};

fn win() -> WinOpportunity {
    WinOpportunity {
        opportunity_id: DEAL,
        actual_value: None,
        close_date: None,
        via_quote: None,
        quotes: Vec::new(),
    }
}

fn won() -> OpportunityWon {
    OpportunityWon { actual_value: brl("1000.00"), close_date: day("2026-05-20"), via_quote: None }
}

fn lose() -> LoseOpportunity {
    LoseOpportunity {
        opportunity_id: DEAL,
        status_reason: LostReason::OutSold,
        close_date: None,
        competitor: Some(line("Fabrikam")),
        quotes: Vec::new(),
    }
}

fn lost() -> OpportunityLost {
    OpportunityLost {
        status_reason: LostReason::OutSold,
        close_date: day("2026-05-20"),
        competitor: Some(line("Fabrikam")),
    }
}

fn after_win() -> Given<Opportunity> {
    given(deal()).when(win(), |_| ()).then([won()])
}

#[test]
fn a_win_takes_the_estimate_and_today_by_default() {
    after_win();
    let without_estimate = OpportunityCreated { estimated_value: None, ..deal_created() };
    given([without_estimate.into()])
        .when(win(), |_| ())
        .then([OpportunityWon { actual_value: brl("0.00"), ..won() }]);
}

#[test]
fn today_is_a_day_of_the_organisations_zone() {
    let yesterday = OpportunityWon { close_date: day("2026-05-19"), ..won() };
    given(deal()).when(win(), |facts| facts.now = at("2026-05-20T02:59:59Z")).then([yesterday]);
}

#[test]
fn a_win_is_dated_by_the_day_that_was_given() {
    let command = WinOpportunity {
        actual_value: Some(brl("900.00")),
        close_date: Some(day("2026-03-01")),
        ..win()
    };
    assert_eq!(Decide::effective_day(&command), Some(day("2026-03-01")));
    given(deal()).when(command, |_| ()).then([OpportunityWon {
        actual_value: brl("900.00"),
        close_date: day("2026-03-01"),
        via_quote: None,
    }]);
}

#[test]
fn nothing_is_decided_in_the_future() {
    let tomorrow = Some(day("2026-05-21"));
    given(deal())
        .when(WinOpportunity { close_date: tomorrow, ..win() }, |_| ())
        .then_refused("opportunity.close_date_future");
    given(deal())
        .when(LoseOpportunity { close_date: tomorrow, ..lose() }, |_| ())
        .then_refused("opportunity.close_date_future");
}

#[test]
fn the_actual_value_is_in_the_currency_and_not_negative() {
    let judge =
        |amount| given(deal()).when(WinOpportunity { actual_value: Some(amount), ..win() }, |_| ());
    judge(money("1.00", "USD")).then_refused("document.currency_mismatch");
    judge(brl("-1.00")).then_refused("document.negative_amount");
}

#[test]
fn a_quote_that_is_named_must_belong_to_the_opportunity() {
    let named = WinOpportunity { quotes: vec![QUOTE], ..win() };
    given(deal()).when(named.clone(), |_| ()).then_refused("record.not_found");
    let of_another = QuoteStarted { opportunity: None, ..quote_started() };
    given(deal())
        .with(QUOTE.stream(), [QuoteEvent::from(of_another)])
        .when(named.clone(), |_| ())
        .then_refused("record.not_found");
    given(deal()).with(QUOTE.stream(), draft()).when(named, |_| ()).then([won()]);
    let via = WinOpportunity { via_quote: Some(QUOTE), ..win() };
    given(deal())
        .with(QUOTE.stream(), draft())
        .when(via, |_| ())
        .then([OpportunityWon { via_quote: Some(QUOTE), ..won() }]);
}

#[test]
fn a_repeated_win_changes_nothing() {
    after_win().when(win(), |facts| facts.now = at("2026-06-01T12:00:00Z")).then_nothing();
    let same = WinOpportunity {
        actual_value: Some(brl("1000.00")),
        close_date: Some(day("2026-05-20")),
        ..win()
    };
    after_win().when(same, |_| ()).then_nothing();
}

#[test]
fn a_decided_deal_is_not_decided_otherwise() {
    let closed = "opportunity.closed";
    let other = WinOpportunity { actual_value: Some(brl("999.99")), ..win() };
    after_win().when(other, |_| ()).then_refused(closed);
    let other = WinOpportunity { close_date: Some(day("2026-05-19")), ..win() };
    after_win().when(other, |_| ()).then_refused(closed);
    after_win().when(lose(), |_| ()).then_refused(closed);
    given(deal()).when(lose(), |_| ()).after().when(win(), |_| ()).then_refused(closed);
}

#[test]
fn a_deal_is_lost_once_with_its_reason() {
    let canceled = LoseOpportunity { status_reason: LostReason::Canceled, ..lose() };
    given(deal())
        .when(lose(), |_| ())
        .then([lost()])
        .when(lose(), |facts| facts.now = at("2026-06-01T12:00:00Z"))
        .then_nothing()
        .when(canceled, |_| ())
        .then_refused("opportunity.closed");
    let dated = LoseOpportunity { close_date: Some(day("2026-03-01")), ..lose() };
    assert_eq!(Decide::effective_day(&dated), Some(day("2026-03-01")));
}

#[test]
fn a_decided_deal_is_reopened_once() {
    let reopen = ReopenOpportunity { opportunity_id: DEAL };
    after_win()
        .when(reopen.clone(), |_| ())
        .then([OpportunityReopened {}])
        .when(reopen, |_| ())
        .then_nothing()
        .when(lose(), |_| ())
        .then([lost()]);
}

#[test]
fn a_deal_that_was_never_decided_cannot_be_reopened() {
    let reopen = ReopenOpportunity { opportunity_id: DEAL };
    given(deal()).when(reopen.clone(), |_| ()).then_refused("opportunity.open");
    given::<Opportunity>([]).when(reopen, |_| ()).then_refused("record.not_found");
}

const OFFERED: OpportunityQuoteOffered = OpportunityQuoteOffered { quote: QUOTE, revision: 0 };

/// The deal, told that the quote is out.
fn told() -> Given<Opportunity> {
    given(deal().into_iter().chain([OFFERED.into()]))
}

fn lose_with_quote() -> LoseOpportunity {
    LoseOpportunity { quotes: vec![QUOTE], ..lose() }
}

#[test]
fn a_deal_with_an_active_quote_is_lost_only_if_the_quote_is_named() {
    let judge = |command| told().with(QUOTE.stream(), active()).when(command, |_| ());
    judge(lose()).then_refused("opportunity.active_quotes");
    judge(lose_with_quote()).then([lost()]);
    // The same again is no change, whatever became of the quote.
    judge(lose_with_quote()).after().when(lose_with_quote(), |_| ()).then_nothing();
}

#[test]
fn a_named_quote_that_is_not_noted_yet_is_noted_with_the_loss() {
    let judged = given(deal()).with(QUOTE.stream(), active()).when(lose_with_quote(), |_| ());
    judged.then([OpportunityEvent::from(OFFERED), lost().into()]);
    given(deal()).when(lose_with_quote(), |_| ()).then_refused("record.not_found");
}

#[test]
fn what_the_customer_has_accepted_is_not_lost() {
    let refusal = Refusal::OpportunityOrdered { quotes: vec![QUOTE] };
    assert_eq!(refusal.params()["quotes"], serde_json::json!([QUOTE]));
    let withdrawn = OpportunityQuoteWithdrawn { quote: QUOTE, revision: 0 };
    let noted = || given(deal().into_iter().chain([OFFERED.into(), withdrawn.clone().into()]));
    for own in [told(), noted()] {
        own.with(QUOTE.stream(), accepted())
            .when(lose(), |_| ())
            .then_refused("opportunity.ordered");
    }
    noted().with(QUOTE.stream(), draft()).when(lose(), |_| ()).then([lost()]);
}
