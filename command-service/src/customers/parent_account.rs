//! The parent of an account: at most one, and never a descendant.

use events::{
    customers::{AccountEvent, ParentAccountCleared, ParentAccountSet, ParentClearedCause},
    ids::{AccountId, CommandId, CustomerRef, StreamName},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Account,
    hierarchy::{MAX_ANCESTORS, climb_accounts},
    shared::require_active,
};
use crate::{
    aggregate::{Decide, Facts, States},
    refusal::Refusal,
};

/// Puts an account under a parent account. It may have at most 100 ancestors.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetParentAccount {
    /// The account.
    pub account_id: AccountId,
    /// The parent: there, in use, and no descendant of the account.
    pub parent: AccountId,
}

impl Decide for SetParentAccount {
    const NAME: &'static str = "SetParentAccount";
    type Aggregate = Account;

    fn record(&self, _: CommandId) -> Uuid {
        self.account_id.0
    }

    fn needs(&self, _: &Account, states: &States) -> Vec<StreamName> {
        let climb = climb_accounts(self.account_id, self.parent, states);
        climb.ancestors.last().map(|top| top.stream()).into_iter().collect()
    }

    fn decide(&self, own: &Account, facts: &Facts<'_>) -> Result<Vec<AccountEvent>, Refusal> {
        let state = own.require_active()?;
        if state.parent == Some(self.parent) {
            return Ok(Vec::new());
        }
        let climb = climb_accounts(self.account_id, self.parent, facts.states);
        if let Some(through) = climb.loop_through {
            return Err(Refusal::AccountParentLoop { through });
        }
        require_active(CustomerRef::Account(self.parent), facts.states)?;
        if climb.ancestors.len() > MAX_ANCESTORS {
            return Err(Refusal::HierarchyTooDeep);
        }
        let set = ParentAccountSet { parent: self.parent, ancestors_seen: climb.ancestors };
        Ok(vec![set.into()])
    }
}

/// Takes an account out from under its parent.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClearParentAccount {
    /// The account.
    pub account_id: AccountId,
}

impl Decide for ClearParentAccount {
    const NAME: &'static str = "ClearParentAccount";
    type Aggregate = Account;

    fn record(&self, _: CommandId) -> Uuid {
        self.account_id.0
    }

    fn decide(&self, own: &Account, _: &Facts<'_>) -> Result<Vec<AccountEvent>, Refusal> {
        let parent = own.require_active()?.parent;
        let cause = ParentClearedCause::User;
        Ok(parent.map(|parent| ParentAccountCleared { parent, cause }.into()).into_iter().collect())
    }
}

/// Undoes a parent that made a loop together with a change that crossed it.
///
/// A process manager sends it after every parent that was set; no caller can. Quiet when the
/// account has another parent by now, or there is no loop.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakParentLoop {
    /// The account.
    pub account_id: AccountId,
    /// The parent that was set.
    pub parent: AccountId,
}

impl Decide for BreakParentLoop {
    const NAME: &'static str = "BreakParentLoop";
    type Aggregate = Account;

    fn record(&self, _: CommandId) -> Uuid {
        self.account_id.0
    }

    fn needs(&self, _: &Account, states: &States) -> Vec<StreamName> {
        let climb = climb_accounts(self.account_id, self.parent, states);
        climb.ancestors.last().map(|top| top.stream()).into_iter().collect()
    }

    fn decide(&self, own: &Account, facts: &Facts<'_>) -> Result<Vec<AccountEvent>, Refusal> {
        if own.require()?.parent != Some(self.parent) {
            return Ok(Vec::new());
        }
        let climb = climb_accounts(self.account_id, self.parent, facts.states);
        // A loop further up is undone at one of the accounts that are in it.
        let in_loop = climb.loop_through.is_some_and(|through| {
            let above = facts.states.account(through).and_then(Account::created);
            above.is_some_and(|above| above.parent == Some(self.account_id))
        });
        if !in_loop {
            return Ok(Vec::new());
        }
        let cause = ParentClearedCause::Loop;
        Ok(vec![ParentAccountCleared { parent: self.parent, cause }.into()])
    }
}

#[cfg(test)]
#[path = "parent_account_tests.rs"]
mod tests;
