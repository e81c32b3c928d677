//! Instants as callers write them: RFC 3339, in the years that days have.

use jiff::Timestamp;

use super::{InvalidValue, invalid};
use crate::envelope::Instant;

/// 1900-01-01T00:00:00Z.
const FIRST: Timestamp = Timestamp::constant(-2_208_988_800, 0);
/// 2200-01-01T00:00:00Z, the first one that is too late.
const END: Timestamp = Timestamp::constant(7_258_118_400, 0);
/// Where the seconds stand: `2026-11-27T19:50:00`.
const SECONDS: std::ops::Range<usize> = 17..19;

impl Instant {
    /// Parses an instant of RFC 3339, `2026-11-27T19:50:00.123456Z` or with an offset from UTC, from
    /// 1900 to 2199. What is finer than a microsecond is cut off.
    ///
    /// # Errors
    /// When the text has another form (ISO 8601 knows many), names no instant (a leap second, the
    /// 30th of February), or is out of range.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let not_one = || {
            invalid(
                "is no instant of RFC 3339 between 1900 and 2199, like 2026-11-27T19:50:00Z or \
                 2026-11-27T16:50:00-03:00",
            )
        };
        if !is_rfc3339(text.as_bytes()) || text.get(SECONDS) == Some("60") {
            return Err(not_one());
        }
        let timestamp: Timestamp = text.parse().map_err(|_| not_one())?;
        if (FIRST..END).contains(&timestamp) { Ok(timestamp.into()) } else { Err(not_one()) }
    }
}

/// Whether a text has the form that the grammar of RFC 3339 allows: a whole date, `T`, a whole time,
/// and how far that is from UTC.
fn is_rfc3339(text: &[u8]) -> bool {
    let Some((head, rest)) = text.split_at_checked(19) else { return false };
    let has_form = head.iter().enumerate().all(|(index, byte)| match index {
        4 | 7 => *byte == b'-',
        10 => matches!(byte, b'T' | b't'),
        13 | 16 => *byte == b':',
        _ => byte.is_ascii_digit(),
    });
    let zone = match rest.strip_prefix(b".") {
        None => rest,
        Some(rest) => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return false;
            }
            &rest[digits..]
        }
    };
    has_form && is_offset(zone)
}

fn is_offset(zone: &[u8]) -> bool {
    let number = |tens: u8, ones: u8, most: u8| {
        tens.is_ascii_digit() && ones.is_ascii_digit() && (tens - b'0') * 10 + (ones - b'0') <= most
    };
    match zone {
        b"Z" | b"z" => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => number(*h1, *h2, 23) && number(*m1, *m2, 59),
        _ => false,
    }
}
