//! Contacts as they were at any moment: one row per state, and the fold that makes it.

use std::collections::BTreeMap;

use events::{
    codec::CrmEvent,
    customers::{
        Address, AddressKind, CommercialTerms, ContactCreated, ContactDetailsChanged, ContactEvent,
        ContactKind, ContactPreferences,
    },
    ids::{Category, ContactId, CustomerRef, Principal, RecordRef},
    values::{Day, Email, Line, Prose},
};

use crate::{
    customers::shared::address_set,
    projector::Fact,
    record::serde_name,
    record::{
        Erased, Record, RecordState, folded, record, record_projector, reference_values,
        version_value,
    },
    table::{ColumnType, Keeping, Table, Value, column, optional},
};

/// Every state of every contact.
pub static CONTACTS: Table = Table {
    name: "contacts",
    key: &[column("id", ColumnType::Id)],
    columns: &[
        optional("name", ColumnType::Text),
        optional("name_folded", ColumnType::Text),
        optional("last_name_folded", ColumnType::Text),
        optional("email_folded", ColumnType::Text),
        optional("phone", ColumnType::Text),
        optional("mobile", ColumnType::Text),
        column("state", ColumnType::Text),
        column("kind", ColumnType::Text),
        optional("parent_type", ColumnType::Text),
        optional("parent_id", ColumnType::Id),
        column("owner_id", ColumnType::Id),
        column("created_at", ColumnType::Int),
        column("changed_at", ColumnType::Int),
        column("version", ColumnType::Int),
        column("document", ColumnType::Text),
    ],
    keeping: Keeping::History,
    indexes: &[
        &["name_folded", "id"],
        &["last_name_folded", "id"],
        &["email_folded"],
        &["parent_id", "name_folded"],
        &["owner_id", "name_folded"],
    ],
};

record! {
    /// A contact: a person.
    ContactRecord(ContactId) {
        /// First name.
        first_name: Option<Line<50>>,
        /// Last name; none once it was erased.
        last_name: Option<Line<50>>,
        /// Whether the contact is in use.
        state: RecordState,
        /// What the person is to the organisation.
        kind: ContactKind,
        /// The customer the person belongs to.
        parent: Option<CustomerRef>,
        /// Position in the company.
        job_title: Option<Line<100>>,
        /// E-mail address.
        email: Option<Email>,
        /// Business telephone number.
        phone: Option<Line<50>>,
        /// Mobile telephone number.
        mobile: Option<Line<50>>,
        /// Day of birth.
        birthdate: Option<Day>,
        /// Anything else worth knowing.
        description: Option<Prose>,
        /// The addresses, by what they are for; none where the address was erased.
        addresses: BTreeMap<AddressKind, Option<Address>>,
        /// The terms on which the person buys.
        commercial_terms: CommercialTerms,
        /// By which ways the person must not be contacted.
        contact_preferences: ContactPreferences,
        /// Whose contact it is.
        owner: Principal,
    }
}

record_projector! {
    /// Who is, or was, a contact, and whose? Answers records, lists and searches as of any position.
    Contacts, ContactRecord, "contacts"
}

impl ContactRecord {
    fn created(id: ContactId, created: &ContactCreated, fact: &Fact<'_>) -> Self {
        let mut erased = Erased::default();
        let actor = fact.recorded.event.cause.actor;
        Self {
            id,
            first_name: erased.open("first_name", created.first_name.as_ref()),
            last_name: erased.open("last_name", Some(&created.last_name)),
            state: RecordState::Active,
            kind: created.kind,
            parent: created.parent,
            job_title: erased.open("job_title", created.job_title.as_ref()),
            email: erased.open("email", created.email.as_ref()),
            phone: erased.open("phone", created.phone.as_ref()),
            mobile: erased.open("mobile", created.mobile.as_ref()),
            birthdate: erased.open("birthdate", created.birthdate.as_ref()),
            description: erased.open("description", created.description.as_ref()),
            addresses: BTreeMap::new(),
            commercial_terms: CommercialTerms::default(),
            contact_preferences: ContactPreferences::default(),
            owner: created.owner,
            version: fact.recorded.version,
            created_at: fact.recorded.recorded_at,
            created_by: actor,
            changed_at: fact.recorded.recorded_at,
            changed_by: actor,
            erased,
        }
    }

    fn change_details(&mut self, changed: &ContactDetailsChanged) {
        if let Some(kind) = changed.kind {
            self.kind = kind;
        }
        self.erased.change("first_name", &mut self.first_name, &changed.first_name);
        self.erased.replace("last_name", &mut self.last_name, changed.last_name.as_ref());
        self.erased.change("job_title", &mut self.job_title, &changed.job_title);
        self.erased.change("email", &mut self.email, &changed.email);
        self.erased.change("phone", &mut self.phone, &changed.phone);
        self.erased.change("mobile", &mut self.mobile, &changed.mobile);
        self.erased.change("birthdate", &mut self.birthdate, &changed.birthdate);
        self.erased.change("description", &mut self.description, &changed.description);
    }

    fn evolve(&mut self, event: &ContactEvent) {
        match event {
            // A stream has one creation, and it made this record.
            ContactEvent::Created(_) => {}
            ContactEvent::DetailsChanged(changed) => self.change_details(changed),
            ContactEvent::ParentChanged(changed) => self.parent = changed.to,
            ContactEvent::AddressSet(set) => {
                address_set(&mut self.addresses, &mut self.erased, set.kind, Some(&set.address));
            }
            ContactEvent::AddressRemoved(removed) => {
                address_set(&mut self.addresses, &mut self.erased, removed.kind, None);
            }
            ContactEvent::CommercialTermsSet(set) => self.commercial_terms = set.terms.clone(),
            ContactEvent::ContactPreferencesSet(set) => self.contact_preferences = set.preferences,
            ContactEvent::OwnerAssigned(assigned) => self.owner = assigned.to,
            ContactEvent::Deactivated(_) => self.state = RecordState::Inactive,
            ContactEvent::Reactivated(_) => self.state = RecordState::Active,
        }
    }

    /// First and last name as people write them; none when both are gone.
    #[must_use]
    pub fn full_name(&self) -> Option<String> {
        let parts = [self.first_name.as_ref(), self.last_name.as_ref()];
        let parts: Vec<_> = parts.into_iter().flatten().map(Line::as_str).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}

/// The contact after an event of its stream.
#[must_use]
pub fn fold_contact(before: Option<ContactRecord>, fact: &Fact<'_>) -> Option<ContactRecord> {
    let CrmEvent::Contact(event) = fact.event() else { return before };
    match (before, event) {
        (None, ContactEvent::Created(created)) => {
            let id = ContactId(fact.recorded.stream.id);
            Some(ContactRecord::created(id, created, fact))
        }
        (None, _) => None,
        (Some(mut contact), event) => {
            contact.evolve(event);
            Some(contact.stamped(fact))
        }
    }
}

impl Record for ContactRecord {
    const CATEGORY: Category = Category::Contact;
    const TABLE: &'static Table = &CONTACTS;

    fn fold(before: Option<Self>, fact: &Fact<'_>) -> Option<Self> {
        fold_contact(before, fact)
    }

    fn columns(&self) -> Vec<Value> {
        let name = self.full_name();
        let [parent_type, parent_id] = reference_values(self.parent);
        vec![
            name.clone().into(),
            name.as_deref().map(folded).into(),
            self.last_name.as_ref().map(|name| folded(name.as_str())).into(),
            self.email.as_ref().map(|email| folded(email.as_str())).into(),
            self.phone.as_ref().map(Line::as_str).into(),
            self.mobile.as_ref().map(Line::as_str).into(),
            self.state.name().into(),
            serde_name(&self.kind).into(),
            parent_type,
            parent_id,
            RecordRef::from(self.owner).id.into(),
            self.created_at.micros().into(),
            self.changed_at.micros().into(),
            version_value(self.version),
        ]
    }
}
