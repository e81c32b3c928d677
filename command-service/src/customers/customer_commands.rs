//! Commands that accounts and contacts have in common: addresses, terms and preferences.

use events::{
    CrmEvent,
    customers::{
        Address, AddressKind, AddressRemoved, AddressSet, CommercialTerms, CommercialTermsSet,
        ContactPreferences, ContactPreferencesSet,
    },
    ids::{CommandId, CustomerRef, StreamName},
    personal::Clear,
    sales::NumberSequence,
    values::Day,
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::shared::{Customer, customer_event, own_customer};
use crate::{
    aggregate::{Command, Facts, Record, States},
    refusal::Refusal,
};

/// The most lines that the street of an address may have.
const MAX_STREET_LINES: usize = 3;

/// Sets an address of an account or a contact, in the place of any it has of that kind.
///
/// It is sealed: when given it is written, whether or not it differs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetAddress {
    /// The account or contact.
    pub record: CustomerRef,
    /// What the address is for.
    pub kind: AddressKind,
    /// The address.
    #[serde(deserialize_with = "address")]
    pub address: Clear<Address>,
}

/// An address that says something, and whose street has no more lines than its schema says.
fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Clear<Address>, D::Error> {
    let address = Clear::<Address>::deserialize(deserializer)?;
    let Address { street, city, state, postal_code, country } = &address.0;
    let lines = [city.is_some(), state.is_some(), postal_code.is_some(), country.is_some()];
    if street.is_empty() && lines == [false; 4] {
        return Err(de::Error::custom("an address must not be empty"));
    }
    if street.len() > MAX_STREET_LINES {
        return Err(de::Error::custom(format!("a street has at most {MAX_STREET_LINES} lines")));
    }
    Ok(address)
}

impl SetAddress {
    fn judge(&self, _: Customer<'_>) -> Option<CrmEvent> {
        let address = self.address.clone().into();
        Some(customer_event(self.record, AddressSet { kind: self.kind, address }))
    }
}

/// Removes an address of an account or a contact.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveAddress {
    /// The account or contact.
    pub record: CustomerRef,
    /// What the address is for.
    pub kind: AddressKind,
}

impl RemoveAddress {
    fn judge(&self, customer: Customer<'_>) -> Option<CrmEvent> {
        let there = customer.addresses.contains_key(&self.kind);
        there.then(|| customer_event(self.record, AddressRemoved { kind: self.kind }))
    }
}

/// Sets the terms on which an account or a contact buys, as a whole.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetCommercialTerms {
    /// The account or contact.
    pub record: CustomerRef,
    /// All the terms from now on; what is absent has no value any more.
    pub terms: CommercialTerms,
}

impl SetCommercialTerms {
    fn judge(&self, customer: Customer<'_>) -> Option<CrmEvent> {
        let differs = *customer.terms != self.terms;
        let set = || CommercialTermsSet { terms: self.terms.clone() };
        differs.then(|| customer_event(self.record, set()))
    }
}

/// Sets the ways by which an account or a contact must not be contacted, as a whole.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetContactPreferences {
    /// The account or contact.
    pub record: CustomerRef,
    /// All the preferences from now on; what is absent is not forbidden.
    pub preferences: ContactPreferences,
}

impl SetContactPreferences {
    fn judge(&self, customer: Customer<'_>) -> Option<CrmEvent> {
        let differs = customer.preferences != self.preferences;
        let set = ContactPreferencesSet { preferences: self.preferences };
        differs.then(|| customer_event(self.record, set))
    }
}

/// Makes commands of what judges a customer that is there and in use.
macro_rules! on_customer {
    ($($command:ty),*) => {$(
        impl Command for $command {
            fn stream(&self, _: CommandId) -> StreamName {
                self.record.stream()
            }

            fn needs(&self, _: &Record, _: &States) -> Vec<StreamName> {
                Vec::new()
            }

            fn makes_key(&self) -> bool {
                false
            }

            fn number(&self, _: &Record, _: CommandId, _: Day) -> Option<NumberSequence> {
                None
            }

            fn effective_day(&self) -> Option<Day> {
                None
            }

            fn decide(&self, own: &Record, _: &Facts<'_>) -> Result<Vec<CrmEvent>, Refusal> {
                let customer = own_customer(own, self.record)?;
                Ok(self.judge(customer).into_iter().collect())
            }

            fn canonical(&self) -> Result<Vec<u8>, serde_json::Error> {
                serde_json::to_vec(self)
            }
        }
    )*};
}

on_customer!(SetAddress, RemoveAddress, SetCommercialTerms, SetContactPreferences);

#[cfg(test)]
#[path = "customer_commands_tests.rs"]
mod tests;
