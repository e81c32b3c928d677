//! What several commands share: the two kinds of customer as one.

use events::{
    CrmEvent,
    customers::{AccountEvent, ContactEvent},
    ids::{Category, CustomerRef, RecordRef},
};

use crate::{
    aggregate::{AsRecord, Record, States},
    customers::{Account, Contact},
    refusal::Refusal,
};

/// Whether a customer is there and in use, as a customer that another record refers to must be.
///
/// # Errors
/// When there is no such customer, or it is inactive.
pub(crate) fn require_active(customer: CustomerRef, states: &States) -> Result<(), Refusal> {
    let active = match customer {
        CustomerRef::Account(id) => {
            let account = states.account(id).and_then(|account| account.created());
            account.ok_or_else(|| Refusal::not_found(Category::Account))?.active
        }
        CustomerRef::Contact(id) => {
            let contact = states.contact(id).and_then(|contact| contact.created());
            contact.ok_or_else(|| Refusal::not_found(Category::Contact))?.active
        }
    };
    if active { Ok(()) } else { Err(Refusal::CustomerInactive) }
}

/// Whether a record of any kind has been made.
pub(crate) fn exists(record: RecordRef, states: &States) -> bool {
    states.record(record).is_some()
}

/// An event that accounts and contacts have in common, as an event of that customer.
pub(super) fn customer_event<P>(customer: CustomerRef, payload: P) -> CrmEvent
where
    AccountEvent: From<P>,
    ContactEvent: From<P>,
{
    match customer {
        CustomerRef::Account(_) => AccountEvent::from(payload).into(),
        CustomerRef::Contact(_) => ContactEvent::from(payload).into(),
    }
}

/// The part of the state of an account or a contact that has the same meaning for both.
#[derive(Clone, Copy)]
pub(super) struct Customer<'a> {
    /// The addresses.
    pub(super) addresses: &'a super::Addresses,
    /// The terms on which it buys.
    pub(super) terms: &'a events::customers::CommercialTerms,
    /// The ways it must not be contacted.
    pub(super) preferences: events::customers::ContactPreferences,
}

/// The state of a customer that a command is about.
///
/// # Errors
/// When it is not there, or inactive.
pub(super) fn own_customer(
    record: &Record,
    customer: CustomerRef,
) -> Result<Customer<'_>, Refusal> {
    // The loop loads the record by the command's stream, so it is of the customer's kind.
    let category = RecordRef::from(customer).category;
    let unsupported = Refusal::UnsupportedType { category };
    let (active, state) = match customer {
        CustomerRef::Account(_) => {
            let state = Account::of(record).ok_or(unsupported)?.require()?;
            let preferences = state.preferences;
            (
                state.active,
                Customer { addresses: &state.addresses, terms: &state.terms, preferences },
            )
        }
        CustomerRef::Contact(_) => {
            let state = Contact::of(record).ok_or(unsupported)?.require()?;
            let preferences = state.preferences;
            (
                state.active,
                Customer { addresses: &state.addresses, terms: &state.terms, preferences },
            )
        }
    };
    if active { Ok(state) } else { Err(Refusal::Inactive) }
}
