//! Values that are parsed once, at the door, and valid ever after.

use std::{borrow::Cow, fmt};

use jiff::{civil::Date, tz::TimeZone};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a text is no valid value. The message is fit for the sender and never repeats the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidValue(pub Cow<'static, str>);

fn invalid(reason: impl Into<Cow<'static, str>>) -> InvalidValue {
    InvalidValue(reason.into())
}

/// Characters that the eye cannot see: blanks, fillers, joiners, and marks that turn the direction
/// of writing. A name of nothing else is empty, an address has none.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Characters that end a line, or that steer a terminal or a printer.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

fn check_length(text: &str, max: usize) -> Result<(), InvalidValue> {
    let length = text.chars().count();
    if length > max {
        return Err(invalid(format!("has {length} characters, at most {max} are allowed")));
    }
    if text.chars().all(is_blank) {
        return Err(invalid("must not be blank"));
    }
    Ok(())
}

/// One line of text of 1 to `MAX` characters: no control characters, not only blanks.
/// Leading and trailing blanks are cut off.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Line<const MAX: usize>(String);

impl<const MAX: usize> Line<MAX> {
    /// Parses a line.
    ///
    /// # Errors
    /// When it is blank, too long or holds a control character.
    pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidValue> {
        // Before trimming: a line break at the end is no blank that somebody typed by accident.
        if text.as_ref().chars().any(is_control) {
            return Err(invalid("must not hold control characters"));
        }
        let text = text.as_ref().trim();
        check_length(text, MAX)?;
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Display for Line<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Line<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(text).map_err(de::Error::custom)
    }
}

impl<const MAX: usize> JsonSchema for Line<MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Line{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": MAX })
    }
}

/// Free text of 1 to 20,000 characters; line breaks and tabs are its only control characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Prose(String);

impl Prose {
    /// The longest free text, in characters.
    pub const MAX: usize = 20_000;

    /// Parses free text.
    ///
    /// # Errors
    /// When it is blank, too long or holds a control character.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidValue> {
        let text = text.into();
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err(invalid("must not hold control characters"));
        }
        check_length(&text, Self::MAX)?;
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Prose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl JsonSchema for Prose {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Prose".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": Self::MAX })
    }
}

fn has_only_full_labels(part: &str) -> bool {
    part.split('.').all(|label| !label.is_empty())
}

fn is_local_part(local: &str) -> bool {
    local.len() <= 64
        && has_only_full_labels(local)
        && !local.chars().any(is_blank)
        && !local.contains(['"', '(', ')', '<', '>', '[', ']', ',', ';', ':', '\\'])
}

fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| (c.is_alphanumeric() && !is_blank(c)) || c == '-')
    };
    // A last label of digits would be an address of the network, not a name.
    let has_top = domain
        .rsplit_once('.')
        .is_some_and(|(_, top)| !top.bytes().all(|byte| byte.is_ascii_digit()));
    has_top && has_only_full_labels(domain) && domain.split('.').all(is_label)
}

/// An e-mail address in the everyday form `local@domain`, the domain in lower case.
///
/// Quoted local parts and address literals (RFC 5321) are refused: nobody's contact has one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Email(String);

impl Email {
    /// Parses an address.
    ///
    /// # Errors
    /// When it is not of the everyday form, or longer than 254 characters.
    pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidValue> {
        let refused = || invalid("is no e-mail address");
        if text.as_ref().chars().any(is_control) {
            return Err(refused());
        }
        let (local, domain) = text.as_ref().trim().split_once('@').ok_or_else(refused)?;
        // In lower case first: what is kept must be what was checked.
        let address = format!("{local}@{}", domain.to_lowercase());
        let domain = &address[local.len() + 1..];
        if address.len() <= 254 && is_local_part(local) && is_domain(domain) {
            Ok(Self(address))
        } else {
            Err(refused())
        }
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Email {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Cow::<'de, str>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl JsonSchema for Email {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Email".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "email", "maxLength": 254 })
    }
}

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

/// What a change says of one field: absent keeps it, `null` clears it, a value sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Change<T> {
    /// The field stays as it is.
    #[default]
    Keep,
    /// The field has no value any more.
    Clear,
    /// The field has this value now.
    Set(T),
}

impl<T> Change<T> {
    /// Whether the field stays as it is.
    pub const fn is_keep(&self) -> bool {
        matches!(self, Self::Keep)
    }

    /// Applies the change to a field.
    pub fn apply_to(&self, field: &mut Option<T>)
    where
        T: Clone,
    {
        match self {
            Self::Keep => {}
            Self::Clear => *field = None,
            Self::Set(value) => *field = Some(value.clone()),
        }
    }

    /// The change without what is the case already.
    #[must_use]
    pub fn against(self, current: Option<&T>) -> Self
    where
        T: PartialEq,
    {
        match self {
            Self::Clear if current.is_none() => Self::Keep,
            Self::Set(value) if Some(&value) == current => Self::Keep,
            change => change,
        }
    }

    /// The same change of another type.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Change<U> {
        match self {
            Self::Keep => Change::Keep,
            Self::Clear => Change::Clear,
            Self::Set(value) => Change::Set(f(value)),
        }
    }
}

impl<T: Serialize> Serialize for Change<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Keep | Self::Clear => serializer.serialize_none(),
            Self::Set(value) => serializer.serialize_some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

impl<T: JsonSchema> JsonSchema for Change<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Change_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Option::<T>::json_schema(generator)
    }
}

impl<T: crate::personal::PersonalFields> crate::personal::PersonalFields for Change<T> {
    fn visit_personal<V: crate::personal::PersonalVisitor>(
        &mut self,
        path: &Cow<'static, str>,
        visitor: &mut V,
    ) -> Result<(), V::Error> {
        match self {
            Self::Keep | Self::Clear => Ok(()),
            Self::Set(value) => value.visit_personal(path, visitor),
        }
    }
}

#[cfg(test)]
#[path = "values_tests.rs"]
mod tests;
