//! A contact, as decisions need it.

use events::{
    customers::{CommercialTerms, ContactEvent, ContactKind, ContactPreferences},
    ids::{Category, CustomerRef, KeyId, Principal},
};

use super::Addresses;
use crate::{aggregate::Aggregate, refusal::Refusal};

/// A contact: unborn until it was created.
#[derive(Clone, Debug, Default)]
pub enum Contact {
    /// Nothing has happened yet.
    #[default]
    Unborn,
    /// It was created.
    Created(Box<ContactState>),
}

/// What is true of a created contact. Names and addresses are sealed: no decision goes by them.
#[derive(Clone, Debug)]
pub struct ContactState {
    /// The key of the person.
    pub key: KeyId,
    /// Whether it is in use.
    pub active: bool,
    /// What the person is to the organisation.
    pub kind: ContactKind,
    /// The customer the person belongs to.
    pub parent: Option<CustomerRef>,
    /// The addresses, sealed.
    pub addresses: Addresses,
    /// The terms on which the person buys.
    pub terms: CommercialTerms,
    /// The ways the person must not be contacted.
    pub preferences: ContactPreferences,
    /// Whose contact it is.
    pub owner: Principal,
}

impl Contact {
    /// The state of a contact that was created.
    #[must_use]
    pub fn created(&self) -> Option<&ContactState> {
        match self {
            Self::Unborn => None,
            Self::Created(state) => Some(state),
        }
    }

    /// The state that a command on the contact needs.
    ///
    /// # Errors
    /// When it was not created.
    pub(super) fn require(&self) -> Result<&ContactState, Refusal> {
        self.created().ok_or_else(|| Refusal::not_found(Category::Contact))
    }

    /// The state that a command needs which an inactive contact refuses.
    ///
    /// # Errors
    /// When it was not created, or is inactive.
    pub(super) fn require_active(&self) -> Result<&ContactState, Refusal> {
        let state = self.require()?;
        if state.active { Ok(state) } else { Err(Refusal::Inactive) }
    }
}

impl Aggregate for Contact {
    type Event = ContactEvent;

    fn evolve(&mut self, event: &ContactEvent) {
        if let (Self::Unborn, ContactEvent::Created(created)) = (&*self, event) {
            *self = Self::Created(Box::new(ContactState {
                key: created.key,
                active: true,
                kind: created.kind,
                parent: created.parent,
                addresses: Addresses::new(),
                terms: CommercialTerms::default(),
                preferences: ContactPreferences::default(),
                owner: created.owner,
            }));
        } else if let Self::Created(state) = self {
            state.evolve(event);
        }
    }

    fn key(&self) -> Option<KeyId> {
        self.created().map(|state| state.key)
    }
}

impl ContactState {
    fn evolve(&mut self, event: &ContactEvent) {
        match event {
            ContactEvent::Created(_) => {}
            ContactEvent::DetailsChanged(changes) => {
                if let Some(kind) = changes.kind {
                    self.kind = kind;
                }
            }
            ContactEvent::ParentChanged(changed) => self.parent = changed.to,
            ContactEvent::AddressSet(set) => {
                self.addresses.insert(set.kind, set.address.clone());
            }
            ContactEvent::AddressRemoved(removed) => {
                self.addresses.remove(&removed.kind);
            }
            ContactEvent::CommercialTermsSet(set) => self.terms = set.terms.clone(),
            ContactEvent::ContactPreferencesSet(set) => self.preferences = set.preferences,
            ContactEvent::OwnerAssigned(assigned) => self.owner = assigned.to,
            ContactEvent::Deactivated(_) => self.active = false,
            ContactEvent::Reactivated(_) => self.active = true,
        }
    }
}
