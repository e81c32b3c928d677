//! How a quote is accepted.

use events::{
    ids::QuoteId,
    personal::Personal,
    sales::{
        LostReason, OpportunityEvent, OpportunityLost, OpportunityQuoteOffered, OpportunityReopened,
    },
    values::Line,
};

use super::*;
use crate::{
    sales::{
        ActivateQuote, CloseQuote, ReviseQuote,
        fixtures::{
            CONTOSO, DEAL, QUOTE, acceptance, accepted, active, brl, contoso, contoso_inactive,
            day, deal, draft, line, money,
        },
    },
    testing::{Given, at, given},
};

fn accept() -> AcceptQuote {
    AcceptQuote {
        quote_id: QUOTE,
        revision: None,
        accepted_by: None,
        customer_reference: None,
        close_opportunity: CloseOpportunity::None,
        actual_value: None,
        accept_late: false,
    }
}

fn out() -> Given<Quote> {
    given(active()).with(CONTOSO.stream(), contoso())
}

#[test]
fn an_active_quote_is_accepted_once() {
    out()
        .when(accept(), |_| ())
        .then([acceptance()])
        .when(accept(), |facts| facts.now = at("2026-07-01T12:00:00Z"))
        .then_nothing();
}

#[test]
fn an_acceptance_keeps_everything_that_was_given() {
    let by: Line<160> = line("B. Silva");
    let command = AcceptQuote {
        revision: Some(0),
        accepted_by: Some(Clear(by.clone())),
        customer_reference: Some(line("PO 4711")),
        close_opportunity: CloseOpportunity::Won,
        actual_value: Some(brl("2500.00")),
        ..accept()
    };
    out().when(command, |_| ()).then([QuoteAccepted {
        accepted_by: Some(Personal::Clear(by)),
        customer_reference: Some(line("PO 4711")),
        close_opportunity: CloseOpportunity::Won,
        actual_value: brl("2500.00"),
        ..acceptance()
    }]);
}

#[test]
fn the_last_day_ends_in_the_zone_of_the_quote() {
    out()
        .when(accept(), |facts| facts.now = at("2026-06-01T02:59:59.999999Z"))
        .then([QuoteAccepted { accepted_on: day("2026-05-31"), ..acceptance() }]);
    out()
        .when(accept(), |facts| facts.now = at("2026-06-01T03:00:00Z"))
        .then_refused("quote.expired");
}

#[test]
fn a_late_acceptance_must_be_asked_for() {
    let late = AcceptQuote { accept_late: true, ..accept() };
    out()
        .when(late, |facts| facts.now = at("2026-06-01T03:00:00Z"))
        .then([QuoteAccepted { accepted_on: day("2026-06-01"), ..acceptance() }]);
}

#[test]
fn only_an_active_quote_is_accepted() {
    given(draft()).when(accept(), |_| ()).then_refused("quote.not_active");
    let status_reason = events::sales::QuoteCloseReason::Lost;
    out()
        .when(CloseQuote { quote_id: QUOTE, status_reason }, |_| ())
        .after()
        .when(accept(), |_| ())
        .then_refused("quote.not_active");
    given::<Quote>([]).when(accept(), |_| ()).then_refused("record.not_found");
}

#[test]
fn a_revision_that_was_revised_is_not_accepted() {
    let first = AcceptQuote { revision: Some(0), ..accept() };
    let second = AcceptQuote { revision: Some(1), ..accept() };
    out().when(second.clone(), |_| ()).then_refused("record.not_found");
    let again = || {
        let revised = out().when(ReviseQuote { quote_id: QUOTE }, |_| ()).after();
        revised.when(ActivateQuote { quote_id: QUOTE }, |_| ()).after()
    };
    again().when(first, |_| ()).then_refused("quote.not_active");
    again().when(second, |_| ()).then([QuoteAccepted {
        revision: 1,
        order: order_id(QUOTE, 1),
        ..acceptance()
    }]);
}

#[test]
fn an_acceptance_that_says_something_else_than_the_first_is_refused() {
    let refused = "quote.not_active";
    let again = |command| given(accepted()).with(CONTOSO.stream(), contoso()).when(command, |_| ());
    let close_opportunity = CloseOpportunity::Won;
    again(AcceptQuote { close_opportunity, ..accept() }).then_refused(refused);
    again(AcceptQuote { actual_value: Some(brl("1.00")), ..accept() }).then_refused(refused);
    again(AcceptQuote { customer_reference: Some(line("PO 2")), ..accept() }).then_refused(refused);
    again(AcceptQuote { accepted_by: Some(Clear(line("Eva"))), ..accept() }).then_refused(refused);
    again(AcceptQuote { actual_value: Some(brl("2664.15")), ..accept() }).then_nothing();
}

#[test]
fn an_inactive_customer_accepts_nothing() {
    given(active())
        .with(CONTOSO.stream(), contoso_inactive())
        .when(accept(), |_| ())
        .then_refused("customer.inactive");
}

#[test]
fn the_actual_value_is_in_the_currency_of_the_quote() {
    let judge = |value| out().when(AcceptQuote { actual_value: Some(value), ..accept() }, |_| ());
    judge(money("1.00", "USD")).then_refused("document.currency_mismatch");
    judge(brl("-1.00")).then_refused("document.negative_amount");
}

#[test]
fn an_acceptance_does_not_win_a_deal_that_has_other_active_quotes() {
    const OTHER: QuoteId = QuoteId(Uuid::from_u128(0x90f));
    let told = |quote| OpportunityEvent::from(OpportunityQuoteOffered { quote, revision: 0 });
    let judge = |close_opportunity, other| {
        out()
            .with(DEAL.stream(), deal().into_iter().chain([told(QUOTE), told(OTHER)]))
            .with(OTHER.stream(), other)
            .when(AcceptQuote { close_opportunity, ..accept() }, |_| ())
    };
    judge(CloseOpportunity::Won, active()).then_refused("opportunity.active_quotes");
    assert_eq!(judge(CloseOpportunity::Won, draft()).events().len(), 1);
    assert_eq!(judge(CloseOpportunity::None, active()).events().len(), 1);
}

#[test]
fn nothing_is_accepted_of_a_deal_that_is_lost() {
    let lost = OpportunityLost {
        status_reason: LostReason::OutSold,
        close_date: day("2026-05-20"),
        competitor: None,
    };
    let judge = |history: Vec<OpportunityEvent>, close_opportunity| {
        out()
            .with(DEAL.stream(), deal().into_iter().chain(history))
            .when(AcceptQuote { close_opportunity, ..accept() }, |_| ())
    };
    for close_opportunity in [CloseOpportunity::None, CloseOpportunity::Won] {
        let history = vec![lost.clone().into()];
        judge(history.clone(), close_opportunity).then_refused("opportunity.closed");
        let history = history.into_iter().chain([OpportunityReopened {}.into()]).collect();
        assert_eq!(judge(history, close_opportunity).events().len(), 1);
    }
}
