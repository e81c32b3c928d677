//! The life of a quote, without a sale.

use events::{
    money::UnitPrice,
    sales::{DocumentLine, QuoteLineAdded},
};

use super::*;
use crate::{
    sales::{
        SetQuoteFreight,
        fixtures::{QUOTE, accepted, active, brl, chairs, desks, draft, priced_draft, totals},
    },
    testing::{Given, given},
};

const ACTIVATE: ActivateQuote = ActivateQuote { quote_id: QUOTE };
const REVISE: ReviseQuote = ReviseQuote { quote_id: QUOTE };
const DISCARD: DiscardQuoteDraft = DiscardQuoteDraft { quote_id: QUOTE };

fn close(status_reason: QuoteCloseReason) -> CloseQuote {
    CloseQuote { quote_id: QUOTE, status_reason }
}

fn revised() -> Given<Quote> {
    given(active())
        .when(REVISE, |_| ())
        .then([QuoteRevised { closed_revision: 0, new_revision: 1 }])
}

#[test]
fn a_draft_is_activated_once_with_what_it_adds_up_to() {
    given(priced_draft())
        .when(ACTIVATE, |_| ())
        .then([QuoteActivated { revision: 0, totals: totals() }])
        .when(ACTIVATE, |_| ())
        .then_nothing();
}

#[test]
fn a_quote_without_lines_is_not_activated() {
    given(draft()).when(ACTIVATE, |_| ()).then_refused("quote.no_lines");
}

#[test]
fn a_quote_that_cannot_be_priced_is_not_activated() {
    let too_dear = DocumentLine {
        unit_price: UnitPrice::new(1_000_000_000_000_000_000).unwrap(),
        quantity: "1000000000".parse().unwrap(),
        ..chairs()
    };
    let mut history = draft();
    history.push(QuoteLineAdded { revision: 0, line: too_dear }.into());
    given(history).when(ACTIVATE, |_| ()).then_refused("quote.pricing_error");
}

#[test]
fn a_closed_quote_is_not_activated() {
    given(active())
        .when(close(QuoteCloseReason::Lost), |_| ())
        .after()
        .when(ACTIVATE, |_| ())
        .then_refused("quote.not_draft");
}

#[test]
fn a_revision_starts_with_the_lines_and_prices_of_the_one_before() {
    revised()
        .when(ACTIVATE, |_| ())
        .then([QuoteActivated { revision: 1, totals: totals() }])
        .when(REVISE, |_| ())
        .then([QuoteRevised { closed_revision: 1, new_revision: 2 }]);
}

#[test]
fn a_revision_is_edited_without_touching_the_one_before() {
    let freight = SetQuoteFreight { quote_id: QUOTE, freight: Some(brl("0.00")) };
    let judged = revised().when(freight, |_| ()).after().when(ACTIVATE, |_| ());
    let [QuoteEvent::Activated(activated)] = judged.events() else { panic!("not activated") };
    assert_eq!(activated.totals.total, brl("2614.15"));
    assert_eq!(activated.revision, 1);
}

#[test]
fn only_one_revision_is_open() {
    revised().when(REVISE, |_| ()).then_refused("quote.open_revision_exists");
    given(draft()).when(REVISE, |_| ()).then_refused("quote.open_revision_exists");
}

#[test]
fn a_won_or_closed_quote_is_not_revised() {
    given(accepted()).when(REVISE, |_| ()).then_refused("quote.not_active");
    given(active())
        .when(close(QuoteCloseReason::Canceled), |_| ())
        .after()
        .when(REVISE, |_| ())
        .then_refused("quote.not_active");
}

#[test]
fn an_active_quote_is_closed_once() {
    given(active())
        .when(close(QuoteCloseReason::Lost), |_| ())
        .then([QuoteClosed { revision: 0, status_reason: QuoteCloseReason::Lost }])
        .when(close(QuoteCloseReason::Lost), |_| ())
        .then_nothing()
        .when(close(QuoteCloseReason::Canceled), |_| ())
        .then_refused("quote.not_active");
}

#[test]
fn a_draft_is_discarded_and_never_closed() {
    given(draft()).when(close(QuoteCloseReason::Lost), |_| ()).then_refused("quote.not_active");
    given(draft())
        .when(DISCARD, |_| ())
        .then([QuoteDraftDiscarded { revision: 0 }])
        .when(DISCARD, |_| ())
        .then_nothing()
        .when(ACTIVATE, |_| ())
        .then_refused("quote.not_draft");
}

#[test]
fn an_active_quote_is_not_discarded() {
    given(active()).when(DISCARD, |_| ()).then_refused("quote.not_draft");
}

#[test]
fn a_refusal_names_the_state_that_refuses() {
    let mut quote = Quote::default();
    for event in accepted() {
        crate::aggregate::Aggregate::evolve(&mut quote, &event);
    }
    let refusal = quote.draft().map(|_| ()).unwrap_err();
    assert_eq!(refusal, Refusal::QuoteNotDraft { state: "Won", status_reason: "Won" });
    assert_eq!(refusal.params()["state"], "Won");
    assert_eq!(quote.started().unwrap().line(desks().line_id), Some(&desks()));
}
