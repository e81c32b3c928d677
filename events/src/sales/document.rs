//! What quotes, orders and invoices have in common: lines, discounts and totals.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    customers::{FreightTerms, PaymentTerms},
    envelope::Version,
    ids::RecordRef,
    money::{
        AmountError, Currency, Money, Percent, Quantity, UnitPrice, extend, extend_less_amount,
        extend_less_share,
    },
    values::Line,
};

/// An amount or a percentage off, never both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Discount {
    /// That much off.
    Amount(Money),
    /// That share off.
    Percent(Percent),
}

/// One line of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentLine {
    /// Names the line within the document and its successors.
    pub line_id: Uuid,
    /// The product or service, as the organisation calls it.
    pub product: Line<200>,
    /// How many.
    pub quantity: Quantity,
    /// The price of one, in the document's currency.
    pub unit_price: UnitPrice,
    /// What is taken off this line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<Discount>,
    /// Tax on this line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<Money>,
}

/// What a document adds up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// The lines after their own discounts.
    pub subtotal: Money,
    /// Taken off the subtotal.
    pub discount: Money,
    /// Subtotal less discount.
    pub net: Money,
    /// Freight.
    pub freight: Money,
    /// Taxes of the lines and of the net.
    pub tax: Money,
    /// What is to be paid.
    pub total: Money,
}

/// Everything that prices a document besides its lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pricing {
    /// Taken off the subtotal.
    pub discount: Option<Discount>,
    /// Freight.
    pub freight: Option<Money>,
    /// Tax on the net.
    pub tax: Option<Percent>,
}

/// Why a document cannot be priced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PricingError {
    /// A total beyond the limit of an amount.
    #[error("a total is out of range")]
    OutOfRange,
    /// More taken off than there is.
    #[error("a discount is larger than what it is taken off")]
    DiscountTooLarge,
    /// An amount in another currency.
    #[error("an amount is not in the currency of the document")]
    CurrencyMismatch,
}

impl From<AmountError> for PricingError {
    fn from(_: AmountError) -> Self {
        Self::OutOfRange
    }
}

fn in_currency(money: Money, currency: Currency) -> Result<Money, PricingError> {
    if money.currency() == currency { Ok(money) } else { Err(PricingError::CurrencyMismatch) }
}

fn discount_of(base: Money, discount: Option<Discount>) -> Result<Money, PricingError> {
    let off = match discount {
        None => Money::zero(base.currency()),
        Some(Discount::Amount(amount)) => in_currency(amount, base.currency())?,
        Some(Discount::Percent(percent)) => base.share(percent),
    };
    if off.minor() > base.minor() || off.minor() < 0 {
        return Err(PricingError::DiscountTooLarge);
    }
    Ok(off)
}

impl DocumentLine {
    /// `quantity × unit price` less the line's discount: rounded once, at the end (rule G9).
    ///
    /// # Errors
    /// When the line cannot be priced in that currency.
    pub fn net(&self, currency: Currency) -> Result<Money, PricingError> {
        let Self { quantity, unit_price, .. } = *self;
        match self.discount {
            None => Ok(extend(quantity, unit_price, currency)?),
            Some(Discount::Percent(off)) => {
                Ok(extend_less_share(quantity, unit_price, off, currency)?)
            }
            Some(Discount::Amount(off)) => {
                // It may take off all there is to be seen: the gross as it is shown, rounded.
                discount_of(extend(quantity, unit_price, currency)?, self.discount)?;
                Ok(extend_less_amount(quantity, unit_price, off)?)
            }
        }
    }
}

impl Totals {
    /// Adds a document up, step by step as in rule G9: each step rounds half to even once.
    ///
    /// # Errors
    /// When an amount is out of range, of another currency, or a discount too large.
    pub fn of(
        lines: &[DocumentLine],
        pricing: Pricing,
        currency: Currency,
    ) -> Result<Self, PricingError> {
        let mut subtotal = 0_i128;
        let mut line_tax = 0_i128;
        for line in lines {
            subtotal += i128::from(line.net(currency)?.minor());
            if let Some(tax) = line.tax {
                line_tax += i128::from(in_currency(tax, currency)?.minor());
            }
        }
        let money = |minor: i128| Money::new(minor, currency).map_err(PricingError::from);
        let subtotal = money(subtotal)?;
        let discount = discount_of(subtotal, pricing.discount)?;
        let net = money(i128::from(subtotal.minor()) - i128::from(discount.minor()))?;
        let freight = in_currency(pricing.freight.unwrap_or(Money::zero(currency)), currency)?;
        let net_tax = net.share(pricing.tax.unwrap_or(Percent::ZERO));
        let tax = money(line_tax + i128::from(net_tax.minor()))?;
        let total =
            money(i128::from(net.minor()) + i128::from(freight.minor()) + i128::from(tax.minor()))?;
        Ok(Self { subtotal, discount, net, freight, tax, total })
    }
}

/// The terms of a document: copied from the customer when it was started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentTerms {
    /// The name of the price list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_list: Option<Line<100>>,
    /// When payment is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_terms: Option<PaymentTerms>,
    /// Who pays for freight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freight_terms: Option<FreightTerms>,
    /// How goods are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping_method: Option<Line<100>>,
}

/// Where a value that was filled in by itself came from (rule G8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prefill {
    /// The field that was filled in.
    pub field: Line<60>,
    /// The record the value was copied from.
    pub from: RecordRef,
    /// The version of that record.
    pub from_version: Version,
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
