//! How a draft is priced.

use super::*;
use crate::{
    sales::fixtures::{QUOTE, active, brl, day, draft, money},
    testing::given,
};

fn discount(discount: Option<Discount>) -> SetQuoteDiscount {
    SetQuoteDiscount { quote_id: QUOTE, discount }
}

fn freight(freight: Option<Money>) -> SetQuoteFreight {
    SetQuoteFreight { quote_id: QUOTE, freight }
}

fn tax(tax: Option<Percent>) -> SetQuoteTax {
    SetQuoteTax { quote_id: QUOTE, tax }
}

fn validity(valid_until: Option<Day>) -> SetQuoteValidity {
    SetQuoteValidity { quote_id: QUOTE, valid_until }
}

#[test]
fn a_discount_is_set_once_and_taken_back() {
    let off = Some(Discount::Amount(brl("10.00")));
    given(draft())
        .when(discount(off), |_| ())
        .then([QuoteDiscountSet { revision: 0, discount: off }])
        .when(discount(off), |_| ())
        .then_nothing()
        .when(discount(None), |_| ())
        .then([QuoteDiscountSet { revision: 0, discount: None }]);
}

#[test]
fn freight_is_set_once_and_taken_back() {
    let fifty = Some(brl("50.00"));
    given(draft())
        .when(freight(fifty), |_| ())
        .then([QuoteFreightSet { revision: 0, freight: fifty }])
        .when(freight(fifty), |_| ())
        .then_nothing()
        .when(freight(None), |_| ())
        .then([QuoteFreightSet { revision: 0, freight: None }]);
}

#[test]
fn tax_is_set_once_and_taken_back() {
    let ten = "10".parse().ok();
    given(draft())
        .when(tax(ten), |_| ())
        .then([QuoteTaxSet { revision: 0, tax: ten }])
        .when(tax(ten), |_| ())
        .then_nothing()
        .when(tax(None), |_| ())
        .then([QuoteTaxSet { revision: 0, tax: None }]);
}

#[test]
fn the_validity_is_set_once_and_taken_back() {
    let june = Some(day("2026-06-30"));
    given(draft())
        .when(validity(june), |_| ())
        .then([QuoteValiditySet { revision: 0, valid_until: june }])
        .when(validity(june), |_| ())
        .then_nothing()
        .when(validity(None), |_| ())
        .then([QuoteValiditySet { revision: 0, valid_until: None }]);
}

#[test]
fn amounts_are_in_the_currency_of_the_quote_and_not_negative() {
    let dollar = money("1.00", "USD");
    let mismatch = "document.currency_mismatch";
    let off = Some(Discount::Amount(dollar));
    given(draft()).when(discount(off), |_| ()).then_refused(mismatch);
    given(draft()).when(freight(Some(dollar)), |_| ()).then_refused(mismatch);
    let negative = "document.negative_amount";
    let off = Some(Discount::Amount(brl("-1.00")));
    given(draft()).when(discount(off), |_| ()).then_refused(negative);
    given(draft()).when(freight(Some(brl("-1.00"))), |_| ()).then_refused(negative);
}

#[test]
fn an_active_quote_keeps_its_price() {
    let locked = "quote.not_draft";
    given(active()).when(discount(None), |_| ()).then_refused(locked);
    given(active()).when(freight(None), |_| ()).then_refused(locked);
    given(active()).when(tax(None), |_| ()).then_refused(locked);
    given(active()).when(validity(None), |_| ()).then_refused(locked);
}

#[test]
fn a_setting_is_taken_back_by_null_and_never_by_silence() {
    let id = QUOTE.0;
    let parse = |body: &str| serde_json::from_str::<SetQuoteDiscount>(body);
    let null = parse(&format!(r#"{{"quote_id": "{id}", "discount": null}}"#));
    assert_eq!(null.unwrap().discount, None);
    assert!(parse(&format!(r#"{{"quote_id": "{id}"}}"#)).is_err());
    let both = r#"{"percent": "5", "amount": {"amount": "1", "currency": "BRL"}}"#;
    assert!(parse(&format!(r#"{{"quote_id": "{id}", "discount": {both}}}"#)).is_err());
}
