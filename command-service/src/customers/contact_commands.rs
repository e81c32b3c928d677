//! Creating contacts, changing what is known of them, taking them out of use and back.

use events::{
    customers::{
        ContactCreated, ContactDetailsChanged, ContactEvent, ContactKind, Deactivated, Reactivated,
    },
    ids::{CommandId, ContactId, CustomerRef, Principal, StreamName},
    personal::{Clear, Personal},
    values::{Change, Day, Email, Line, Prose},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Contact, shared::require_active};
use crate::{
    access::{owner, owner_streams},
    aggregate::{Decide, Facts, States},
    body::given,
    refusal::Refusal,
};

/// Creates a contact: a person, who belongs to a customer or stands alone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateContact {
    /// The id of the new contact; absent, one is derived from the id of the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<ContactId>,
    /// First name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<Clear<Line<50>>>,
    /// Last name.
    pub last_name: Clear<Line<50>>,
    /// What the person is to the organisation.
    #[serde(default)]
    pub kind: ContactKind,
    /// The customer the person belongs to: there, and in use. None for a stand-alone consumer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<CustomerRef>,
    /// Position in the company.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_title: Option<Clear<Line<100>>>,
    /// E-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Clear<Email>>,
    /// Business telephone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<Clear<Line<50>>>,
    /// Mobile telephone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mobile: Option<Clear<Line<50>>>,
    /// Day of birth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birthdate: Option<Clear<Day>>,
    /// Anything else worth knowing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Clear<Prose>>,
    /// Whose contact it is: an enabled user; absent, the user who asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Principal>,
}

impl Decide for CreateContact {
    const NAME: &'static str = "CreateContact";
    const MAKES_KEY: bool = true;
    type Aggregate = Contact;

    fn record(&self, command_id: CommandId) -> Uuid {
        self.contact_id.map_or_else(|| command_id.record(), |id| id.0)
    }

    fn needs(&self, _: &Contact, _: &States) -> Vec<StreamName> {
        let mut streams = owner_streams(self.owner);
        streams.extend(self.parent.map(CustomerRef::stream));
        streams
    }

    fn decide(&self, own: &Contact, facts: &Facts<'_>) -> Result<Vec<ContactEvent>, Refusal> {
        if own.created().is_some() {
            return Err(Refusal::Exists);
        }
        // The one loop a newborn can be in is with itself, and it is not there yet: not found.
        if let Some(parent) = self.parent {
            require_active(parent, facts.states)?;
        }
        let created = ContactCreated {
            key: facts.key()?,
            first_name: self.first_name.clone().map(Personal::from),
            last_name: self.last_name.clone().into(),
            kind: self.kind,
            parent: self.parent,
            job_title: self.job_title.clone().map(Personal::from),
            email: self.email.clone().map(Personal::from),
            phone: self.phone.clone().map(Personal::from),
            mobile: self.mobile.clone().map(Personal::from),
            birthdate: self.birthdate.clone().map(Personal::from),
            description: self.description.clone().map(Personal::from),
            owner: owner(self.owner, facts)?,
        };
        Ok(vec![created.into()])
    }
}

/// Changes details of a contact. What is absent stays as it is; `null` takes a value away.
///
/// All but `kind` are sealed: when given they are written, whether or not they differ.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeContactDetails {
    /// The contact.
    pub contact_id: ContactId,
    /// First name.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub first_name: Change<Clear<Line<50>>>,
    /// Last name.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Clear<Line<50>>")]
    pub last_name: Option<Clear<Line<50>>>,
    /// What the person is to the organisation.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ContactKind")]
    pub kind: Option<ContactKind>,
    /// Position in the company.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub job_title: Change<Clear<Line<100>>>,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub email: Change<Clear<Email>>,
    /// Business telephone number.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub phone: Change<Clear<Line<50>>>,
    /// Mobile telephone number.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub mobile: Change<Clear<Line<50>>>,
    /// Day of birth.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub birthdate: Change<Clear<Day>>,
    /// Anything else worth knowing.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub description: Change<Clear<Prose>>,
}

impl Decide for ChangeContactDetails {
    const NAME: &'static str = "ChangeContactDetails";
    type Aggregate = Contact;

    fn record(&self, _: CommandId) -> Uuid {
        self.contact_id.0
    }

    fn decide(&self, own: &Contact, _: &Facts<'_>) -> Result<Vec<ContactEvent>, Refusal> {
        let state = own.require_active()?;
        let changed = ContactDetailsChanged {
            first_name: self.first_name.clone().map(Personal::from),
            last_name: self.last_name.clone().map(Personal::from),
            kind: self.kind.filter(|kind| *kind != state.kind),
            job_title: self.job_title.clone().map(Personal::from),
            email: self.email.clone().map(Personal::from),
            phone: self.phone.clone().map(Personal::from),
            mobile: self.mobile.clone().map(Personal::from),
            birthdate: self.birthdate.clone().map(Personal::from),
            description: self.description.clone().map(Personal::from),
        };
        if changed == ContactDetailsChanged::default() {
            return Ok(Vec::new());
        }
        Ok(vec![changed.into()])
    }
}

/// Takes a contact out of use: it stays readable, and nothing new can be made with it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeactivateContact {
    /// The contact.
    pub contact_id: ContactId,
}

impl Decide for DeactivateContact {
    const NAME: &'static str = "DeactivateContact";
    type Aggregate = Contact;

    fn record(&self, _: CommandId) -> Uuid {
        self.contact_id.0
    }

    fn decide(&self, own: &Contact, _: &Facts<'_>) -> Result<Vec<ContactEvent>, Refusal> {
        let active = own.require()?.active;
        Ok(active.then(|| Deactivated {}.into()).into_iter().collect())
    }
}

/// Takes a contact into use again.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReactivateContact {
    /// The contact.
    pub contact_id: ContactId,
}

impl Decide for ReactivateContact {
    const NAME: &'static str = "ReactivateContact";
    type Aggregate = Contact;

    fn record(&self, _: CommandId) -> Uuid {
        self.contact_id.0
    }

    fn decide(&self, own: &Contact, _: &Facts<'_>) -> Result<Vec<ContactEvent>, Refusal> {
        let inactive = !own.require()?.active;
        Ok(inactive.then(|| Reactivated {}.into()).into_iter().collect())
    }
}

#[cfg(test)]
#[path = "contact_commands_tests.rs"]
mod tests;
