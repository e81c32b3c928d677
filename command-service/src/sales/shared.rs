//! What every sale goes by: who buys, who owns it, and in which currency.

use std::collections::BTreeMap;

use events::{
    Instant, Version,
    customers::{Address, AddressKind, CommercialTerms},
    ids::{Category, ContactId, CustomerRef, KeyId, Principal, RecordRef, StreamName},
    money::{Currency, Money},
    personal::Personal,
    sales::Discount,
    values::{Day, Zone},
};

use crate::{
    access::owner_streams,
    aggregate::{Facts, States},
    refusal::Refusal,
};

/// A customer, whether a company or a person.
pub(super) struct Customer<'a> {
    pub(super) record: RecordRef,
    pub(super) version: Version,
    pub(super) terms: &'a CommercialTerms,
    pub(super) addresses: &'a BTreeMap<AddressKind, Personal<Address>>,
    /// The key of the person; none of a company, whose key is its own affair.
    pub(super) person: Option<KeyId>,
}

/// The customer, who must be there and active.
pub(super) fn active_customer(
    states: &States,
    reference: CustomerRef,
) -> Result<Customer<'_>, Refusal> {
    let record = RecordRef::from(reference);
    let missing = || Refusal::not_found(record.category);
    let (active, terms, addresses, person) = match reference {
        CustomerRef::Account(id) => {
            let state = states.account(id).and_then(|it| it.created()).ok_or_else(missing)?;
            (state.active, &state.terms, &state.addresses, None)
        }
        CustomerRef::Contact(id) => {
            let state = states.contact(id).and_then(|it| it.created()).ok_or_else(missing)?;
            (state.active, &state.terms, &state.addresses, Some(state.key))
        }
    };
    if !active {
        return Err(Refusal::CustomerInactive);
    }
    Ok(Customer { record, version: states.version(record), terms, addresses, person })
}

/// The key of a contact, who must be there and active.
pub(super) fn active_contact(states: &States, id: ContactId) -> Result<KeyId, Refusal> {
    let contact = states.contact(id).and_then(|it| it.created());
    let contact = contact.ok_or_else(|| Refusal::not_found(Category::Contact))?;
    if contact.active { Ok(contact.key) } else { Err(Refusal::CustomerInactive) }
}

/// The streams of everybody a new record names.
pub(super) fn streams_of(
    customer: Option<CustomerRef>,
    contact: Option<ContactId>,
    owner: Option<Principal>,
) -> Vec<StreamName> {
    let customer = customer.map(CustomerRef::stream);
    let contact = contact.map(ContactId::stream);
    customer.into_iter().chain(contact).chain(owner_streams(owner)).collect()
}

/// The currency of a record that names none.
pub(super) fn default_currency(
    customer: Option<&Customer<'_>>,
    facts: &Facts<'_>,
) -> Result<Currency, Refusal> {
    // Only before the organisation is founded is there no base currency.
    customer
        .and_then(|customer| customer.terms.currency)
        .or(facts.organization.base_currency())
        .ok_or(Refusal::Internal)
}

/// An amount that may stand on a record of that currency.
pub(super) fn check_amount(amount: Money, currency: Currency) -> Result<(), Refusal> {
    if amount.currency() != currency {
        return Err(Refusal::CurrencyMismatch);
    }
    if amount.minor() < 0 {
        return Err(Refusal::NegativeAmount);
    }
    Ok(())
}

/// A discount that may stand on a record of that currency. Whether it is too large shows when the
/// whole is priced.
pub(super) fn check_discount(discount: Discount, currency: Currency) -> Result<(), Refusal> {
    match discount {
        Discount::Amount(amount) => check_amount(amount, currency),
        Discount::Percent(_) => Ok(()),
    }
}

/// Which day it is in that zone.
pub(super) fn day_in(zone: &Zone, now: Instant) -> Result<Day, Refusal> {
    // The clock of a working machine is within the range of days.
    Day::new(zone.rules().to_datetime(now.timestamp()).date()).map_err(|_| Refusal::Internal)
}
