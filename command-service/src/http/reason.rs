//! Why a command is sent, as a header can say it: headers carry bytes, and not everybody means UTF-8.
//!
//! `Annals-Reason` takes ASCII and UTF-8 as they are, and beyond ASCII also the value form of RFC 8187,
//! as in `UTF-8''Pre%C3%A7o%20alto`: whoever can only send ASCII or Latin-1 (browsers do) says anything
//! with it. The items of `POST /commands` have a `reason` in their JSON instead.

use axum::http::{HeaderMap, HeaderName, StatusCode};
use events::values::Prose;
use percent_encoding::percent_decode_str;

use super::problem::Problem;

const REASON: HeaderName = HeaderName::from_static("annals-reason");

/// What to do instead, for whoever sends bytes of another encoding.
const HOW: &str = "send UTF-8, or the form of RFC 8187 (UTF-8''Pre%C3%A7o), or the `reason` of an item of \
                   POST /commands";

fn malformed(what: &str) -> Problem {
    let detail = format!("{what}: {HOW}");
    Problem::new(StatusCode::BAD_REQUEST, "header.malformed", detail)
}

/// The reason that the headers give.
///
/// # Errors
/// 400 when the header stands twice or is not readable, 422 when what it says is no reason.
pub(super) fn reason(headers: &HeaderMap) -> Result<Option<Prose>, Problem> {
    let mut values = headers.get_all(&REASON).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        let detail = "a header of the command stands twice";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "header.repeated", detail));
    }
    let text = std::str::from_utf8(value.as_bytes())
        .map_err(|_| malformed("Annals-Reason is no UTF-8, but maybe Latin-1 (ISO 8859-1)"))?;
    let text = match extended(text) {
        Some(encoded) => decoded(encoded)?,
        None => text.to_owned(),
    };
    Prose::new(text).map(Some).map_err(|error| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "reason.invalid", error.to_string())
    })
}

/// What stands encoded in a value of the form `charset'language'encoded`, where the charset is UTF-8.
/// A value of another form is a plain text.
fn extended(text: &str) -> Option<&str> {
    let (charset, rest) = text.split_once('\'')?;
    let (language, encoded) = rest.split_once('\'')?;
    let is_language = |tag: &str| tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    (charset.eq_ignore_ascii_case("utf-8") && is_language(language)).then_some(encoded)
}

fn decoded(encoded: &str) -> Result<String, Problem> {
    let wrong = || malformed("Annals-Reason begins like the form of RFC 8187 and is not of it");
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte);
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        let hex = |digit: Option<u8>| digit.is_some_and(|digit| digit.is_ascii_hexdigit());
        let fits = is_plain(byte) || (byte == b'%' && hex(rest.next()) && hex(rest.next()));
        if !fits {
            return Err(wrong());
        }
    }
    let text = percent_decode_str(encoded).decode_utf8().map_err(|_| wrong())?;
    Ok(text.into_owned())
}

#[cfg(test)]
#[path = "reason_tests.rs"]
mod tests;
