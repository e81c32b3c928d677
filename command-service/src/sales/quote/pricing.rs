//! What is taken off a draft or comes on top, and until when it holds.

use events::{
    ids::{CommandId, QuoteId},
    money::{Money, Percent},
    sales::{
        Discount, QuoteDiscountSet, QuoteEvent, QuoteFreightSet, QuoteTaxSet, QuoteValiditySet,
    },
    values::Day,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Quote;
use crate::{
    aggregate::{Decide, Facts},
    refusal::Refusal,
    sales::shared::{check_amount, check_discount},
};

/// Sets what is taken off the subtotal of a draft.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("required" = ["quote_id", "discount"]))]
pub struct SetQuoteDiscount {
    /// The quote.
    pub quote_id: QuoteId,
    /// An amount or a percentage; `null` takes the discount back.
    #[serde(deserialize_with = "Option::deserialize")]
    pub discount: Option<Discount>,
}

impl Decide for SetQuoteDiscount {
    const NAME: &'static str = "SetQuoteDiscount";
    type Aggregate = Quote;

    fn record(&self, _: CommandId) -> Uuid {
        self.quote_id.0
    }

    fn decide(&self, own: &Quote, _: &Facts<'_>) -> Result<Vec<QuoteEvent>, Refusal> {
        let state = own.draft()?;
        if let Some(discount) = self.discount {
            check_discount(discount, state.currency)?;
        }
        if state.offer.pricing.discount == self.discount {
            return Ok(Vec::new());
        }
        Ok(vec![QuoteDiscountSet { revision: state.revision, discount: self.discount }.into()])
    }
}

/// Sets the freight of a draft.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("required" = ["quote_id", "freight"]))]
pub struct SetQuoteFreight {
    /// The quote.
    pub quote_id: QuoteId,
    /// The freight, in the quote's currency; `null` takes it back.
    #[serde(deserialize_with = "Option::deserialize")]
    pub freight: Option<Money>,
}

impl Decide for SetQuoteFreight {
    const NAME: &'static str = "SetQuoteFreight";
    type Aggregate = Quote;

    fn record(&self, _: CommandId) -> Uuid {
        self.quote_id.0
    }

    fn decide(&self, own: &Quote, _: &Facts<'_>) -> Result<Vec<QuoteEvent>, Refusal> {
        let state = own.draft()?;
        if let Some(freight) = self.freight {
            check_amount(freight, state.currency)?;
        }
        if state.offer.pricing.freight == self.freight {
            return Ok(Vec::new());
        }
        Ok(vec![QuoteFreightSet { revision: state.revision, freight: self.freight }.into()])
    }
}

/// Sets the tax on the net of a draft.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("required" = ["quote_id", "tax"]))]
pub struct SetQuoteTax {
    /// The quote.
    pub quote_id: QuoteId,
    /// The share of the net, in per cent; `null` takes it back.
    #[serde(deserialize_with = "Option::deserialize")]
    pub tax: Option<Percent>,
}

impl Decide for SetQuoteTax {
    const NAME: &'static str = "SetQuoteTax";
    type Aggregate = Quote;

    fn record(&self, _: CommandId) -> Uuid {
        self.quote_id.0
    }

    fn decide(&self, own: &Quote, _: &Facts<'_>) -> Result<Vec<QuoteEvent>, Refusal> {
        let state = own.draft()?;
        if state.offer.pricing.tax == self.tax {
            return Ok(Vec::new());
        }
        Ok(vec![QuoteTaxSet { revision: state.revision, tax: self.tax }.into()])
    }
}

/// Sets until when a draft can be accepted once it is active.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("required" = ["quote_id", "valid_until"]))]
pub struct SetQuoteValidity {
    /// The quote.
    pub quote_id: QuoteId,
    /// The last day, in the quote's zone; `null` when it does not end.
    #[serde(deserialize_with = "Option::deserialize")]
    pub valid_until: Option<Day>,
}

impl Decide for SetQuoteValidity {
    const NAME: &'static str = "SetQuoteValidity";
    type Aggregate = Quote;

    fn record(&self, _: CommandId) -> Uuid {
        self.quote_id.0
    }

    fn decide(&self, own: &Quote, _: &Facts<'_>) -> Result<Vec<QuoteEvent>, Refusal> {
        let state = own.draft()?;
        let (revision, valid_until) = (state.revision, self.valid_until);
        if state.offer.valid_until == valid_until {
            return Ok(Vec::new());
        }
        Ok(vec![QuoteValiditySet { revision, valid_until }.into()])
    }
}

#[cfg(test)]
#[path = "pricing_tests.rs"]
mod tests;
