//! What `as_of` may be, and the moment it names.

use events::Position;

use super::{AsOf, Sense, day_bounds, position};
use crate::testing::{World, day, instant, on_both};

on_both! { World:
    a_moment_is_after_the_first_record_and_not_in_the_future,
}

#[test]
fn digits_are_a_position_and_dates_a_day() {
    assert_eq!(AsOf::parse(None).unwrap(), AsOf::Now);
    assert_eq!(AsOf::parse(Some("17")).unwrap(), AsOf::Position(Position(17)));
    assert_eq!(AsOf::parse(Some("2026-02-28")).unwrap(), AsOf::Day(day("2026-02-28")));
    let noon = instant("2026-02-28T12:00:00Z");
    assert_eq!(AsOf::parse(Some("2026-02-28T09:00:00-03:00")).unwrap(), AsOf::Instant(noon));
}

#[test]
fn anything_else_is_refused() {
    for text in [
        "",
        "-1",
        "+1",
        "1.5",
        "yesterday",
        "2026-02-30",
        "2026-2-3",
        "20260228x",
        "2026-02-28T12:00:00",
        "2026-12-31T23:59:60Z",
        "99999999999999999999",
        " 1",
        "0226-01-01",
        "1899-12-31",
        "2200-01-01",
        "0000-01-01T00:00:00Z",
        "-009999-01-01T00:00:00Z",
        "2026-02-28T12:00:00+25:00",
        "20250101T100000Z",
        "2026-02-28T12:00:00Z[UTC]",
        "2200-01-01T00:00:00Z",
    ] {
        let refused = AsOf::parse(Some(text)).unwrap_err();
        assert_eq!(refused.code, "as_of.invalid", "{text}");
        assert!(refused.detail.contains("between 1900 and 2199"), "{}", refused.detail);
    }
}

#[test]
fn positions_have_only_digits_and_fit_the_log() {
    assert_eq!(position("0"), Some(Position(0)));
    assert_eq!(position("9223372036854775807"), Some(Position(i64::MAX.unsigned_abs())));
    assert_eq!(position("9223372036854775808"), None);
    assert_eq!(position(""), None);
    assert_eq!(position("1e3"), None);
}

#[test]
fn a_day_begins_and_ends_at_midnight_of_the_zone_also_when_clocks_change() {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let (begin, end) = day_bounds(day("2026-03-29"), &zone).unwrap();
    assert_eq!(begin, instant("2026-03-28T23:00:00Z"));
    assert_eq!(end, instant("2026-03-29T22:00:00Z"));
}

#[test]
fn a_sense_is_one_of_two() {
    assert_eq!(Sense::parse(None).unwrap(), Sense::Recorded);
    assert_eq!(Sense::parse(Some("effective")).unwrap(), Sense::Effective);
    assert_eq!(Sense::parse(Some("Effective")).unwrap_err().code, "parameter.invalid");
}

async fn a_moment_is_after_the_first_record_and_not_in_the_future(world: World) {
    for (as_of, status, code) in [
        ("0", 422, "log_begins"),
        ("2026-03-09", 422, "log_begins"),
        ("2026-03-10T11:59:59Z", 422, "log_begins"),
        ("2026-03-11", 422, "as_of.future"),
        ("2026-03-10T12:00:01Z", 422, "as_of.future"),
        ("4", 422, "as_of.future"),
        ("soon", 400, "as_of.invalid"),
    ] {
        let answer = world.get(&format!("/accounts?as_of={as_of}")).await;
        assert_eq!(answer.code(), (status, code.to_owned()), "{as_of}");
    }
    // Today is allowed: the end of a day beyond now is now.
    for as_of in ["2026-03-10", "2026-03-10T12:00:00Z", "3"] {
        let answer = world.get(&format!("/accounts?as_of={as_of}")).await;
        assert_eq!(answer.status.as_u16(), 200, "{as_of}: {}", answer.text);
    }
}
