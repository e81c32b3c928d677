//! An account, as decisions need it.

use events::{
    customers::{
        AccountDetailsChanged, AccountEvent, CommercialTerms, ContactPreferences, CustomerType,
    },
    ids::{AccountId, Category, ContactId, KeyId, Principal},
    money::Money,
    values::Line,
};

use super::Addresses;
use crate::{aggregate::Aggregate, refusal::Refusal};

/// An account: unborn until it was created.
#[derive(Clone, Debug, Default)]
pub enum Account {
    /// Nothing has happened yet.
    #[default]
    Unborn,
    /// It was created.
    Created(Box<AccountState>),
}

/// What is true of a created account.
#[derive(Clone, Debug)]
pub struct AccountState {
    /// The key of its sealed fields.
    pub key: KeyId,
    /// Whether it is in use.
    pub active: bool,
    /// Its name.
    pub name: Line<160>,
    /// What it is to the organisation.
    pub customer_type: CustomerType,
    /// The number the organisation knows it by.
    pub account_number: Option<Line<20>>,
    /// Its line of business.
    pub industry: Option<Line<100>>,
    /// Its web site.
    pub website: Option<Line<200>>,
    /// Its revenue in a year.
    pub annual_revenue: Option<Money>,
    /// How many people work there.
    pub employees: Option<u32>,
    /// Its addresses, sealed.
    pub addresses: Addresses,
    /// The terms on which it buys.
    pub terms: CommercialTerms,
    /// The ways it must not be contacted.
    pub preferences: ContactPreferences,
    /// Its primary contact.
    pub primary_contact: Option<ContactId>,
    /// Its parent.
    pub parent: Option<AccountId>,
    /// Whose account it is.
    pub owner: Principal,
}

impl Account {
    /// The state of an account that was created.
    #[must_use]
    pub fn created(&self) -> Option<&AccountState> {
        match self {
            Self::Unborn => None,
            Self::Created(state) => Some(state),
        }
    }

    /// The state that a command on the account needs.
    ///
    /// # Errors
    /// When it was not created.
    pub(super) fn require(&self) -> Result<&AccountState, Refusal> {
        self.created().ok_or_else(|| Refusal::not_found(Category::Account))
    }

    /// The state that a command needs which an inactive account refuses.
    ///
    /// # Errors
    /// When it was not created, or is inactive.
    pub(super) fn require_active(&self) -> Result<&AccountState, Refusal> {
        let state = self.require()?;
        if state.active { Ok(state) } else { Err(Refusal::Inactive) }
    }
}

impl Aggregate for Account {
    type Event = AccountEvent;

    fn evolve(&mut self, event: &AccountEvent) {
        if let (Self::Unborn, AccountEvent::Created(created)) = (&*self, event) {
            *self = Self::Created(Box::new(AccountState {
                key: created.key,
                active: true,
                name: created.name.clone(),
                customer_type: created.customer_type,
                account_number: created.account_number.clone(),
                industry: created.industry.clone(),
                website: created.website.clone(),
                annual_revenue: created.annual_revenue,
                employees: created.employees,
                addresses: Addresses::new(),
                terms: CommercialTerms::default(),
                preferences: ContactPreferences::default(),
                primary_contact: None,
                parent: None,
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

impl AccountState {
    fn evolve(&mut self, event: &AccountEvent) {
        match event {
            AccountEvent::Created(_) => {}
            AccountEvent::DetailsChanged(changes) => self.apply(changes),
            AccountEvent::AddressSet(set) => {
                self.addresses.insert(set.kind, set.address.clone());
            }
            AccountEvent::AddressRemoved(removed) => {
                self.addresses.remove(&removed.kind);
            }
            AccountEvent::CommercialTermsSet(set) => self.terms = set.terms.clone(),
            AccountEvent::ContactPreferencesSet(set) => self.preferences = set.preferences,
            AccountEvent::PrimaryContactSet(set) => self.primary_contact = Some(set.contact),
            AccountEvent::PrimaryContactReplaced(replaced) => {
                self.primary_contact = Some(replaced.new);
            }
            AccountEvent::PrimaryContactCleared(_) => self.primary_contact = None,
            AccountEvent::ParentSet(set) => self.parent = Some(set.parent),
            AccountEvent::ParentCleared(_) => self.parent = None,
            AccountEvent::OwnerAssigned(assigned) => self.owner = assigned.to,
            AccountEvent::Deactivated(_) => self.active = false,
            AccountEvent::Reactivated(_) => self.active = true,
        }
    }

    fn apply(&mut self, changes: &AccountDetailsChanged) {
        if let Some(name) = &changes.name {
            self.name = name.clone();
        }
        if let Some(customer_type) = changes.customer_type {
            self.customer_type = customer_type;
        }
        changes.account_number.apply_to(&mut self.account_number);
        changes.industry.apply_to(&mut self.industry);
        changes.website.apply_to(&mut self.website);
        changes.annual_revenue.apply_to(&mut self.annual_revenue);
        changes.employees.apply_to(&mut self.employees);
    }
}
