//! E-mail addresses.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::{
    InvalidValue, invalid,
    text::{is_blank, is_control},
};

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
