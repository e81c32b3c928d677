//! The shapes of the values that parameters take, for the OpenAPI document.

use events::{ids::Category, money::Currency};
use serde_json::{Value, json};

use super::params::MAX_TEXT;

/// A position as it was given out.
pub(super) const POSITION: &str = "^[0-9]{1,18}$";
/// A day or an instant of RFC 3339 from 1900 to 2199.
pub(super) const MOMENT: &str = "^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])\
     ([Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?\
     ([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9]))?$";
/// A day from 1900 to 2199. The last days of months are taken as well.
pub(super) const DAY: &str = "^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$";
/// An instant of RFC 3339. The last days of months are taken as well.
pub(super) const INSTANT: &str = "^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])\
     [Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?\
     ([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$";
/// An id in the one form it is written in.
pub(super) const ID: &str =
    "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";

pub(super) fn uuid() -> Value {
    json!({ "type": "string", "format": "uuid", "pattern": ID,
        "example": "11111111-1111-4111-8111-111111111111" })
}

pub(super) fn day() -> Value {
    json!({ "type": "string", "format": "date", "pattern": DAY, "example": "2026-11-02" })
}

pub(super) fn instant() -> Value {
    json!({ "type": "string", "format": "date-time", "pattern": INSTANT,
        "example": "2026-11-02T09:00:00Z" })
}

pub(super) fn currency() -> Value {
    let codes: Vec<_> = Currency::all().map(Currency::code).collect();
    json!({ "type": "string", "enum": codes, "example": "USD" })
}

/// A text that is looked for.
pub(super) fn sought() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": MAX_TEXT, "format": "annals-line",
        "example": "Contoso" })
}

pub(super) fn categories() -> Value {
    json!({ "type": "string", "enum": Category::ALL.map(Category::name), "example": "account" })
}
