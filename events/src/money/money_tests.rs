//! Money is exact, or it is refused: judged by arithmetic of another kind.

use proptest::prelude::*;

use super::*;

fn currency(code: &str) -> Currency {
    Currency::new(code).unwrap()
}

/// The integer nearest to `numerator / denominator`; of two equally near ones the even one.
fn nearest(numerator: i128, denominator: i128) -> i128 {
    let guess = numerator / denominator;
    let distance = |n: &i128| (numerator - n * denominator).abs();
    (guess - 1..=guess + 1).min_by_key(|n| (distance(n), n.rem_euclid(2))).unwrap()
}

#[test]
fn ties_go_to_the_even_neighbour() {
    for (numerator, rounded) in [
        (5, 0),
        (15, 2),
        (25, 2),
        (35, 4),
        (4, 0),
        (6, 1),
        (14, 1),
        (16, 2),
        (-5, 0),
        (-15, -2),
        (-25, -2),
        (-35, -4),
        (-6, -1),
        (-14, -1),
        (0, 0),
    ] {
        assert_eq!(divide_half_even(numerator, 10), rounded, "{numerator}/10");
    }
    assert_eq!(divide_half_even(1, 3), 0);
    assert_eq!(divide_half_even(-2, 3), -1);
    assert_eq!(divide_half_even(7, 1), 7);
}

#[test]
fn amounts_have_the_decimals_of_their_currency() {
    for (amount, code, minor) in [
        ("12.34", "BRL", 1_234),
        ("12", "BRL", 1_200),
        ("12.3", "BRL", 1_230),
        ("-0.01", "USD", -1),
        ("-0", "USD", 0),
        ("0012.50", "EUR", 1_250),
        ("1000", "JPY", 1_000),
        ("1.234", "KWD", 1_234),
        ("10000000000000.00", "BRL", Money::MAX_MINOR),
    ] {
        assert_eq!(Money::parse(amount, currency(code)).unwrap().minor(), minor, "{amount} {code}");
    }
}

#[test]
fn what_is_no_amount_of_the_currency_is_refused() {
    use AmountError::{Malformed, OutOfRange, TooManyDecimals};
    for (amount, code, error) in [
        ("1000.5", "JPY", TooManyDecimals(0)),
        ("1.234", "USD", TooManyDecimals(2)),
        ("1.2345", "KWD", TooManyDecimals(3)),
        ("10000000000000.01", "BRL", OutOfRange),
        ("-10000000000000.01", "BRL", OutOfRange),
        ("9223372036854775807", "JPY", OutOfRange),
        ("9223372036854775808", "JPY", OutOfRange),
        ("340282366920938463463374607431768211456", "JPY", OutOfRange),
        ("", "BRL", Malformed),
        (".", "BRL", Malformed),
        ("1.", "BRL", Malformed),
        (".5", "BRL", Malformed),
        ("+1", "BRL", Malformed),
        ("--1", "BRL", Malformed),
        ("1,50", "BRL", Malformed),
        ("1 000", "BRL", Malformed),
        ("1e3", "BRL", Malformed),
        ("0x10", "BRL", Malformed),
        ("NaN", "BRL", Malformed),
        ("inf", "BRL", Malformed),
        ("1.2.3", "BRL", Malformed),
        (" 1", "BRL", Malformed),
        ("١٢", "BRL", Malformed),
        ("-", "BRL", Malformed),
        ("1_000", "BRL", Malformed),
        ("R$ 1", "BRL", Malformed),
    ] {
        assert_eq!(Money::parse(amount, currency(code)), Err(error), "{amount:?} {code}");
    }
}

#[test]
fn currencies_are_those_of_iso_4217_with_minor_units() {
    for (code, decimals) in [("BRL", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("USD", 2)] {
        assert_eq!(currency(code).decimals(), decimals, "{code}");
    }
    for code in ["", "ABC", "XXX", "XTS", "XAU", "brl", "BR", "BRLL", "R$", "🇧🇷"] {
        assert_eq!(Currency::new(code), Err(AmountError::UnknownCurrency), "{code:?}");
    }
}

#[test]
fn shares_prices_and_quantities_keep_their_ranges() {
    assert_eq!("100".parse::<Percent>(), Ok(Percent::HUNDRED));
    assert_eq!("0".parse::<Percent>(), Ok(Percent::ZERO));
    assert_eq!("33.3333".parse::<Percent>().unwrap().scaled(), 333_333);
    for text in ["100.01", "101", "-1", "-0.0001"] {
        assert_eq!(text.parse::<Percent>(), Err(AmountError::OutOfRange), "{text}");
    }
    assert_eq!("0.33333".parse::<Percent>(), Err(AmountError::TooManyDecimals(4)));
    assert_eq!("0".parse::<Quantity>(), Err(AmountError::OutOfRange));
    assert_eq!("-1".parse::<Quantity>(), Err(AmountError::OutOfRange));
    assert_eq!("0.00001".parse::<Quantity>().unwrap().scaled(), 1);
    assert_eq!("0.000001".parse::<Quantity>(), Err(AmountError::TooManyDecimals(5)));
    assert_eq!("-0.01".parse::<UnitPrice>(), Err(AmountError::OutOfRange));
    assert!("0".parse::<UnitPrice>().is_ok());
    assert!("1000000000000".parse::<UnitPrice>().is_ok());
    assert_eq!("1000000000000.000001".parse::<UnitPrice>(), Err(AmountError::OutOfRange));
}

#[test]
fn the_largest_product_is_refused_and_does_not_overflow() {
    let (quantity, price) = (Quantity::new(1_000_000_000_000_000), UnitPrice::new(10_i64.pow(18)));
    let (quantity, price) = (quantity.unwrap(), price.unwrap());
    for code in ["JPY", "BRL", "CLF"] {
        let refused = Err(AmountError::OutOfRange);
        assert_eq!(extend(quantity, price, currency(code)), refused);
        assert_eq!(extend_less_share(quantity, price, Percent::HUNDRED, currency(code)), refused);
        assert_eq!(extend_less_amount(quantity, price, Money::zero(currency(code))), refused);
    }
}

#[test]
fn json_is_an_object_of_texts_and_nothing_else() {
    let money = Money::parse("12.34", currency("BRL")).unwrap();
    let json = r#"{"amount":"12.34","currency":"BRL"}"#;
    assert_eq!(serde_json::to_string(&money).unwrap(), json);
    assert_eq!(serde_json::from_str::<Money>(json).unwrap(), money);
    assert_eq!(
        serde_json::from_str::<Money>(r#"{"amount":"1\u0032.34","currency":"BRL"}"#).unwrap(),
        money
    );
    assert_eq!(
        serde_json::from_value::<Money>(serde_json::from_str(json).unwrap()).unwrap(),
        money
    );
    for json in [
        r#"{"amount":12.34,"currency":"BRL"}"#,
        r#"{"amount":"12.345","currency":"BRL"}"#,
        r#"{"amount":"12.34","currency":"XXX"}"#,
        r#"{"amount":"12.34"}"#,
        r#"{"amount":"12.34","currency":"BRL","x":1}"#,
        r#"{"amount":"1","amount":"2","currency":"BRL"}"#,
        r#""12.34 BRL""#,
        "12.34",
        "null",
    ] {
        assert!(serde_json::from_str::<Money>(json).is_err(), "{json}");
    }
}

fn any_currency() -> impl Strategy<Value = Currency> {
    prop::sample::select(vec!["JPY", "BRL", "USD", "KWD", "CLF"]).prop_map(currency)
}

fn any_money() -> impl Strategy<Value = Money> {
    (-Money::MAX_MINOR..=Money::MAX_MINOR, any_currency())
        .prop_map(|(minor, currency)| Money::new(minor.into(), currency).unwrap())
}

/// Small and large ones alike: rounding shows in the small.
fn scaled(max: i64) -> impl Strategy<Value = i64> {
    prop_oneof![1..=max.min(10_000_000), 1..=max]
}

/// What a product scaled to 11 decimals times `share` (of a million) is in minor units.
fn exactly(product: i128, share: i128, currency: Currency) -> i128 {
    nearest(product * share, 10_i128.pow(11 - currency.decimals()) * 1_000_000)
}

proptest! {
    #[test]
    fn an_amount_is_its_text(money in any_money()) {
        prop_assert_eq!(Money::parse(&money.amount(), money.currency()), Ok(money));
        let json = serde_json::to_string(&money).unwrap();
        prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
    }

    #[test]
    fn scaled_numbers_are_their_texts(
        price in scaled(10_i64.pow(18)),
        quantity in scaled(10_i64.pow(15)),
        percent in 0..=1_000_000_i64,
    ) {
        let price = UnitPrice::new(price).unwrap();
        prop_assert_eq!(price.to_string().parse(), Ok(price));
        let quantity = Quantity::new(quantity).unwrap();
        prop_assert_eq!(quantity.to_string().parse(), Ok(quantity));
        let percent = Percent::new(percent).unwrap();
        prop_assert_eq!(percent.to_string().parse(), Ok(percent));
    }

    #[test]
    fn no_text_makes_parsing_panic(text in "[-+0-9.,eE ]{0,50}|.*") {
        for code in ["JPY", "BRL", "CLF"] {
            let _parsed = Money::parse(&text, currency(code)).is_ok();
        }
    }

    #[test]
    fn division_is_to_the_nearest(numerator in -10_i128.pow(30)..10_i128.pow(30), denominator in 1..10_i128.pow(12)) {
        prop_assert_eq!(divide_half_even(numerator, denominator), nearest(numerator, denominator));
    }

    #[test]
    fn a_share_is_to_the_nearest_minor_unit(money in any_money(), percent in 0..=1_000_000_i64) {
        let share = money.share(Percent::new(percent).unwrap());
        let exact = nearest(i128::from(money.minor()) * i128::from(percent), 1_000_000);
        prop_assert_eq!(i128::from(share.minor()), exact);
        prop_assert_eq!(share.currency(), money.currency());
    }

    #[test]
    fn a_line_is_rounded_once(
        quantity in scaled(10_i64.pow(15)),
        price in scaled(10_i64.pow(18)),
        percent in 0..=1_000_000_i64,
        off in 0..1_000_000_i64,
        currency in any_currency(),
    ) {
        let product = i128::from(quantity) * i128::from(price);
        let (quantity, price) = (Quantity::new(quantity).unwrap(), UnitPrice::new(price).unwrap());
        let gross = nearest(product, 10_i128.pow(11 - currency.decimals()));
        if gross > i128::from(Money::MAX_MINOR) {
            prop_assert_eq!(extend(quantity, price, currency), Err(AmountError::OutOfRange));
            return Ok(());
        }
        prop_assert_eq!(i128::from(extend(quantity, price, currency).unwrap().minor()), gross);
        let percent_off = Percent::new(percent).unwrap();
        let less = extend_less_share(quantity, price, percent_off, currency).unwrap();
        let kept = 1_000_000 - i128::from(percent);
        prop_assert_eq!(i128::from(less.minor()), exactly(product, kept, currency));

        let unit = 10_i128.pow(11 - currency.decimals());
        let less = extend_less_amount(quantity, price, Money::new(off.into(), currency).unwrap());
        let exact = nearest(product - i128::from(off) * unit, unit);
        prop_assert_eq!(i128::from(less.unwrap().minor()), exact);
    }
}

#[test]
fn exact_shares_are_rounded_after_they_are_added_up() {
    let third: Percent = "33.3333".parse().unwrap();
    let real = Currency::new("BRL").unwrap();
    let share = Money::new(10, real).unwrap().exact_share(third);
    assert_eq!(share, ExactShare { minor: 3, millionths: 333_330 });
    assert_eq!(ExactShare::rounded(4 * 3, 4 * 333_330), 13);
    assert_eq!(ExactShare::rounded(2, 500_000), 2);
    assert_eq!(ExactShare::rounded(3, 500_000), 4);
    // Parts that were taken away again may be below nothing, one by one.
    assert_eq!(ExactShare::rounded(5, -1_700_000), 3);
    let most = Money::new(Money::MAX_MINOR.into(), real).unwrap();
    let all = most.exact_share(Percent::HUNDRED);
    assert_eq!(all, ExactShare { minor: Money::MAX_MINOR, millionths: 0 });
}

proptest! {
    #[test]
    fn an_exact_share_is_rounded_to_the_share(
        minor in -Money::MAX_MINOR..=Money::MAX_MINOR,
        scaled in 0..=1_000_000_i64,
    ) {
        let amount = Money::new(minor.into(), Currency::new("BRL").unwrap()).unwrap();
        let percent = Percent::new(scaled).unwrap();
        let ExactShare { minor, millionths } = amount.exact_share(percent);
        prop_assert!((0..1_000_000).contains(&millionths));
        let rounded = ExactShare::rounded(minor.into(), millionths.into());
        prop_assert_eq!(rounded, i128::from(amount.share(percent).minor()));
    }
}
