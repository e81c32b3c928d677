//! The life of a contact: a person.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AddressRemoved, AddressSet, CommercialTermsSet, ContactPreferencesSet, Deactivated,
    OwnerAssigned, Reactivated,
};
use crate::{
    category::category_events,
    ids::{CustomerRef, KeyId, Principal},
    personal::{Personal, personal_fields},
    values::{Change, Day, Email, Line, Prose},
};

category_events! {
    /// Something that happened to one contact.
    ContactEvent in Contact {
        /// The contact was created.
        Created(ContactCreated) = "contact.created" v 1,
        /// Some of the details changed.
        DetailsChanged(ContactDetailsChanged) = "contact.details_changed" v 1,
        /// The contact belongs to another customer, or to none.
        ParentChanged(ContactParentChanged) = "contact.parent_changed" v 1,
        /// An address was set.
        AddressSet(AddressSet) = "contact.address_set" v 1,
        /// An address was removed.
        AddressRemoved(AddressRemoved) = "contact.address_removed" v 1,
        /// The terms on which the person buys were set.
        CommercialTermsSet(CommercialTermsSet) = "contact.commercial_terms_set" v 1,
        /// The ways the person must not be contacted were set.
        ContactPreferencesSet(ContactPreferencesSet) = "contact.contact_preferences_set" v 1,
        /// The contact got another owner.
        OwnerAssigned(OwnerAssigned) = "contact.owner_assigned" v 1,
        /// The contact was taken out of use.
        Deactivated(Deactivated) = "contact.deactivated" v 1,
        /// The contact was taken into use again.
        Reactivated(Reactivated) = "contact.reactivated" v 1,
    }
}

/// What the person is to the organisation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ContactKind {
    Consumer,
    Employee,
    Supplier,
    Colleague,
    #[default]
    Other,
}

/// The contact was created.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactCreated {
    /// The key of the person.
    pub key: KeyId,
    /// First name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<Personal<Line<50>>>,
    /// Last name.
    pub last_name: Personal<Line<50>>,
    /// What the person is to the organisation.
    pub kind: ContactKind,
    /// The customer the person belongs to; none for a stand-alone consumer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<CustomerRef>,
    /// Position in the company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_title: Option<Personal<Line<100>>>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Personal<Email>>,
    /// Business telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Personal<Line<50>>>,
    /// Mobile telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mobile: Option<Personal<Line<50>>>,
    /// Day of birth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birthdate: Option<Personal<Day>>,
    /// Anything else worth knowing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Personal<Prose>>,
    /// Whose contact it is.
    pub owner: Principal,
}

/// Some of the details changed; what is absent stays as it was, `null` is no value any more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ContactDetailsChanged {
    /// First name.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub first_name: Change<Personal<Line<50>>>,
    /// Last name. Never cleared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<Personal<Line<50>>>,
    /// What the person is to the organisation. Never cleared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<ContactKind>,
    /// Position in the company.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub job_title: Change<Personal<Line<100>>>,
    /// E-mail address.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub email: Change<Personal<Email>>,
    /// Business telephone number.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub phone: Change<Personal<Line<50>>>,
    /// Mobile telephone number.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub mobile: Change<Personal<Line<50>>>,
    /// Day of birth.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub birthdate: Change<Personal<Day>>,
    /// Anything else worth knowing.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub description: Change<Personal<Prose>>,
}

/// The contact belongs to another customer, or to none. Effective from `effective_at`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactParentChanged {
    /// The customer before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<CustomerRef>,
    /// The customer from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<CustomerRef>,
}

personal_fields! {
    ContactCreated { first_name, last_name, job_title, email, phone, mobile, birthdate, description }
    ContactDetailsChanged { first_name, last_name, job_title, email, phone, mobile, birthdate, description }
    ContactParentChanged {}
}
