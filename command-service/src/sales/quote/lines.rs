//! The lines of a draft.

use events::{
    ids::{CommandId, QuoteId},
    money::{Currency, Money, Quantity, UnitPrice},
    sales::{
        Discount, DocumentLine, QuoteEvent, QuoteLineAdded, QuoteLineChanged, QuoteLineRemoved,
    },
    values::{Change, Line},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Quote, QuoteState};
use crate::{
    aggregate::{Decide, Facts},
    body::given,
    refusal::Refusal,
    sales::shared::{check_amount, check_discount},
};

/// The most lines a quote can have.
pub const MAX_LINES: usize = 500;

/// Adds a line to a draft.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddQuoteLine {
    /// The quote.
    pub quote_id: QuoteId,
    /// The id of the line; made from the command's id where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line_id: Option<Uuid>,
    /// The product or service, as the organisation calls it.
    pub product: Line<200>,
    /// How many.
    pub quantity: Quantity,
    /// The price of one, in the quote's currency.
    pub unit_price: UnitPrice,
    /// What is taken off this line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<Discount>,
    /// Tax on this line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<Money>,
    /// The currency of the price. Only the quote's own is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
}

/// Whether all amounts of a line are in the quote's currency.
fn check_line(
    line: &DocumentLine,
    priced_in: Option<Currency>,
    quote: &QuoteState,
) -> Result<(), Refusal> {
    if priced_in.is_some_and(|currency| currency != quote.currency) {
        return Err(Refusal::CurrencyMismatch);
    }
    if let Some(discount) = line.discount {
        check_discount(discount, quote.currency)?;
    }
    line.tax.map_or(Ok(()), |tax| check_amount(tax, quote.currency))
}

impl Decide for AddQuoteLine {
    const NAME: &'static str = "AddQuoteLine";
    type Aggregate = Quote;

    fn record(&self, _: CommandId) -> Uuid {
        self.quote_id.0
    }

    fn decide(&self, own: &Quote, facts: &Facts<'_>) -> Result<Vec<QuoteEvent>, Refusal> {
        let state = own.draft()?;
        let derived_id = || Uuid::new_v5(&facts.command_id.0, b"line");
        let line = DocumentLine {
            line_id: self.line_id.unwrap_or_else(derived_id),
            product: self.product.clone(),
            quantity: self.quantity,
            unit_price: self.unit_price,
            discount: self.discount,
            tax: self.tax,
        };
        check_line(&line, self.currency, state)?;
        match state.line(line.line_id) {
            Some(same) if *same == line => return Ok(Vec::new()),
            Some(_) => return Err(Refusal::QuoteLineExists),
            None => {}
        }
        if state.offer.lines.len() >= MAX_LINES {
            return Err(Refusal::QuoteTooManyLines);
        }
        Ok(vec![QuoteLineAdded { revision: state.revision, line }.into()])
    }
}

/// Changes a line of a draft. What is absent stays as it is; `null` takes a discount or tax back.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeQuoteLine {
    /// The quote.
    pub quote_id: QuoteId,
    /// The line.
    pub line_id: Uuid,
    /// The product or service, as the organisation calls it.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Line<200>")]
    pub product: Option<Line<200>>,
    /// How many.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Quantity")]
    pub quantity: Option<Quantity>,
    /// The price of one, in the quote's currency.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "UnitPrice")]
    pub unit_price: Option<UnitPrice>,
    /// What is taken off this line.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub discount: Change<Discount>,
    /// Tax on this line.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub tax: Change<Money>,
    /// The currency of the price. Only the quote's own is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
}

impl Decide for ChangeQuoteLine {
    const NAME: &'static str = "ChangeQuoteLine";
    type Aggregate = Quote;

    fn record(&self, _: CommandId) -> Uuid {
        self.quote_id.0
    }

    fn decide(&self, own: &Quote, _: &Facts<'_>) -> Result<Vec<QuoteEvent>, Refusal> {
        let state = own.draft()?;
        let before = state.line(self.line_id).ok_or(Refusal::QuoteLineUnknown)?;
        let mut line = before.clone();
        if let Some(product) = &self.product {
            line.product = product.clone();
        }
        line.quantity = self.quantity.unwrap_or(line.quantity);
        line.unit_price = self.unit_price.unwrap_or(line.unit_price);
        self.discount.apply_to(&mut line.discount);
        self.tax.apply_to(&mut line.tax);
        check_line(&line, self.currency, state)?;
        if line == *before {
            return Ok(Vec::new());
        }
        Ok(vec![QuoteLineChanged { revision: state.revision, line }.into()])
    }
}

/// Takes a line off a draft.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveQuoteLine {
    /// The quote.
    pub quote_id: QuoteId,
    /// The line.
    pub line_id: Uuid,
}

impl Decide for RemoveQuoteLine {
    const NAME: &'static str = "RemoveQuoteLine";
    type Aggregate = Quote;

    fn record(&self, _: CommandId) -> Uuid {
        self.quote_id.0
    }

    fn decide(&self, own: &Quote, _: &Facts<'_>) -> Result<Vec<QuoteEvent>, Refusal> {
        let state = own.draft()?;
        let (revision, line_id) = (state.revision, self.line_id);
        if state.line(line_id).is_some() {
            Ok(vec![QuoteLineRemoved { revision, line_id }.into()])
        } else if state.offer.removed.contains(&line_id) {
            Ok(Vec::new())
        } else {
            Err(Refusal::QuoteLineUnknown)
        }
    }
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
