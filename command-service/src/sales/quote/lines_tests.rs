//! How the lines of a draft change.

use super::*;
use crate::{
    sales::fixtures::{QUOTE, active, brl, chairs, desks, draft, line, money, priced_draft},
    testing::{COMMAND, given},
};

fn add() -> AddQuoteLine {
    let DocumentLine { line_id, product, quantity, unit_price, discount, tax } = desks();
    AddQuoteLine {
        quote_id: QUOTE,
        line_id: Some(line_id),
        product,
        quantity,
        unit_price,
        discount,
        tax,
        currency: None,
    }
}

fn change() -> ChangeQuoteLine {
    ChangeQuoteLine {
        quote_id: QUOTE,
        line_id: desks().line_id,
        product: None,
        quantity: None,
        unit_price: None,
        discount: Change::Keep,
        tax: Change::Keep,
        currency: None,
    }
}

fn remove() -> RemoveQuoteLine {
    RemoveQuoteLine { quote_id: QUOTE, line_id: desks().line_id }
}

#[test]
fn a_line_is_added_once() {
    given(draft())
        .when(add(), |_| ())
        .then([QuoteLineAdded { revision: 0, line: desks() }])
        .when(add(), |_| ())
        .then_nothing();
}

#[test]
fn a_line_without_an_id_takes_it_from_the_command() {
    let line_id = Uuid::new_v5(&COMMAND.0, b"line");
    given(draft())
        .when(AddQuoteLine { line_id: None, ..add() }, |_| ())
        .then([QuoteLineAdded { revision: 0, line: DocumentLine { line_id, ..desks() } }]);
}

#[test]
fn another_line_of_the_same_id_is_refused() {
    given(priced_draft())
        .when(AddQuoteLine { product: line("Lamp"), ..add() }, |_| ())
        .then_refused("quote.line_exists");
}

#[test]
fn every_amount_of_a_line_is_in_the_currency_of_the_quote() {
    let mismatch = "document.currency_mismatch";
    let judge = |command| given(draft()).when(command, |_| ());
    let currency = Currency::new("USD").ok();
    judge(AddQuoteLine { currency, ..add() }).then_refused(mismatch);
    let discount = Some(Discount::Amount(money("1.00", "USD")));
    judge(AddQuoteLine { discount, ..add() }).then_refused(mismatch);
    judge(AddQuoteLine { tax: Some(money("1.00", "USD")), ..add() }).then_refused(mismatch);
    judge(AddQuoteLine { tax: Some(brl("-1.00")), ..add() })
        .then_refused("document.negative_amount");
    let change = ChangeQuoteLine { currency, ..change() };
    given(priced_draft()).when(change, |_| ()).then_refused(mismatch);
    let currency = Currency::new("BRL").ok();
    assert_eq!(judge(AddQuoteLine { currency, ..add() }).events().len(), 1);
}

#[test]
fn a_quote_has_at_most_500_lines() {
    let mut history = draft();
    history.extend((0..500).map(|n| {
        let line = DocumentLine { line_id: Uuid::from_u128(1000 + n), ..desks() };
        QuoteEvent::from(QuoteLineAdded { revision: 0, line })
    }));
    given(history).when(add(), |_| ()).then_refused("quote.too_many_lines");
}

#[test]
fn a_line_changes_to_what_was_given_and_keeps_the_rest() {
    let command = ChangeQuoteLine {
        quantity: Some("8".parse().unwrap()),
        discount: Change::Clear,
        tax: Change::Set(brl("3.00")),
        ..change()
    };
    let line = DocumentLine {
        quantity: "8".parse().unwrap(),
        discount: None,
        tax: Some(brl("3.00")),
        ..desks()
    };
    given(priced_draft())
        .when(command.clone(), |_| ())
        .then([QuoteLineChanged { revision: 0, line }])
        .when(command, |_| ())
        .then_nothing();
    given(priced_draft()).when(change(), |_| ()).then_nothing();
}

#[test]
fn a_line_that_is_not_there_is_not_changed_or_removed() {
    given(draft()).when(change(), |_| ()).then_refused("quote.line_not_found");
    given(draft()).when(remove(), |_| ()).then_refused("quote.line_not_found");
}

#[test]
fn a_line_is_removed_once_and_can_be_added_again() {
    given(priced_draft())
        .when(remove(), |_| ())
        .then([QuoteLineRemoved { revision: 0, line_id: desks().line_id }])
        .when(remove(), |_| ())
        .then_nothing()
        .when(add(), |_| ())
        .then([QuoteLineAdded { revision: 0, line: desks() }]);
}

#[test]
fn the_lines_of_an_active_quote_stay() {
    let chair = chairs().line_id;
    given(active()).when(add(), |_| ()).then_refused("quote.not_draft");
    given(active()).when(change(), |_| ()).then_refused("quote.not_draft");
    let command = RemoveQuoteLine { quote_id: QUOTE, line_id: chair };
    given(active()).when(command, |_| ()).then_refused("quote.not_draft");
    given::<Quote>([]).when(add(), |_| ()).then_refused("record.not_found");
}
