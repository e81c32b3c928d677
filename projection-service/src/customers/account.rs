//! Accounts as they were at any moment: one row per state, and the fold that makes it.

use std::collections::BTreeMap;

use events::{
    codec::CrmEvent,
    customers::{
        AccountCreated, AccountDetailsChanged, AccountEvent, Address, AddressKind, CommercialTerms,
        ContactPreferences, CustomerType,
    },
    ids::{AccountId, Category, ContactId, Principal, RecordRef},
    money::Money,
    values::{Email, Line, Prose},
};

use crate::{
    customers::shared::address_set,
    projector::Fact,
    record::serde_name,
    record::{Erased, Record, RecordState, folded, record, record_projector, version_value},
    table::{ColumnType, Keeping, Table, Value, column, optional},
};

/// Every state of every account.
pub static ACCOUNTS: Table = Table {
    name: "accounts",
    key: &[column("id", ColumnType::Id)],
    columns: &[
        column("name", ColumnType::Text),
        column("name_folded", ColumnType::Text),
        optional("account_number", ColumnType::Text),
        optional("email_folded", ColumnType::Text),
        optional("phone", ColumnType::Text),
        column("state", ColumnType::Text),
        column("customer_type", ColumnType::Text),
        optional("industry", ColumnType::Text),
        column("owner_id", ColumnType::Id),
        optional("parent_id", ColumnType::Id),
        optional("primary_contact_id", ColumnType::Id),
        column("created_at", ColumnType::Int),
        column("changed_at", ColumnType::Int),
        column("version", ColumnType::Int),
        column("document", ColumnType::Text),
    ],
    keeping: Keeping::History,
    indexes: &[
        &["name_folded", "id"],
        &["email_folded"],
        &["account_number", "id"],
        &["owner_id", "name_folded"],
        &["parent_id"],
    ],
};

record! {
    /// An account: a company that might do business with the organisation.
    AccountRecord(AccountId) {
        /// The name of the company.
        name: Line<160>,
        /// The number the organisation knows it by.
        account_number: Option<Line<20>>,
        /// Whether it is in use.
        state: RecordState,
        /// What it is to the organisation.
        customer_type: CustomerType,
        /// Its line of business.
        industry: Option<Line<100>>,
        /// Its web site.
        website: Option<Line<200>>,
        /// Its revenue in a year.
        annual_revenue: Option<Money>,
        /// How many people work there.
        employees: Option<u32>,
        /// Main telephone number.
        phone: Option<Line<50>>,
        /// Main e-mail address.
        email: Option<Email>,
        /// Anything else worth knowing.
        description: Option<Prose>,
        /// Its addresses, by what they are for; none where the address was erased.
        addresses: BTreeMap<AddressKind, Option<Address>>,
        /// The terms on which it buys.
        commercial_terms: CommercialTerms,
        /// By which ways it must not be contacted.
        contact_preferences: ContactPreferences,
        /// The person to turn to first.
        primary_contact: Option<ContactId>,
        /// The account it belongs to.
        parent: Option<AccountId>,
        /// Whose account it is.
        owner: Principal,
    }
}

record_projector! {
    /// What is, or was, an account? Answers records, lists and searches as of any position.
    Accounts, AccountRecord, "accounts"
}

impl AccountRecord {
    fn created(id: AccountId, created: &AccountCreated, fact: &Fact<'_>) -> Self {
        let mut erased = Erased::default();
        let actor = fact.recorded.event.cause.actor;
        Self {
            id,
            name: created.name.clone(),
            account_number: created.account_number.clone(),
            state: RecordState::Active,
            customer_type: created.customer_type,
            industry: created.industry.clone(),
            website: created.website.clone(),
            annual_revenue: created.annual_revenue,
            employees: created.employees,
            phone: erased.open("phone", created.phone.as_ref()),
            email: erased.open("email", created.email.as_ref()),
            description: erased.open("description", created.description.as_ref()),
            addresses: BTreeMap::new(),
            commercial_terms: CommercialTerms::default(),
            contact_preferences: ContactPreferences::default(),
            primary_contact: None,
            parent: None,
            owner: created.owner,
            version: fact.recorded.version,
            created_at: fact.recorded.recorded_at,
            created_by: actor,
            changed_at: fact.recorded.recorded_at,
            changed_by: actor,
            erased,
        }
    }

    fn change_details(&mut self, changed: &AccountDetailsChanged) {
        if let Some(name) = &changed.name {
            self.name = name.clone();
        }
        if let Some(customer_type) = changed.customer_type {
            self.customer_type = customer_type;
        }
        changed.account_number.apply_to(&mut self.account_number);
        changed.industry.apply_to(&mut self.industry);
        changed.website.apply_to(&mut self.website);
        changed.annual_revenue.apply_to(&mut self.annual_revenue);
        changed.employees.apply_to(&mut self.employees);
        self.erased.change("phone", &mut self.phone, &changed.phone);
        self.erased.change("email", &mut self.email, &changed.email);
        self.erased.change("description", &mut self.description, &changed.description);
    }

    fn evolve(&mut self, event: &AccountEvent) {
        match event {
            // A stream has one creation, and it made this record.
            AccountEvent::Created(_) => {}
            AccountEvent::DetailsChanged(changed) => self.change_details(changed),
            AccountEvent::AddressSet(set) => {
                address_set(&mut self.addresses, &mut self.erased, set.kind, Some(&set.address));
            }
            AccountEvent::AddressRemoved(removed) => {
                address_set(&mut self.addresses, &mut self.erased, removed.kind, None);
            }
            AccountEvent::CommercialTermsSet(set) => self.commercial_terms = set.terms.clone(),
            AccountEvent::ContactPreferencesSet(set) => self.contact_preferences = set.preferences,
            AccountEvent::PrimaryContactSet(set) => self.primary_contact = Some(set.contact),
            AccountEvent::PrimaryContactReplaced(replaced) => {
                self.primary_contact = Some(replaced.new);
            }
            AccountEvent::PrimaryContactCleared(_) => self.primary_contact = None,
            AccountEvent::ParentSet(set) => self.parent = Some(set.parent),
            AccountEvent::ParentCleared(_) => self.parent = None,
            AccountEvent::OwnerAssigned(assigned) => self.owner = assigned.to,
            AccountEvent::Deactivated(_) => self.state = RecordState::Inactive,
            AccountEvent::Reactivated(_) => self.state = RecordState::Active,
        }
    }
}

/// The account after an event of its stream.
#[must_use]
pub fn fold_account(before: Option<AccountRecord>, fact: &Fact<'_>) -> Option<AccountRecord> {
    let CrmEvent::Account(event) = fact.event() else { return before };
    match (before, event) {
        (None, AccountEvent::Created(created)) => {
            let id = AccountId(fact.recorded.stream.id);
            Some(AccountRecord::created(id, created, fact))
        }
        (None, _) => None,
        (Some(mut account), event) => {
            account.evolve(event);
            Some(account.stamped(fact))
        }
    }
}

impl Record for AccountRecord {
    const CATEGORY: Category = Category::Account;
    const TABLE: &'static Table = &ACCOUNTS;

    fn fold(before: Option<Self>, fact: &Fact<'_>) -> Option<Self> {
        fold_account(before, fact)
    }

    fn columns(&self) -> Vec<Value> {
        vec![
            self.name.as_str().into(),
            folded(self.name.as_str()).into(),
            self.account_number.as_ref().map(Line::as_str).into(),
            self.email.as_ref().map(|email| folded(email.as_str())).into(),
            self.phone.as_ref().map(Line::as_str).into(),
            self.state.name().into(),
            serde_name(&self.customer_type).into(),
            self.industry.as_ref().map(Line::as_str).into(),
            RecordRef::from(self.owner).id.into(),
            self.parent.map(|parent| parent.0).into(),
            self.primary_contact.map(|contact| contact.0).into(),
            self.created_at.micros().into(),
            self.changed_at.micros().into(),
            version_value(self.version),
        ]
    }
}

#[cfg(test)]
#[path = "account_tests.rs"]
mod tests;
