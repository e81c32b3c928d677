//! What comes with a command besides its body.

use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use events::{
    Channel, Instant, Version,
    access::PresentedToken,
    ids::{CommandId, parse_id},
    values::Prose,
};

use super::{problem::Problem, reason::reason};
use crate::{body::judge_id, handle::Expected};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const EFFECTIVE_AT: HeaderName = HeaderName::from_static("annals-effective-at");
const CHANNEL: HeaderName = HeaderName::from_static("annals-channel");

/// The headers of a single command.
#[derive(Debug, Default)]
pub(crate) struct CommandHeaders {
    pub(crate) command_id: Option<CommandId>,
    pub(crate) expected: Option<Expected>,
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
        let expected = if_match(headers)?;
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
    match parse_id(text) {
        Some(id) if judge_id(id).is_ok() => Ok(CommandId(id)),
        _ => Err(bad(
            "idempotency_key.invalid",
            "the Idempotency-Key is a UUID of the form 01234567-89ab-4cde-8f01-23456789abcd",
        )),
    }
}

/// The versions that `If-Match` allows (RFC 9110, section 13.1.1): `*`, or a list of entity tags.
///
/// A weak tag never matches, nor does a tag that no record has.
fn if_match(headers: &HeaderMap) -> Result<Option<Expected>, Problem> {
    let refused = || {
        bad("if_match.invalid", "If-Match is `*` or versions in quotes, as ETag gives them: \"7\"")
    };
    let mut versions = Vec::new();
    let mut all = headers.get_all(header::IF_MATCH).iter().peekable();
    if all.peek().is_none() {
        return Ok(None);
    }
    let mut count = 0;
    for value in all {
        let text = value.to_str().map_err(|_| refused())?.trim();
        if text == "*" {
            let alone = headers.get_all(header::IF_MATCH).iter().count() == 1;
            return if alone { Ok(Some(Expected::Exists)) } else { Err(refused()) };
        }
        let mut rest = text;
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                break;
            }
            let tag = rest.strip_prefix("W/").unwrap_or(rest);
            let is_weak = tag.len() < rest.len();
            let (tag, after) =
                tag.strip_prefix('"').and_then(|tag| tag.split_once('"')).ok_or_else(refused)?;
            rest = after.trim_start_matches([' ', '\t']);
            if !(rest.is_empty() || rest.starts_with(',')) || tag.contains(' ') {
                return Err(refused());
            }
            count += 1;
            versions.extend(version(tag).filter(|_| !is_weak));
        }
    }
    if count == 0 { Err(refused()) } else { Ok(Some(Expected::OneOf(versions))) }
}

/// The version that a tag names, written as the product writes it: `01` is no version.
fn version(tag: &str) -> Option<Version> {
    let number = tag.parse::<u64>().ok()?;
    (number.to_string() == tag).then_some(Version(number))
}

/// An instant of RFC 3339, within the range of the product.
pub(crate) fn instant(text: &str) -> Result<Instant, Problem> {
    Instant::parse(text).map_err(|why| {
        let detail = format!("the effective time {why}");
        Problem::new(StatusCode::BAD_REQUEST, "effective_at.invalid", detail)
    })
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
