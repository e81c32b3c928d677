//! What accounts and contacts have in common.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    ids::Principal,
    money::{Currency, Money},
    personal::{Personal, personal_fields},
    values::{Country, Line},
};

/// What an address is for. A record has at most one of each.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AddressKind {
    /// The main address.
    Primary,
    /// Where invoices go.
    BillTo,
    /// Where goods go.
    ShipTo,
    /// Any other.
    Other,
}

/// A postal address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// Street and number, one line each, at most three.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 3))]
    pub street: Vec<Line<250>>,
    /// City.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<Line<80>>,
    /// State or province.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Line<80>>,
    /// Postal code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<Line<20>>,
    /// Country or region, as people write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Country>,
}

/// An address was set, or replaced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressSet {
    /// What it is for.
    pub kind: AddressKind,
    /// The address.
    pub address: Personal<Address>,
}

/// An address was removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressRemoved {
    /// What it was for.
    pub kind: AddressKind,
}

/// Dynamics's `paymenttermscode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PaymentTerms {
    /// Payment within 30 days.
    Net30,
    /// Two per cent off within 10 days, else within 30.
    TwoPercent10Net30,
    /// Payment within 45 days.
    Net45,
    /// Payment within 60 days.
    Net60,
}

/// Dynamics's `freighttermscode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are the trade's own")]
pub enum FreightTerms {
    Fob,
    NoCharge,
}

/// The terms on which a customer buys. Copied into each quote that is started from the customer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommercialTerms {
    /// The currency of new documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
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
    /// How much the customer may owe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit_limit: Option<Money>,
    /// Whether deliveries are held back.
    #[serde(default)]
    pub credit_hold: bool,
}

/// The commercial terms were set, as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommercialTermsSet {
    /// The terms from now on.
    pub terms: CommercialTerms,
}

/// By which ways a customer must not be contacted. Nothing is forbidden until it is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "Dynamics's six flags, each set by itself")]
pub struct ContactPreferences {
    /// No e-mail at all.
    pub do_not_email: bool,
    /// No bulk e-mail.
    pub do_not_bulk_email: bool,
    /// No telephone calls.
    pub do_not_phone: bool,
    /// No fax.
    pub do_not_fax: bool,
    /// No letters.
    pub do_not_mail: bool,
    /// No marketing material.
    pub do_not_market: bool,
}

/// The contact preferences were set, as a whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactPreferencesSet {
    /// The preferences from now on.
    pub preferences: ContactPreferences,
}

/// A record got another owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnerAssigned {
    /// The owner before.
    pub from: Principal,
    /// The owner from now on.
    pub to: Principal,
}

/// A record was taken out of use. It stays readable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deactivated {}

/// A record was taken into use again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reactivated {}

personal_fields! {
    AddressSet { address }
    AddressRemoved {}
    CommercialTermsSet {}
    ContactPreferencesSet {}
    OwnerAssigned {}
    Deactivated {}
    Reactivated {}
}
