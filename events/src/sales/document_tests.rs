//! Documents add up as rule G9 says, step by step, each rounded once.

use proptest::prelude::*;

use super::*;

fn brl() -> Currency {
    Currency::new("BRL").unwrap()
}

fn money(amount: &str) -> Money {
    Money::parse(amount, brl()).unwrap()
}

fn percent(text: &str) -> Percent {
    text.parse().unwrap()
}

fn line(
    quantity: &str,
    price: &str,
    discount: Option<Discount>,
    tax: Option<Money>,
) -> DocumentLine {
    DocumentLine {
        line_id: Uuid::from_u128(1),
        product: Line::new("GTX Plus Pro").unwrap(),
        quantity: quantity.parse().unwrap(),
        unit_price: price.parse().unwrap(),
        discount,
        tax,
    }
}

fn net(quantity: &str, price: &str, discount: Discount) -> Result<String, PricingError> {
    line(quantity, price, Some(discount), None).net(brl()).map(Money::amount)
}

#[test]
fn the_quote_of_scenario_s09_adds_up() {
    let lines = [
        line("10", "150.00", Some(Discount::Percent(percent("5"))), None),
        line("4", "250.00", None, None),
    ];
    let pricing = Pricing {
        discount: Some(Discount::Percent(percent("2"))),
        freight: Some(money("50.00")),
        tax: Some(percent("10")),
    };
    let expected = Totals {
        subtotal: money("2425.00"),
        discount: money("48.50"),
        net: money("2376.50"),
        freight: money("50.00"),
        tax: money("237.65"),
        total: money("2664.15"),
    };
    assert_eq!(Totals::of(&lines, pricing, brl()), Ok(expected));
}

#[test]
fn an_empty_document_costs_its_freight() {
    let totals = Totals::of(&[], Pricing::default(), brl()).unwrap();
    assert_eq!(totals.total, money("0"));
    let pricing = Pricing { freight: Some(money("5")), ..Pricing::default() };
    assert_eq!(Totals::of(&[], pricing, brl()).unwrap().total, money("5"));
}

#[test]
fn a_line_is_rounded_once_after_its_discount() {
    // Half of 10.01 is 5.005: rounding the discount first would leave 5.01.
    assert_eq!(net("1", "10.01", Discount::Percent(percent("50"))).unwrap(), "5.00");
    // 1.015 less 0.01 is 1.005: rounding the gross first would leave 1.01.
    assert_eq!(net("1", "1.015", Discount::Amount(money("0.01"))).unwrap(), "1.00");
    assert_eq!(net("3", "0.333333", Discount::Amount(money("0"))).unwrap(), "1.00");
}

#[test]
fn all_may_be_taken_off_and_no_more() {
    assert_eq!(net("1", "10", Discount::Percent(Percent::HUNDRED)).unwrap(), "0.00");
    assert_eq!(net("1", "10", Discount::Amount(money("10"))).unwrap(), "0.00");
    assert_eq!(net("1", "0.996", Discount::Amount(money("1"))).unwrap(), "0.00");
    assert_eq!(net("1", "0.995", Discount::Amount(money("1"))).unwrap(), "0.00");
    let too_large = Err(PricingError::DiscountTooLarge);
    assert_eq!(net("1", "10", Discount::Amount(money("10.01"))), too_large);
    assert_eq!(net("1", "10", Discount::Amount(money("-0.01"))), too_large);
    let lines = [line("1", "10", None, None)];
    let discount = Some(Discount::Amount(money("10.01")));
    let pricing = Pricing { discount, ..Pricing::default() };
    assert_eq!(Totals::of(&lines, pricing, brl()), Err(PricingError::DiscountTooLarge));
}

#[test]
fn every_amount_is_in_the_currency_of_the_document() {
    let dollars = Money::parse("1", Currency::new("USD").unwrap()).unwrap();
    let mismatch = Err(PricingError::CurrencyMismatch);
    let plain = || line("1", "10", None, None);
    let off = Discount::Amount(dollars);
    let totals = |line, pricing| Totals::of(&[line], pricing, brl());
    let none = Pricing::default();
    assert_eq!(totals(line("1", "10", Some(off), None), none), mismatch);
    assert_eq!(totals(line("1", "10", None, Some(dollars)), none), mismatch);
    assert_eq!(totals(plain(), Pricing { discount: Some(off), ..none }), mismatch);
    assert_eq!(totals(plain(), Pricing { freight: Some(dollars), ..none }), mismatch);
}

#[test]
fn a_total_out_of_range_is_refused() {
    let lines = vec![line("1", "1000000000000", None, None); 11];
    assert!(Totals::of(&lines[..10], Pricing::default(), brl()).is_ok());
    assert_eq!(Totals::of(&lines, Pricing::default(), brl()), Err(PricingError::OutOfRange));
}

fn any_discount() -> impl Strategy<Value = Option<Discount>> {
    prop_oneof![
        Just(None),
        (0..=1_000_000_i64).prop_map(|share| Some(Discount::Percent(Percent::new(share).unwrap()))),
        (0..100_000_i128)
            .prop_map(|minor| Some(Discount::Amount(Money::new(minor, brl()).unwrap()))),
    ]
}

fn any_line() -> impl Strategy<Value = DocumentLine> {
    let tax = prop::option::of((0..10_000_i128).prop_map(|n| Money::new(n, brl()).unwrap()));
    (1..10_000_000_i64, 0..1_000_000_000_i64, any_discount(), tax).prop_map(
        |(quantity, price, discount, tax)| DocumentLine {
            quantity: Quantity::new(quantity).unwrap(),
            unit_price: UnitPrice::new(price).unwrap(),
            ..line("1", "1", discount, tax)
        },
    )
}

fn nearest(numerator: i128, denominator: i128) -> i128 {
    let guess = numerator / denominator;
    let distance = |n: &i128| (numerator - n * denominator).abs();
    (guess - 1..=guess + 1).min_by_key(|n| (distance(n), n.rem_euclid(2))).unwrap()
}

/// Rule G9 word for word, in fractions of 10^-15 of a minor unit.
fn by_the_rule(lines: &[DocumentLine], pricing: Pricing) -> Option<[i128; 6]> {
    const ONE: i128 = 1_000_000_000_000_000;
    const PERCENT: i128 = 1_000_000;
    let (mut subtotal, mut line_tax) = (0, 0);
    for line in lines {
        let gross = i128::from(line.quantity.scaled()) * i128::from(line.unit_price.scaled());
        let gross = gross * (ONE / 1_000_000_000);
        let off = match line.discount {
            None => 0,
            Some(Discount::Percent(share)) => gross / PERCENT * i128::from(share.scaled()),
            Some(Discount::Amount(amount)) => i128::from(amount.minor()) * ONE,
        };
        if nearest(gross, ONE) < off / ONE {
            return None;
        }
        subtotal += nearest(gross - off, ONE);
        line_tax += line.tax.map_or(0, |tax| i128::from(tax.minor()));
    }
    let discount = match pricing.discount {
        None => 0,
        Some(Discount::Percent(share)) => nearest(subtotal * i128::from(share.scaled()), PERCENT),
        Some(Discount::Amount(amount)) => i128::from(amount.minor()),
    };
    if discount > subtotal {
        return None;
    }
    let net = subtotal - discount;
    let freight = pricing.freight.map_or(0, |freight| i128::from(freight.minor()));
    let share = pricing.tax.map_or(0, |tax| i128::from(tax.scaled()));
    let tax = line_tax + nearest(net * share, PERCENT);
    Some([subtotal, discount, net, freight, tax, net + freight + tax])
}

proptest! {
    #[test]
    fn documents_add_up_by_the_rule(
        lines in prop::collection::vec(any_line(), 0..8),
        discount in any_discount(),
        freight in prop::option::of(0..100_000_i128),
        tax in prop::option::of(0..=1_000_000_i64),
    ) {
        let pricing = Pricing {
            discount,
            freight: freight.map(|minor| Money::new(minor, brl()).unwrap()),
            tax: tax.map(|share| Percent::new(share).unwrap()),
        };
        match Totals::of(&lines, pricing, brl()) {
            Ok(totals) => {
                let Totals { subtotal, discount, net, freight, tax, total } = totals;
                let amounts = [subtotal, discount, net, freight, tax, total];
                let amounts = amounts.map(|money| i128::from(money.minor()));
                prop_assert_eq!(by_the_rule(&lines, pricing), Some(amounts));
                prop_assert!(amounts.iter().all(|minor| *minor >= 0));
            }
            Err(error) => {
                prop_assert_eq!(error, PricingError::DiscountTooLarge);
                prop_assert_eq!(by_the_rule(&lines, pricing), None);
            }
        }
    }
}
