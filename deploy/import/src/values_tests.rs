//! Which texts a named form takes.

use events::money::Currency;

use super::*;

fn number(form: &str, text: &str) -> Option<String> {
    NumberForm::new(form).unwrap().parse(text).ok().map(Decimal::text)
}

#[test]
fn a_number_is_read_in_its_named_form_and_in_no_other() {
    for (form, text, value) in [
        ("1234.56", "1234.50", "1234.5"),
        ("1234.56", "-7", "-7"),
        ("1234.56", "0.05", "0.05"),
        ("1234.56", "007", "7"),
        ("1,234.56", "1,234,567.89", "1234567.89"),
        ("1,234.56", "1234.5", "1234.5"),
        ("1.234,56", "1.234,56", "1234.56"),
        ("1 234,56", "12 345,6", "12345.6"),
        ("1'234.56", "1'234", "1234"),
        ("1234,56", "-0,5", "-0.5"),
        ("1 234,56", "1\u{A0}234,56", "1234.56"),
        ("1 234,56", "1\u{202F}234\u{202F}567,8", "1234567.8"),
        ("1 234.56", "1\u{2009}234.5", "1234.5"),
        ("1 234.56", "12\u{2007}345", "12345"),
        ("1'234.56", "1’234.5", "1234.5"),
        ("1'234,56", "-1’234’567", "-1234567"),
    ] {
        assert_eq!(number(form, text).as_deref(), Some(value), "{form} {text}");
    }
}

#[test]
fn what_is_not_of_the_form_is_no_number() {
    for (form, text) in [
        ("1234.56", "1.234,56"),
        ("1234.56", "1,234.56"),
        ("1234.56", "(5)"),
        ("1234.56", "1e3"),
        ("1234.56", "５"),
        ("1234.56", "5."),
        ("1234.56", ".5"),
        ("1234.56", "--5"),
        ("1234.56", "+5"),
        ("1234.56", "5 "),
        ("1234.56", "NaN"),
        ("1234.56", "1234567890123456789012345"),
        ("1,234.56", "1,23"),
        ("1,234.56", "1,2345"),
        ("1,234.56", ",234"),
        ("1,234.56", "1,234,"),
        ("1.234,56", "1.23"),
        ("1 234,56", "1 234\u{A0}567,00"),
        ("1 234,56", "1\u{200B}234"),
        ("1 234,56", "1\u{A0}23"),
        ("1'234.56", "1'234’567"),
        ("1.234,56", "1\u{A0}234,56"),
        ("1234,56", "1\u{202F}234,56"),
    ] {
        assert_eq!(number(form, text), None, "{form} {text}");
    }
    assert!(NumberForm::new("1_234").is_err());
}

#[test]
fn what_stands_around_a_number_must_stand_there() {
    let mut form = NumberForm::new("1,234.56").unwrap();
    form.prefix = Some("$".to_owned());
    assert_eq!(form.parse("$\u{A0}22,700.00").unwrap().text(), "22700");
    assert_eq!(form.parse("$22,700.00").unwrap().text(), "22700");
    assert_eq!(form.parse("-$5").unwrap().text(), "-5");
    assert_eq!(form.parse("$-5").unwrap().text(), "-5");
    assert!(form.parse("-$-5").is_err());
    assert!(form.parse("22,700.00").is_err());
    form.suffix = Some("K".to_owned());
    form.scale = Some(Decimal::parse("1000").unwrap());
    assert_eq!(form.parse("$342.09K").unwrap().text(), "342090");
    assert!(form.parse("$342.09M").is_err());
}

#[test]
fn a_scale_multiplies_exactly() {
    let mut form = NumberForm::new("1234.56").unwrap();
    form.scale = Some(Decimal::parse("1000000").unwrap());
    assert_eq!(form.parse("1100.04").unwrap().text(), "1100040000");
    form.scale = Some(Decimal::parse("0.01").unwrap());
    assert_eq!(form.parse("12.5").unwrap().text(), "0.125");
}

#[test]
fn money_and_whole_numbers_are_never_rounded() {
    let dollars = Currency::new("USD").unwrap();
    let yen = Currency::new("JPY").unwrap();
    let decimal = |text| Decimal::parse(text).unwrap();
    assert_eq!(decimal("12.3400").money(dollars).unwrap().minor(), 1234);
    assert!(decimal("12.345").money(dollars).unwrap_err().contains("more than 2 decimals"));
    assert!(decimal("12.5").money(yen).is_err());
    assert_eq!(decimal("2822.0").integer(), Ok(2822));
    assert!(decimal("2822.5").integer().is_err());
}

#[test]
fn a_date_is_read_in_its_named_form_exactly() {
    assert_eq!(date("2016-10-20", "%Y-%m-%d").unwrap().to_string(), "2016-10-20");
    assert_eq!(date("03.04.2025", "%d.%m.%Y").unwrap().to_string(), "2025-04-03");
    assert_eq!(
        date("16 Apr, 2021 00:02:00", "%d %b, %Y %H:%M:%S").unwrap().to_string(),
        "2021-04-16"
    );
    assert_eq!(date("3/4/2025", "%-m/%-d/%Y").unwrap().to_string(), "2025-03-04");
    for text in ["03/04/2025", "45000", "2025-3-4", "2025-02-30", "2025-01-01 ", "25-01-01"] {
        assert!(date(text, "%Y-%m-%d").is_err(), "{text}");
    }
}

#[test]
fn an_instant_is_the_first_moment_of_a_day_or_a_clock_time_of_the_zone() {
    let zone = TimeZone::get("America/Sao_Paulo").unwrap();
    let text = |text, format| instant(text, format, &zone).unwrap().to_string();
    assert_eq!(text("2016-10-20", "%Y-%m-%d"), "2016-10-20T02:00:00Z");
    assert_eq!(text("2021-04-16 09:30:00", "%Y-%m-%d %H:%M:%S"), "2021-04-16T12:30:00Z");
    assert_eq!(text("2021-04-16T09:30:00+02:00", "%Y-%m-%dT%H:%M:%S%:z"), "2021-04-16T07:30:00Z");
    // On this day the clocks went from 00:00 to 01:00: the day began at one.
    assert_eq!(text("2016-10-16", "%Y-%m-%d"), "2016-10-16T03:00:00Z");
    assert_eq!(text("1996-07-04 00:00:00.000", "%Y-%m-%d %H:%M:%S.000"), "1996-07-04T03:00:00Z");
}

#[test]
fn a_local_time_that_never_was_is_refused() {
    let zone = TimeZone::get("America/New_York").unwrap();
    let read = |text| instant(text, "%Y-%m-%d %H:%M", &zone);
    let refused = read("2026-03-08 02:30").unwrap_err();
    assert!(refused.contains("never was"), "{refused}");
    assert_eq!(read("2026-03-08 03:00").unwrap().to_string(), "2026-03-08T07:00:00Z");
    // Twice, an hour apart: the first.
    assert_eq!(read("2026-11-01 01:30").unwrap().to_string(), "2026-11-01T05:30:00Z");
}
