//! The life of an account: a company that might do business with the organisation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AddressRemoved, AddressSet, CommercialTermsSet, ContactPreferencesSet, Deactivated,
    OwnerAssigned, Reactivated,
};
use crate::{
    category::category_events,
    envelope::Version,
    ids::{AccountId, ContactId, KeyId, Principal},
    money::Money,
    personal::{Personal, personal_fields},
    values::{Change, Email, Line, Prose},
};

category_events! {
    /// Something that happened to one account.
    AccountEvent in Account {
        /// The account was created.
        Created(AccountCreated) = "account.created" v 1,
        /// Some of its details changed.
        DetailsChanged(AccountDetailsChanged) = "account.details_changed" v 1,
        /// An address was set.
        AddressSet(AddressSet) = "account.address_set" v 1,
        /// An address was removed.
        AddressRemoved(AddressRemoved) = "account.address_removed" v 1,
        /// The terms on which it buys were set.
        CommercialTermsSet(CommercialTermsSet) = "account.commercial_terms_set" v 1,
        /// The ways it must not be contacted were set.
        ContactPreferencesSet(ContactPreferencesSet) = "account.contact_preferences_set" v 1,
        /// It got a primary contact.
        PrimaryContactSet(PrimaryContactSet) = "account.primary_contact_set" v 1,
        /// Another contact became the primary one.
        PrimaryContactReplaced(PrimaryContactReplaced) = "account.primary_contact_replaced" v 1,
        /// It has no primary contact any more.
        PrimaryContactCleared(PrimaryContactCleared) = "account.primary_contact_cleared" v 1,
        /// It belongs to a parent account.
        ParentSet(ParentAccountSet) = "account.parent_set" v 1,
        /// It belongs to no parent account any more.
        ParentCleared(ParentAccountCleared) = "account.parent_cleared" v 1,
        /// It got another owner.
        OwnerAssigned(OwnerAssigned) = "account.owner_assigned" v 1,
        /// It was taken out of use.
        Deactivated(Deactivated) = "account.deactivated" v 1,
        /// It was taken into use again.
        Reactivated(Reactivated) = "account.reactivated" v 1,
    }
}

/// Dynamics's `customertypecode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are Dynamics's own")]
pub enum CustomerType {
    #[default]
    Prospect,
    Customer,
    Competitor,
    Consultant,
    Investor,
    Partner,
    Influencer,
    Press,
    Reseller,
    Supplier,
    Vendor,
    Other,
}

/// The account was created.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountCreated {
    /// The key of its sealed fields.
    pub key: KeyId,
    /// The name of the company. Clear: companies are no persons.
    pub name: Line<160>,
    /// The number the organisation knows it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_number: Option<Line<20>>,
    /// What it is to the organisation.
    pub customer_type: CustomerType,
    /// Its line of business.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub industry: Option<Line<100>>,
    /// Its web site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub website: Option<Line<200>>,
    /// Its revenue in a year.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annual_revenue: Option<Money>,
    /// How many people work there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub employees: Option<u32>,
    /// Main telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Personal<Line<50>>>,
    /// Main e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Personal<Email>>,
    /// Anything else worth knowing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Personal<Prose>>,
    /// Whose account it is.
    pub owner: Principal,
}

/// Some of its details changed; what is absent stays as it was, `null` is no value any more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccountDetailsChanged {
    /// The name. Never cleared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Line<160>>,
    /// What it is to the organisation. Never cleared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_type: Option<CustomerType>,
    /// The number the organisation knows it by.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub account_number: Change<Line<20>>,
    /// Its line of business.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub industry: Change<Line<100>>,
    /// Its web site.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub website: Change<Line<200>>,
    /// Its revenue in a year.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub annual_revenue: Change<Money>,
    /// How many people work there.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub employees: Change<u32>,
    /// Main telephone number.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub phone: Change<Personal<Line<50>>>,
    /// Main e-mail address.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub email: Change<Personal<Email>>,
    /// Anything else worth knowing.
    #[serde(skip_serializing_if = "Change::is_keep")]
    pub description: Change<Personal<Prose>>,
}

/// It got a primary contact: at most one, and it had none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrimaryContactSet {
    /// The primary contact from now on.
    pub contact: ContactId,
    /// The version of the contact that was judged.
    pub contact_version: Version,
}

/// Another contact became the primary one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrimaryContactReplaced {
    /// The primary contact before.
    pub old: ContactId,
    /// The primary contact from now on.
    pub new: ContactId,
    /// The version of the new contact that was judged.
    pub contact_version: Version,
}

/// Why an account has no primary contact any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PrimaryContactClearedCause {
    /// Somebody cleared it.
    User,
    /// The contact went to another customer.
    ContactLeft,
    /// The contact was deactivated.
    Deactivated,
}

/// It has no primary contact any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrimaryContactCleared {
    /// The primary contact before.
    pub contact: ContactId,
    /// Why.
    pub cause: PrimaryContactClearedCause,
}

/// It belongs to a parent account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParentAccountSet {
    /// The parent.
    pub parent: AccountId,
    /// The ancestors that were walked to refuse a loop, nearest first.
    pub ancestors_seen: Vec<AccountId>,
}

/// Why an account has no parent any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParentClearedCause {
    /// Somebody cleared it.
    User,
    /// Two crossing changes had made a loop; the later one was undone.
    Loop,
}

/// It belongs to no parent account any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParentAccountCleared {
    /// The parent before.
    pub parent: AccountId,
    /// Why.
    pub cause: ParentClearedCause,
}

personal_fields! {
    AccountCreated { phone, email, description }
    AccountDetailsChanged { phone, email, description }
    PrimaryContactSet {}
    PrimaryContactReplaced {}
    PrimaryContactCleared {}
    ParentAccountSet {}
    ParentAccountCleared {}
}
