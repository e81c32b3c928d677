//! Countries and web addresses: kept as they were stored, judged when they are new.

use std::{borrow::Cow, fmt};

use iso_country::Country as Code;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{InvalidValue, Line, invalid};

/// Two letters that everybody writes though ISO 3166-1 gives them to nobody: the United Kingdom
/// (reserved for it) and Kosovo.
const IN_USE: [&str; 2] = ["UK", "XK"];

/// A country or region as people write it: its name, or its two letters of ISO 3166-1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Country(Line<80>);

impl Country {
    /// A country of that name.
    #[must_use]
    pub const fn new(line: Line<80>) -> Self {
        Self(line)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Judges a text that is new. Two letters are a code, and must be one that is given to somebody.
    ///
    /// # Errors
    /// When no country has that code.
    pub fn judge(text: &str) -> Result<(), InvalidValue> {
        let is_code = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
        let code = text.to_ascii_uppercase();
        let known = || code.parse::<Code>().is_ok() || IN_USE.contains(&code.as_str());
        if is_code && !known() {
            return Err(invalid("is no country code of ISO 3166-1; a name may be written out"));
        }
        Ok(())
    }

    /// Every code of two letters that [`Self::judge`] takes, in capitals, for the documentation.
    pub fn codes() -> impl Iterator<Item = String> {
        let letters = || 'A'..='Z';
        letters()
            .flat_map(move |first| letters().map(move |second| format!("{first}{second}")))
            .filter(|code| Self::judge(code).is_ok())
    }
}

impl Serialize for Country {
    // Named, so that a walk over a command finds it; JSON shows the text alone.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct("Country", &self.0)
    }
}

impl<'de> Deserialize<'de> for Country {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Line::deserialize(deserializer).map(Self)
    }
}

impl JsonSchema for Country {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Country".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Line::<80>::json_schema(generator)
    }
}

/// The address of a web site as a command names it: `http` or `https`, or a host alone
/// (`www.contoso.com`). Events keep it as a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Website(Line<200>);

impl Website {
    /// What it must look like: `http://` or `https://` and a host, or a host alone. No user, no
    /// blanks; what follows the host is the site's own affair.
    pub const PATTERN: &'static str = r"^(?:[hH][tT][tT][pP][sS]?://)?[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?(?:[/?#][!-~]*)?$";

    /// Parses an address.
    ///
    /// # Errors
    /// When it has another scheme, or is no address at all.
    pub fn new(text: &str) -> Result<Self, InvalidValue> {
        let refused = || invalid("is no address of a web site: http://.., https://.. or a host");
        let line = Line::new(text)?;
        let lower = line.as_str().to_ascii_lowercase();
        let rest =
            ["https://", "http://"].into_iter().find_map(|scheme| lower.strip_prefix(scheme));
        let rest = rest.unwrap_or(&lower);
        let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (host, port) = authority.split_once(':').unwrap_or((authority, "0"));
        let is_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let is_host = is_end(host.as_bytes().first())
            && is_end(host.as_bytes().last())
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
        let is_port =
            (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
        let is_tail = tail.bytes().all(|byte| byte.is_ascii_graphic());
        if is_host && is_port && is_tail { Ok(Self(line)) } else { Err(refused()) }
    }
}

impl From<Website> for Line<200> {
    fn from(website: Website) -> Self {
        website.0
    }
}

impl fmt::Display for Website {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Website {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&Cow::<'de, str>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl JsonSchema for Website {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Website".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "string", "minLength": 1, "maxLength": 200, "pattern": Self::PATTERN,
        })
    }
}
