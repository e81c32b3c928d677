//! Days, and the zones in which they begin and end.

use std::{borrow::Cow, fmt};

use jiff::{civil::Date, tz::TimeZone};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{InvalidValue, invalid};

/// A day of the calendar between 1900-01-01 and 2199-12-31, written `2026-11-23`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Date);

impl Day {
    /// That date, if it lies in the range.
    ///
    /// # Errors
    /// When the year is before 1900 or after 2199.
    pub fn new(date: Date) -> Result<Self, InvalidValue> {
        if (1900..2200).contains(&date.year()) {
            Ok(Self(date))
        } else {
            Err(invalid("must be between 1900-01-01 and 2199-12-31"))
        }
    }

    /// Parses `YYYY-MM-DD`, and nothing else.
    ///
    /// # Errors
    /// When the text has another form, no such day exists, or it is out of range.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let shape = text.len() == 10
            && text.bytes().enumerate().all(|(index, byte)| match index {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !shape {
            return Err(invalid("is no date of the form YYYY-MM-DD"));
        }
        let date: Date = text.parse().map_err(|_| invalid("is no day of the calendar"))?;
        Self::new(date)
    }

    /// The civil date.
    #[must_use]
    pub const fn date(self) -> Date {
        self.0
    }

    /// The day before, if it lies in the range.
    #[must_use]
    pub fn before(self) -> Option<Self> {
        Self::new(self.0.yesterday().ok()?).ok()
    }

    /// Days since 1970-01-01: what read models store and compare.
    #[must_use]
    pub fn number(self) -> i64 {
        let epoch = Date::constant(1970, 1, 1);
        i64::from((self.0 - epoch).get_days())
    }

    /// The day of that number, if it lies in the range.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        let span = jiff::Span::new().try_days(number).ok()?;
        Self::new(Date::constant(1970, 1, 1).checked_add(span).ok()?).ok()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&Cow::<'de, str>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl JsonSchema for Day {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Day".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date" })
    }
}

/// The IANA name of a time zone (`America/Sao_Paulo`) in which calendar promises are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Zone(String);

impl Zone {
    /// Parses a zone name.
    ///
    /// # Errors
    /// When the zone database has no zone of that name.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidValue> {
        let unknown = || invalid("is no time zone of the IANA database");
        let zone = TimeZone::get(&name.into()).map_err(|_| unknown())?;
        // The database knows names in any case; one spelling is kept.
        let name = zone.iana_name().ok_or_else(unknown)?;
        if is_of_this_machine(name) { Err(unknown()) } else { Ok(Self(name.to_owned())) }
    }

    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self("UTC".to_owned())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The rules of the zone. A name that later vanished from the database counts as UTC.
    #[must_use]
    pub fn rules(&self) -> TimeZone {
        TimeZone::get(&self.0).unwrap_or(TimeZone::UTC)
    }
}

/// Files beside the zones that are no zones, or are another one on each machine.
fn is_of_this_machine(name: &str) -> bool {
    matches!(name, "localtime" | "posixrules" | "Factory" | "Etc/Unknown")
        || name.starts_with("posix/")
        || name.starts_with("right/")
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl JsonSchema for Zone {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Zone".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "an IANA time zone" })
    }
}
