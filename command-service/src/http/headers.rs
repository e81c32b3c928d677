//! What comes with a command besides its body.

use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use events::{Channel, Instant, Version, access::PresentedToken, ids::CommandId, values::Prose};
use jiff::Timestamp;
use uuid::Uuid;

use super::{problem::Problem, reason::reason};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const EFFECTIVE_AT: HeaderName = HeaderName::from_static("annals-effective-at");
const CHANNEL: HeaderName = HeaderName::from_static("annals-channel");

/// The headers of a single command.
#[derive(Debug, Default)]
pub(crate) struct CommandHeaders {
    pub(crate) command_id: Option<CommandId>,
    pub(crate) expected: Option<Version>,
    pub(crate) effective_at: Option<Instant>,
    pub(crate) reason: Option<Prose>,
}

fn bad(code: &'static str, detail: &'static str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, code, detail)
}

/// The only value of a header; a header that stands twice is refused.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(bad("header.repeated", "a header of the command stands twice"));
    }
    std::str::from_utf8(value.as_bytes())
        .map(Some)
        .map_err(|_| bad("header.malformed", "a header of the command is no UTF-8"))
}

impl CommandHeaders {
    pub(crate) fn parse(headers: &HeaderMap) -> Result<Self, Problem> {
        let command_id = single(headers, &IDEMPOTENCY_KEY)?.map(command_id).transpose()?;
        let expected = single(headers, &header::IF_MATCH)?.map(version).transpose()?;
        let effective_at = single(headers, &EFFECTIVE_AT)?.map(instant).transpose()?;
        let reason = reason(headers)?;
        Ok(Self { command_id, expected, effective_at, reason })
    }
}

/// The id of a command that is refused before its headers count, if there is one to be read.
pub(crate) fn given_id(headers: &HeaderMap) -> Option<CommandId> {
    single(headers, &IDEMPOTENCY_KEY).ok()?.and_then(|text| command_id(text).ok())
}

fn command_id(text: &str) -> Result<CommandId, Problem> {
    match Uuid::try_parse(text) {
        Ok(id) if !id.is_nil() && text.len() == 36 => Ok(CommandId(id)),
        _ => Err(bad("idempotency_key.invalid", "the Idempotency-Key is no UUID")),
    }
}

fn version(text: &str) -> Result<Version, Problem> {
    let number = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let digits = number.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits
        .and_then(|text| text.parse().ok())
        .map(Version)
        .ok_or_else(|| bad("if_match.invalid", "If-Match is no version of the form \"7\""))
}

/// An instant of RFC 3339.
pub(crate) fn instant(text: &str) -> Result<Instant, Problem> {
    let refused = || bad("effective_at.invalid", "the effective time is no instant of RFC 3339");
    // A leap second names an instant that does not exist in the log's time.
    if text.get(17..19) == Some("60") {
        return Err(refused());
    }
    text.parse::<Timestamp>().map(Instant::from).map_err(|_| refused())
}

/// The way the command came in.
pub(crate) fn channel(headers: &HeaderMap) -> Result<Channel, Problem> {
    match single(headers, &CHANNEL)? {
        None | Some("api") => Ok(Channel::Api),
        Some("import") => Ok(Channel::Import),
        Some(_) => Err(bad("channel.invalid", "Annals-Channel is `api` or `import`")),
    }
}

/// The bearer token.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<PresentedToken, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Problem::unauthenticated());
    };
    value
        .to_str()
        .ok()
        .and_then(PresentedToken::of_authorization)
        .ok_or_else(Problem::unauthenticated)
}

/// Refuses bodies that do not say that they are JSON.
pub(crate) fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let unsupported = || {
        Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "body.unsupported_media_type",
            "the body must be application/json in UTF-8, not compressed",
        )
    };
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(unsupported());
    }
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(unsupported)?
        .to_ascii_lowercase();
    let (essence, parameters) = content_type.split_once(';').unwrap_or((&content_type, ""));
    let charset_ok = parameters
        .split(';')
        .filter_map(|parameter| parameter.trim().strip_prefix("charset="))
        .all(|charset| charset.trim_matches('"') == "utf-8");
    if essence.trim() == "application/json" && charset_ok { Ok(()) } else { Err(unsupported()) }
}
