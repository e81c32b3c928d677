//! Prices, quantities and percentages, and what they come to.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{AmountError, Currency, Money, divide_half_even, parse_scaled, write_scaled};

macro_rules! scaled {
    ($($(#[$meta:meta])* $name:ident, $decimals:literal decimals, $min:expr => $max:expr;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// How many decimals it has.
            pub const DECIMALS: u32 = $decimals;

            /// That many units of the last decimal.
            ///
            /// # Errors
            /// When it is out of range.
            pub fn new(scaled: i64) -> Result<Self, AmountError> {
                if ($min..=$max).contains(&scaled) {
                    Ok(Self(scaled))
                } else {
                    Err(AmountError::OutOfRange)
                }
            }

            /// The value in units of the last decimal.
            #[must_use]
            pub const fn scaled(self) -> i64 {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = AmountError;

            fn from_str(text: &str) -> Result<Self, AmountError> {
                let scaled = parse_scaled(text, Self::DECIMALS)?;
                Self::new(i64::try_from(scaled).map_err(|_| AmountError::OutOfRange)?)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_scaled(f, self.0.into(), Self::DECIMALS)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "pattern": concat!("^-?[0-9]+([.][0-9]{1,", stringify!($decimals), "})?$"),
                })
            }
        }
    )*};
}

scaled! {
    /// A price per unit, with up to six decimals of the document's currency.
    UnitPrice, 6 decimals, 0 => 1_000_000_000_000_000_000;
    /// A quantity, with up to five decimals.
    Quantity, 5 decimals, 1 => 1_000_000_000_000_000;
    /// A share of 0 to 100 per cent, with up to four decimals of a per cent.
    Percent, 4 decimals, 0 => 1_000_000;
}

impl Percent {
    /// Everything.
    pub const HUNDRED: Self = Self(1_000_000);
    /// Nothing.
    pub const ZERO: Self = Self(0);
}

/// `quantity × price`, rounded half to even to the minor units of `currency`.
///
/// # Errors
/// When the product is out of range.
pub fn extend(
    quantity: Quantity,
    price: UnitPrice,
    currency: Currency,
) -> Result<Money, AmountError> {
    Money::new(divide_half_even(product(quantity, price), unit(currency)), currency)
}

/// `quantity × price` less that share of it, rounded half to even once, at the end.
///
/// # Errors
/// When the product is out of range.
pub fn extend_less_share(
    quantity: Quantity,
    price: UnitPrice,
    off: Percent,
    currency: Currency,
) -> Result<Money, AmountError> {
    // In range, so that what follows is too: 10^15 minor units, 11 decimals, 6 of the share.
    extend(quantity, price, currency)?;
    let kept = i128::from(Percent::HUNDRED.0 - off.0);
    let denominator = unit(currency) * i128::from(Percent::HUNDRED.0);
    Money::new(divide_half_even(product(quantity, price) * kept, denominator), currency)
}

/// `quantity × price` less an amount, in the currency of the amount, rounded half to even once, at
/// the end.
///
/// # Errors
/// When the product is out of range.
pub fn extend_less_amount(
    quantity: Quantity,
    price: UnitPrice,
    off: Money,
) -> Result<Money, AmountError> {
    extend(quantity, price, off.currency)?;
    let unit = unit(off.currency);
    let exact = product(quantity, price) - i128::from(off.minor) * unit;
    Money::new(divide_half_even(exact, unit), off.currency)
}

/// The exact product: 11 decimals.
fn product(quantity: Quantity, price: UnitPrice) -> i128 {
    i128::from(quantity.0) * i128::from(price.0)
}

/// One minor unit as the product of quantity and price has it: currencies have at most 4 decimals.
fn unit(currency: Currency) -> i128 {
    10_i128.pow(Quantity::DECIMALS + UnitPrice::DECIMALS - currency.decimals())
}
