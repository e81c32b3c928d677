//! Adding users, changing what is known of them, disabling and enabling them.

use events::{
    ActorKind,
    access::{UserAdded, UserChanged, UserDisabled, UserEnabled, UserEvent, UserTokenGiven},
    ids::{Category, CommandId, StreamName, TokenId, UserId},
    personal::{Clear, Personal},
    values::{Change, Email, Line},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{User, user::UserState};
use crate::{
    aggregate::{Decide, Facts, States},
    body::given,
    refusal::Refusal,
};

/// Adds a user: someone who works with the product.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddUser {
    /// The id of the new user; absent, one is derived from the id of the command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// The name.
    pub name: Clear<Line<160>>,
    /// The e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Clear<Email>>,
    /// Whom the user reports to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<UserId>,
    /// The office, branch or business unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub office: Option<Line<100>>,
}

impl Decide for AddUser {
    const NAME: &'static str = "AddUser";
    const MAKES_KEY: bool = true;
    type Aggregate = User;

    fn record(&self, command_id: CommandId) -> Uuid {
        self.user_id.map_or_else(|| command_id.record(), |id| id.0)
    }

    fn needs(&self, _: &User, _: &States) -> Vec<StreamName> {
        self.manager.map(UserId::stream).into_iter().collect()
    }

    fn decide(&self, own: &User, facts: &Facts<'_>) -> Result<Vec<UserEvent>, Refusal> {
        if own.added().is_some() {
            return Err(Refusal::Exists);
        }
        // Nobody reports to the newborn yet, so only its own manager can be unknown: itself too.
        if self.manager.is_some_and(|manager| facts.states.user(manager).is_none()) {
            return Err(Refusal::ManagerUnknown);
        }
        let added = UserAdded {
            key: facts.key()?,
            name: self.name.clone().into(),
            email: self.email.clone().map(Personal::from),
            manager: self.manager,
            office: self.office.clone(),
            // The first user's first token is the product's own act.
            awaits_token: facts.actor.kind != ActorKind::System,
        };
        Ok(vec![added.into()])
    }
}

/// Changes details of a user. What is absent stays as it is; `null` takes a value away.
///
/// Name and e-mail address are sealed: when given they are written, whether or not they differ.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeUser {
    /// The user.
    pub user_id: UserId,
    /// The name.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Clear<Line<160>>")]
    pub name: Option<Clear<Line<160>>>,
    /// The e-mail address.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub email: Change<Clear<Email>>,
    /// Whom the user reports to: a user, and not the user's own subordinate.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub manager: Change<UserId>,
    /// The office, branch or business unit.
    #[serde(default, skip_serializing_if = "Change::is_keep")]
    pub office: Change<Line<100>>,
}

impl ChangeUser {
    /// The superiors of the user after the change, nearest first, as far as they are loaded.
    /// The walk ends at the user, at somebody it has met before, and at who is not loaded.
    fn superiors(&self, states: &States) -> Vec<UserId> {
        let mut met = Vec::new();
        let Change::Set(mut next) = self.manager else { return met };
        loop {
            met.push(next);
            let above = states.user(next).and_then(User::added).and_then(|user| user.manager);
            let further = above.filter(|above| next != self.user_id && !met.contains(above));
            let Some(above) = further else { return met };
            next = above;
        }
    }

    fn check_manager(&self, state: &UserState, states: &States) -> Result<(), Refusal> {
        let Change::Set(manager) = self.manager else { return Ok(()) };
        if state.manager == Some(manager) {
            return Ok(());
        }
        let superiors = self.superiors(states);
        if superiors.contains(&self.user_id) {
            return Err(Refusal::ManagerLoop);
        }
        if states.user(manager).is_none() {
            return Err(Refusal::ManagerUnknown);
        }
        Ok(())
    }
}

impl Decide for ChangeUser {
    const NAME: &'static str = "ChangeUser";
    type Aggregate = User;

    fn record(&self, _: CommandId) -> Uuid {
        self.user_id.0
    }

    fn needs(&self, _: &User, states: &States) -> Vec<StreamName> {
        let last = self.superiors(states).pop().filter(|last| *last != self.user_id);
        last.map(UserId::stream).into_iter().collect()
    }

    fn decide(&self, own: &User, facts: &Facts<'_>) -> Result<Vec<UserEvent>, Refusal> {
        let state = require(own)?;
        self.check_manager(state, facts.states)?;
        let changed = UserChanged {
            name: self.name.clone().map(Personal::from),
            email: self.email.clone().map(Personal::from),
            manager: self.manager.against(state.manager.as_ref()),
            office: self.office.clone().against(state.office.as_ref()),
        };
        if changed == UserChanged::default() {
            return Ok(Vec::new());
        }
        Ok(vec![changed.into()])
    }
}

/// Disables a user: no token of theirs opens anything, and nothing new can be theirs.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DisableUser {
    /// The user.
    pub user_id: UserId,
}

impl Decide for DisableUser {
    const NAME: &'static str = "DisableUser";
    type Aggregate = User;

    fn record(&self, _: CommandId) -> Uuid {
        self.user_id.0
    }

    fn decide(&self, own: &User, _: &Facts<'_>) -> Result<Vec<UserEvent>, Refusal> {
        let enabled = require(own)?.enabled;
        Ok(enabled.then(|| UserDisabled {}.into()).into_iter().collect())
    }
}

/// Lets a disabled user work again.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnableUser {
    /// The user.
    pub user_id: UserId,
}

impl Decide for EnableUser {
    const NAME: &'static str = "EnableUser";
    type Aggregate = User;

    fn record(&self, _: CommandId) -> Uuid {
        self.user_id.0
    }

    fn decide(&self, own: &User, _: &Facts<'_>) -> Result<Vec<UserEvent>, Refusal> {
        let disabled = !require(own)?.enabled;
        Ok(disabled.then(|| UserEnabled {}.into()).into_iter().collect())
    }
}

/// Takes down on the user's stream that a token is issued to them, before it is: the first one that
/// stands there is the one that opens at once. Sent by the write loop only.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GiveToken {
    /// The user.
    pub user_id: UserId,
    /// The token.
    pub token: TokenId,
}

impl Decide for GiveToken {
    const NAME: &'static str = "GiveToken";
    type Aggregate = User;

    fn record(&self, _: CommandId) -> Uuid {
        self.user_id.0
    }

    fn decide(&self, own: &User, _: &Facts<'_>) -> Result<Vec<UserEvent>, Refusal> {
        let user = require(own)?;
        if user.first_token == Some(self.token) {
            return Ok(Vec::new());
        }
        Ok(vec![UserTokenGiven { token: self.token, first: user.awaits_token }.into()])
    }
}

fn require(user: &User) -> Result<&UserState, Refusal> {
    user.added().ok_or_else(|| Refusal::not_found(Category::User))
}

#[cfg(test)]
#[path = "user_commands_tests.rs"]
mod tests;
