//! Creating accounts, changing what is known of them, taking them out of use and back.

use events::{
    customers::{
        AccountCreated, AccountDetailsChanged, AccountEvent, CustomerType, Deactivated, Reactivated,
    },
    ids::{AccountId, CommandId, Principal, StreamName},
    money::Money,
    personal::{Clear, Personal},
    values::{Change, Email, Line, Prose, Website},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Account;
use crate::{
    access::{owner, owner_streams},
    aggregate::{Decide, Facts, States},
    body::given,
    refusal::Refusal,
};

/// Creates an account: a company that might do business with the organisation.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateAccount {
    /// The id of the new account; absent, one is derived from the id of the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    /// The name of the company.
    pub name: Line<160>,
    /// The number the organisation knows it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_number: Option<Line<20>>,
    /// What it is to the organisation: a prospect, unless something else is said.
    #[serde(default)]
    pub customer_type: CustomerType,
    /// Its line of business.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub industry: Option<Line<100>>,
    /// Its web site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub website: Option<Website>,
    /// Its revenue in a year.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annual_revenue: Option<Money>,
    /// How many people work there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub employees: Option<u32>,
    /// Main telephone number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<Clear<Line<50>>>,
    /// Main e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Clear<Email>>,
    /// Anything else worth knowing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Clear<Prose>>,
    /// Whose account it is: an enabled user; absent, the user who asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Principal>,
}

impl Decide for CreateAccount {
    const NAME: &'static str = "CreateAccount";
    const MAKES_KEY: bool = true;
    type Aggregate = Account;

    fn record(&self, command_id: CommandId) -> Uuid {
        self.account_id.map_or_else(|| command_id.record(), |id| id.0)
    }

    fn needs(&self, _: &Account, _: &States) -> Vec<StreamName> {
        owner_streams(self.owner)
    }

    fn decide(&self, own: &Account, facts: &Facts<'_>) -> Result<Vec<AccountEvent>, Refusal> {
        if own.created().is_some() {
            return Err(Refusal::Exists);
        }
        let created = AccountCreated {
            key: facts.key()?,
            name: self.name.clone(),
            account_number: self.account_number.clone(),
            customer_type: self.customer_type,
            industry: self.industry.clone(),
            website: self.website.clone().map(Into::into),
            annual_revenue: self.annual_revenue,
            employees: self.employees,
            phone: self.phone.clone().map(Personal::from),
            email: self.email.clone().map(Personal::from),
            description: self.description.clone().map(Personal::from),
            owner: owner(self.owner, facts)?,
        };
        Ok(vec![created.into()])
    }
}

/// Changes details of an account. What is absent stays as it is; `null` takes a value away.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeAccountDetails {
    /// The account.
    pub account_id: AccountId,
    /// The name of the company.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Line<160>")]
    pub name: Option<Line<160>>,
    /// What it is to the organisation.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "CustomerType")]
    pub customer_type: Option<CustomerType>,
    /// The number the organisation knows it by.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub account_number: Change<Line<20>>,
    /// Its line of business.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub industry: Change<Line<100>>,
    /// Its web site.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub website: Change<Website>,
    /// Its revenue in a year.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub annual_revenue: Change<Money>,
    /// How many people work there.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub employees: Change<u32>,
    /// Main telephone number. Sealed: when given it is written, whether or not it differs.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub phone: Change<Clear<Line<50>>>,
    /// Main e-mail address. Sealed: when given it is written, whether or not it differs.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub email: Change<Clear<Email>>,
    /// Anything else worth knowing. Sealed: when given it is written, whether or not it differs.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub description: Change<Clear<Prose>>,
}

impl Decide for ChangeAccountDetails {
    const NAME: &'static str = "ChangeAccountDetails";
    type Aggregate = Account;

    fn record(&self, _: CommandId) -> Uuid {
        self.account_id.0
    }

    fn decide(&self, own: &Account, _: &Facts<'_>) -> Result<Vec<AccountEvent>, Refusal> {
        let state = own.require_active()?;
        let changed = AccountDetailsChanged {
            name: self.name.clone().filter(|name| *name != state.name),
            customer_type: self.customer_type.filter(|kind| *kind != state.customer_type),
            account_number: self.account_number.clone().against(state.account_number.as_ref()),
            industry: self.industry.clone().against(state.industry.as_ref()),
            website: self.website.clone().map(Into::into).against(state.website.as_ref()),
            annual_revenue: self.annual_revenue.against(state.annual_revenue.as_ref()),
            employees: self.employees.against(state.employees.as_ref()),
            phone: self.phone.clone().map(Personal::from),
            email: self.email.clone().map(Personal::from),
            description: self.description.clone().map(Personal::from),
        };
        if changed == AccountDetailsChanged::default() {
            return Ok(Vec::new());
        }
        Ok(vec![changed.into()])
    }
}

/// Takes an account out of use: it stays readable, and nothing new can be made with it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeactivateAccount {
    /// The account.
    pub account_id: AccountId,
}

impl Decide for DeactivateAccount {
    const NAME: &'static str = "DeactivateAccount";
    type Aggregate = Account;

    fn record(&self, _: CommandId) -> Uuid {
        self.account_id.0
    }

    fn decide(&self, own: &Account, _: &Facts<'_>) -> Result<Vec<AccountEvent>, Refusal> {
        let active = own.require()?.active;
        Ok(active.then(|| Deactivated {}.into()).into_iter().collect())
    }
}

/// Takes an account into use again.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReactivateAccount {
    /// The account.
    pub account_id: AccountId,
}

impl Decide for ReactivateAccount {
    const NAME: &'static str = "ReactivateAccount";
    type Aggregate = Account;

    fn record(&self, _: CommandId) -> Uuid {
        self.account_id.0
    }

    fn decide(&self, own: &Account, _: &Facts<'_>) -> Result<Vec<AccountEvent>, Refusal> {
        let inactive = !own.require()?.active;
        Ok(inactive.then(|| Reactivated {}.into()).into_iter().collect())
    }
}

#[cfg(test)]
#[path = "account_commands_tests.rs"]
mod tests;
