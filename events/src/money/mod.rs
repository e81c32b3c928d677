//! Money, prices, quantities and percentages: integers with a named unit, never a float.

mod scaled;

pub use scaled::{Percent, Quantity, UnitPrice, extend, extend_less_amount, extend_less_share};

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Not of the form `-?digits[.digits]`.
    #[error("is no decimal number of the form 1234.56")]
    Malformed,
    /// More decimals than the unit has.
    #[error("has more than {0} decimals")]
    TooManyDecimals(u32),
    /// Beyond the limit of the type.
    #[error("is out of range")]
    OutOfRange,
    /// Not a code of ISO 4217.
    #[error("is no ISO 4217 currency with minor units")]
    UnknownCurrency,
}

/// Parses a plain decimal number into an integer of `10^-decimals`, exactly or not at all.
fn parse_scaled(text: &str, decimals: u32) -> Result<i128, AmountError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let point_without_digits = digits.contains('.') && fraction.is_empty();
    if whole.is_empty() || point_without_digits || !all_digits(whole) || !all_digits(fraction) {
        return Err(AmountError::Malformed);
    }
    if fraction.len() > decimals as usize {
        return Err(AmountError::TooManyDecimals(decimals));
    }
    if whole.len() > 20 {
        return Err(AmountError::OutOfRange);
    }
    let padding = decimals as usize - fraction.len();
    let scaled = format!("{whole}{fraction}{}", "0".repeat(padding));
    let magnitude: i128 = scaled.parse().map_err(|_| AmountError::OutOfRange)?;
    Ok(if negative { -magnitude } else { magnitude })
}

/// Writes an integer of `10^-decimals` with exactly that many decimals.
fn write_scaled(f: &mut fmt::Formatter<'_>, value: i128, decimals: u32) -> fmt::Result {
    let unit = 10_i128.pow(decimals);
    let sign = if value < 0 { "-" } else { "" };
    let magnitude = value.unsigned_abs();
    let unit = unit.unsigned_abs();
    if decimals == 0 {
        return write!(f, "{sign}{magnitude}");
    }
    let width = decimals as usize;
    write!(f, "{sign}{}.{:0width$}", magnitude / unit, magnitude % unit)
}

/// `numerator / denominator`, rounded half to even (IEEE 754 `roundTiesToEven`).
/// `denominator` must be positive.
#[must_use]
pub const fn divide_half_even(numerator: i128, denominator: i128) -> i128 {
    let quotient = numerator.div_euclid(denominator);
    let remainder = numerator.rem_euclid(denominator);
    let twice = remainder * 2;
    if twice > denominator || (twice == denominator && quotient % 2 != 0) {
        quotient + 1
    } else {
        quotient
    }
}

/// A currency of ISO 4217 that has minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// The currency of that code.
    ///
    /// # Errors
    /// When the code is none of ISO 4217, or of something without minor units (`XXX`, `XAU`).
    pub fn new(code: &str) -> Result<Self, AmountError> {
        let currency =
            iso_currency::Currency::from_code(code).ok_or(AmountError::UnknownCurrency)?;
        match currency.exponent() {
            Some(_) if code != "XXX" && code != "XTS" => Ok(Self(currency)),
            _ => Err(AmountError::UnknownCurrency),
        }
    }

    /// Every currency, by its code.
    pub fn all() -> impl Iterator<Item = Self> {
        let letters = || ('A'..='Z').map(String::from);
        let pairs =
            letters().flat_map(move |first| letters().map(move |second| first.clone() + &second));
        let codes = pairs.flat_map(move |pair| letters().map(move |third| pair.clone() + &third));
        codes.filter_map(|code| Self::new(&code).ok())
    }

    /// The three letters.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// How many decimals an amount has: 2 for BRL, 0 for JPY, 3 for KWD.
    #[must_use]
    pub fn decimals(self) -> u32 {
        u32::from(self.0.exponent().unwrap_or(0))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = AmountError;

    fn from_str(code: &str) -> Result<Self, AmountError> {
        Self::new(code)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&Cow::<'de, str>::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl JsonSchema for Currency {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Currency".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217" })
    }
}

/// An amount in a currency: minor units, at most 10^15 of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// The largest magnitude, in minor units.
    pub const MAX_MINOR: i64 = 1_000_000_000_000_000;

    /// That many minor units.
    ///
    /// # Errors
    /// Beyond [`Money::MAX_MINOR`] in either direction.
    pub fn new(minor: i128, currency: Currency) -> Result<Self, AmountError> {
        let minor = i64::try_from(minor).map_err(|_| AmountError::OutOfRange)?;
        if (-Self::MAX_MINOR..=Self::MAX_MINOR).contains(&minor) {
            Ok(Self { minor, currency })
        } else {
            Err(AmountError::OutOfRange)
        }
    }

    /// Parses a decimal amount, for instance `("12.34", BRL)`.
    ///
    /// # Errors
    /// When it is no decimal, has more decimals than the currency, or is out of range.
    pub fn parse(amount: &str, currency: Currency) -> Result<Self, AmountError> {
        Self::new(parse_scaled(amount, currency.decimals())?, currency)
    }

    /// Nothing.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// The amount in minor units.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// The amount as a decimal text, without the currency.
    #[must_use]
    pub fn amount(self) -> String {
        format_minor(self.minor.into(), self.currency)
    }

    /// That share of the amount, exactly: for sums, which are rounded once at their end.
    #[must_use]
    pub const fn exact_share(self, percent: Percent) -> ExactShare {
        let product = self.minor as i128 * percent.scaled() as i128;
        let whole = product.div_euclid(ExactShare::MILLIONTHS);
        let rest = product.rem_euclid(ExactShare::MILLIONTHS);
        // At most 100 % of an amount within the limit, and less than a million.
        #[expect(clippy::cast_possible_truncation, reason = "both are within an i64")]
        ExactShare { minor: whole as i64, millionths: rest as i64 }
    }

    /// That share of the amount, rounded half to even.
    #[must_use]
    pub fn share(self, percent: Percent) -> Self {
        let product = i128::from(self.minor) * i128::from(percent.scaled());
        let minor = divide_half_even(product, i128::from(Percent::HUNDRED.scaled()));
        // At most 100 % of an amount within the limit.
        Self { minor: i64::try_from(minor).unwrap_or(self.minor), currency: self.currency }
    }
}

/// A share of an amount, not rounded: whole minor units (rounded down) and millionths of one. Both
/// may be added up on their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExactShare {
    /// Whole minor units.
    pub minor: i64,
    /// Millionths of a minor unit.
    pub millionths: i64,
}

impl ExactShare {
    /// How many of them make a minor unit: a [`Percent`] has four decimals of a hundredth.
    pub const MILLIONTHS: i128 = 1_000_000;

    /// Sums of both parts as minor units, rounded half to even.
    #[must_use]
    pub const fn rounded(minor: i128, millionths: i128) -> i128 {
        divide_half_even(minor * Self::MILLIONTHS + millionths, Self::MILLIONTHS)
    }
}

/// A sum of minor units as a decimal text. Sums may exceed the limit of one amount.
#[must_use]
pub fn format_minor(minor: i128, currency: Currency) -> String {
    struct Amount(i128, u32);
    impl fmt::Display for Amount {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write_scaled(f, self.0, self.1)
        }
    }
    Amount(minor, currency.decimals()).to_string()
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MoneyJson<'a> {
    /// A decimal number, `12.34`.
    #[serde(borrow)]
    amount: Cow<'a, str>,
    currency: Currency,
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        MoneyJson { amount: self.amount().into(), currency: self.currency }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let MoneyJson { amount, currency } = MoneyJson::deserialize(deserializer)?;
        Self::parse(&amount, currency)
            .map_err(|error| de::Error::custom(format_args!("the amount {error}")))
    }
}

impl JsonSchema for Money {
    fn schema_name() -> Cow<'static, str> {
        "Money".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        MoneyJson::json_schema(generator)
    }
}

#[cfg(test)]
#[path = "money_tests.rs"]
mod tests;
