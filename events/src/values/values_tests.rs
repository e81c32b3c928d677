//! What is let in at the door, what is not, and that both stay so once written down.

use jiff::civil::date;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::Instant;

/// Parsing what a value prints gives the value again: else an event could not be read any more.
fn json_round_trip<T>(value: &T) -> T
where
    T: Serialize + for<'de> Deserialize<'de>,
{
    serde_json::from_str(&serde_json::to_string(value).unwrap()).unwrap()
}

#[test]
fn a_line_is_trimmed_and_holds_anything_that_can_be_seen() {
    for (text, kept) in [
        ("Ana", "Ana"),
        ("  Ana Maria \u{3000}", "Ana Maria"),
        ("Robert'); DROP TABLE students;--", "Robert'); DROP TABLE students;--"),
        ("<script>{{7*7}}${jndi:x}=cmd", "<script>{{7*7}}${jndi:x}=cmd"),
        ("👨\u{200D}👩\u{200D}👧 Família", "👨\u{200D}👩\u{200D}👧 Família"),
        ("אבג \u{202E}دهو", "אבג \u{202E}دهو"),
        ("e\u{301}", "e\u{301}"),
        ("é", "é"),
        ("%_\\", "%_\\"),
    ] {
        assert_eq!(Line::<160>::new(text).unwrap().as_str(), kept);
    }
}

#[test]
fn a_line_refuses_control_characters_also_at_its_ends() {
    for text in [
        "a\0b",
        "a\r\nb",
        "a\n",
        "\ta",
        "a\u{1b}[31m",
        "a\u{7f}",
        "a\u{85}",
        "a\u{2028}b",
        "\u{9b}a",
    ] {
        assert!(Line::<160>::new(text).is_err(), "{text:?}");
    }
}

#[test]
fn a_line_of_nothing_to_be_seen_is_blank() {
    for text in [
        "",
        " ",
        "\u{3000}\u{a0}",
        "\u{3164}",
        "\u{115F}\u{1160}",
        "\u{FFA0}",
        "\u{200B}\u{200D}",
        "\u{FEFF}",
        "\u{202E}",
        "\u{2066}\u{2069}",
        "\u{2800}",
        "\u{00AD}",
        "\u{E0041}",
    ] {
        assert_eq!(Line::<160>::new(text), Err(invalid("must not be blank")), "{text:?}");
        assert!(Prose::new(text).is_err(), "{text:?}");
    }
}

#[test]
fn lengths_are_counted_in_characters_after_trimming() {
    assert!(Line::<5>::new("ééééé").is_ok());
    assert!(Line::<5>::new(format!("  {}  ", "😀".repeat(5))).is_ok());
    assert!(Line::<5>::new("éééééé").is_err());
    assert!(Line::<160>::new("x".repeat(160)).is_ok());
    assert!(Line::<160>::new("x".repeat(161)).is_err());
    assert!(Line::<160>::new("x".repeat(10_000)).is_err());
    assert!(Prose::new("x".repeat(Prose::MAX)).is_ok());
    assert!(Prose::new("x".repeat(Prose::MAX + 1)).is_err());
}

#[test]
fn prose_keeps_its_line_breaks_and_tabs_and_nothing_else_that_steers() {
    let text = "  first\r\n\tsecond\n";
    assert_eq!(Prose::new(text).unwrap().as_str(), text);
    for text in ["a\0", "a\u{1b}[2J", "a\u{7f}", "a\u{8}"] {
        assert!(Prose::new(text).is_err(), "{text:?}");
    }
}

#[test]
fn everyday_addresses_are_addresses() {
    for (text, kept) in [
        ("ana@example.com", "ana@example.com"),
        (" Ana.Maria+crm@Example.COM ", "Ana.Maria+crm@example.com"),
        ("o'connor@example.co.uk", "o'connor@example.co.uk"),
        ("x@xn--bcher-kva.example", "x@xn--bcher-kva.example"),
        ("joão@bücher.example", "joão@bücher.example"),
        ("jo\u{61}\u{303}o@example.com", "jo\u{61}\u{303}o@example.com"),
        ("ana@ex\u{430}mple.com", "ana@ex\u{430}mple.com"),
        ("a@3com.com", "a@3com.com"),
        ("!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~@example.com"),
    ] {
        assert_eq!(Email::new(text).unwrap().as_str(), kept);
    }
    let longest = format!("{}@{}.{}.com", "l".repeat(64), "d".repeat(63), "e".repeat(63));
    assert!(Email::new(longest).is_ok());
}

#[test]
fn what_is_no_everyday_address_is_refused() {
    for text in [
        "",
        "a",
        "a@",
        "@b.com",
        "a@b",
        "a@b.",
        "a@b.com.",
        "a@.b.com",
        "a@b..com",
        "a@@b.com",
        "a@b@c.com",
        ".a@b.com",
        "a.@b.com",
        "a..b@c.com",
        "\"a b\"@x.com",
        "a b@x.com",
        "a@x y.com",
        "a@[127.0.0.1]",
        "a@127.0.0.1",
        "a@-b.com",
        "a@b-.com",
        "a@b_c.com",
        "a@b.com\n",
        "a\r\nBcc: x@b.com",
        "a\0@b.com",
        "Ana <a@b.com>",
        "a,b@c.com",
        "a;b@c.com",
        "mailto:a@b.com",
        "a\u{200B}@b.com",
        "a\u{202E}@b.com",
        "a\u{2066}b@c.com",
        "a@b\u{AD}c.com",
        "a@\u{3164}.com",
        "a@e\u{301}.com",
    ] {
        assert!(Email::new(text).is_err(), "{text:?}");
    }
    assert!(Email::new(format!("{}@example.com", "l".repeat(65))).is_err());
    assert!(Email::new(format!("a@{}.com", "d".repeat(64))).is_err());
    let too_long = format!("{}@{}.{}.com", "l".repeat(64), "d".repeat(63), "e".repeat(63));
    assert!(Email::new(too_long.replace(".com", &format!(".{}", "f".repeat(63)))).is_err());
}

#[test]
fn an_address_whose_lower_case_is_another_text_is_refused_or_stays_readable() {
    // U+0130 is two characters in lower case, one of which no domain may hold.
    assert!(Email::new("a@\u{130}stanbul.com").is_err());
    for text in ["A@STRASSE.DE", "a@ΣΑΣ.gr", "a@\u{1E9E}.de"] {
        let email = Email::new(text).unwrap();
        assert_eq!(json_round_trip(&email), email);
    }
}

#[test]
fn days_are_days_of_the_calendar_in_range() {
    for (text, day) in [
        ("2024-02-29", date(2024, 2, 29)),
        ("1900-01-01", date(1900, 1, 1)),
        ("2199-12-31", date(2199, 12, 31)),
        ("2000-02-29", date(2000, 2, 29)),
    ] {
        let parsed = Day::parse(text).unwrap();
        assert_eq!((parsed.date(), parsed.to_string().as_str()), (day, text));
    }
    for text in [
        "2025-02-29",
        "2024-02-30",
        "1900-02-29",
        "2024-13-01",
        "2024-00-10",
        "2024-01-00",
        "0000-01-01",
        "1899-12-31",
        "2200-01-01",
        "9999-12-31",
        "+10000-01-01",
        "-2024-01-01",
        "2024-1-1",
        "24-01-01",
        "2024/01/01",
        "01-02-2024",
        "2024-01-01T00:00",
        "2024-01-01 ",
        " 2024-01-01",
        "20240101",
        "2024-W01-1",
        "２０２４-01-01",
        "",
        "today",
    ] {
        assert!(Day::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn zones_are_those_of_the_database_in_one_spelling() {
    for (text, kept) in [
        ("America/Sao_Paulo", "America/Sao_Paulo"),
        ("america/sao_paulo", "America/Sao_Paulo"),
        ("UTC", "UTC"),
        ("Etc/GMT+3", "Etc/GMT+3"),
    ] {
        let zone = Zone::new(text).unwrap();
        assert_eq!(zone.as_str(), kept);
        assert_eq!(zone.rules().iana_name(), Some(kept));
        assert_eq!(json_round_trip(&zone), zone);
    }
    assert_eq!(Zone::utc(), Zone::new("UTC").unwrap());
    for text in [
        "",
        " ",
        "Mars/Olympus",
        "America/Sao_Paulo ",
        "America/Sao_Paulo\0",
        "../../etc/passwd",
        "/etc/localtime",
        "+03:00",
        "Etc/Unknown",
        "right/UTC",
        "posix/UTC",
        "localtime",
        "posixrules",
        "BRT3",
        "EST5EDT4,M3.2.0,M11.1.0",
        "America",
    ] {
        assert!(Zone::new(text).is_err(), "{text:?}");
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Patch {
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    note: Change<Line<10>>,
}

#[test]
fn absent_keeps_null_clears_and_a_value_sets() {
    for (json, change) in [
        ("{}", Change::Keep),
        (r#"{"note":null}"#, Change::Clear),
        (r#"{"note":"x"}"#, Change::Set(Line::new("x").unwrap())),
    ] {
        let patch: Patch = serde_json::from_str(json).unwrap();
        assert_eq!(patch.note, change);
        assert_eq!(serde_json::to_string(&patch).unwrap(), json);
    }
    assert!(serde_json::from_str::<Patch>(r#"{"note":""}"#).is_err());
}

#[test]
fn a_change_without_what_is_the_case_already_keeps() {
    let (old, new) = (1, 2);
    assert_eq!(Change::Set(old).against(Some(&old)), Change::Keep);
    assert_eq!(Change::Set(new).against(Some(&old)), Change::Set(new));
    assert_eq!(Change::Set(new).against(None), Change::Set(new));
    assert_eq!(Change::<i32>::Clear.against(None), Change::Keep);
    assert_eq!(Change::Clear.against(Some(&old)), Change::Clear);
    for change in [Change::Keep, Change::Clear, Change::Set(new)] {
        for field in [None, Some(old), Some(new)] {
            let (mut whole, mut reduced) = (field, field);
            change.apply_to(&mut whole);
            change.against(field.as_ref()).apply_to(&mut reduced);
            assert_eq!(whole, reduced);
        }
    }
}

#[test]
fn messages_never_repeat_what_was_sent() {
    let secret = "zuleika-canary";
    for message in [
        Line::<5>::new(secret).unwrap_err(),
        Email::new(secret).unwrap_err(),
        Day::parse(secret).unwrap_err(),
        Zone::new(secret).unwrap_err(),
    ] {
        assert!(!message.to_string().contains(secret));
    }
}

#[test]
fn an_instant_is_of_rfc_3339_in_the_years_that_days_have() {
    for (text, seen) in [
        ("2026-11-27T19:50:00Z", "2026-11-27T19:50:00Z"),
        ("2026-11-27t19:50:00.5z", "2026-11-27T19:50:00.5Z"),
        ("2026-11-27T16:50:00.1234567-03:00", "2026-11-27T19:50:00.123456Z"),
        ("1900-01-01T00:00:00Z", "1900-01-01T00:00:00Z"),
        ("2199-12-31T23:59:59.999999Z", "2199-12-31T23:59:59.999999Z"),
        ("2026-11-27T19:50:00+23:59", "2026-11-26T19:51:00Z"),
    ] {
        let instant = Instant::parse(text).map(|instant| instant.to_string());
        assert_eq!(instant, Ok(seen.to_owned()), "{text}");
    }
    for text in [
        "",
        "2026-11-27",
        "2026-11-27T19:50:00",
        "2026-11-27T19:50Z",
        "2026-11-27 19:50:00Z",
        "20250101T100000Z",
        "2026-11-27T19:50:00.Z",
        "2026-11-27T19:50:00+25:00",
        "2026-11-27T19:50:00+03:60",
        "2026-11-27T19:50:00+0300",
        "2026-11-27T19:50:00+03",
        "2026-11-27T19:50:00Z[UTC]",
        "2026-11-27T23:59:60Z",
        "2026-11-27T24:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-11-27T19:50:00Z ",
        "0226-11-27T19:50:00Z",
        "0000-01-01T00:00:00Z",
        "-009999-01-01T00:00:00Z",
        "1899-12-31T23:59:59.999999Z",
        "2200-01-01T00:00:00Z",
        "2199-12-31T23:59:59-03:00",
        "2026\u{2010}11-27T19:50:00Z",
    ] {
        let refused = Instant::parse(text).unwrap_err().to_string();
        assert!(refused.contains("between 1900 and 2199"), "{text}: {refused}");
    }
}

proptest! {
    #[test]
    fn a_line_that_was_let_in_is_let_in_again(text in any::<String>()) {
        if let Ok(line) = Line::<40>::new(&text) {
            prop_assert_eq!(json_round_trip(&line), line);
        }
    }

    #[test]
    fn prose_that_was_let_in_is_let_in_again(text in any::<String>()) {
        if let Ok(prose) = Prose::new(text) {
            prop_assert_eq!(json_round_trip(&prose), prose);
        }
    }

    #[test]
    fn an_address_that_was_let_in_is_let_in_again(
        local in "[^@]{1,12}",
        domain in r"\w{1,8}(-\w{1,4})?\.\w{1,8}",
    ) {
        if let Ok(email) = Email::new(format!("{local}@{domain}")) {
            prop_assert_eq!(json_round_trip(&email), email);
        }
    }

    #[test]
    fn a_day_is_its_number_and_its_text(number in -30_000_i64..90_000) {
        if let Some(day) = Day::from_number(number) {
            prop_assert_eq!(day.number(), number);
            prop_assert_eq!(Day::parse(&day.to_string()), Ok(day));
            prop_assert_eq!(json_round_trip(&day), day);
        } else {
            let bounds = Day::parse("1900-01-01").unwrap().number()
                ..=Day::parse("2199-12-31").unwrap().number();
            prop_assert!(!bounds.contains(&number));
        }
    }

    #[test]
    fn no_text_makes_a_day_or_a_zone_panic(text in any::<String>()) {
        let _day = Day::parse(&text).is_ok();
        let _instant = Instant::parse(&text).is_ok();
        let _zone = Zone::new(text).is_ok();
    }
}
