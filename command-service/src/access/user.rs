//! A user, as decisions need it.

use events::{
    access::UserEvent,
    ids::{KeyId, TokenId, UserId},
    values::Line,
};

use crate::aggregate::Aggregate;

/// A user: unborn until added.
#[derive(Clone, Debug, Default)]
pub enum User {
    /// Nothing has happened yet.
    #[default]
    Unborn,
    /// The user was added.
    Added(UserState),
}

/// What is true of a user.
#[derive(Clone, Debug)]
pub struct UserState {
    /// The key of the person.
    pub key: KeyId,
    /// Whom the user reports to.
    pub manager: Option<UserId>,
    /// The office.
    pub office: Option<Line<100>>,
    /// Whether the user may work.
    pub enabled: bool,
    /// Whether the first token that is given to the user opens at once, and was not given yet.
    pub awaits_token: bool,
    /// The token that opens at once whoever issues it.
    pub first_token: Option<TokenId>,
}

impl User {
    /// The state of a user who was added.
    #[must_use]
    pub const fn added(&self) -> Option<&UserState> {
        match self {
            Self::Unborn => None,
            Self::Added(state) => Some(state),
        }
    }

    /// Whether the user was added and is not disabled.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.added().is_some_and(|state| state.enabled)
    }
}

impl Aggregate for User {
    type Event = UserEvent;

    fn evolve(&mut self, event: &UserEvent) {
        match (&mut *self, event) {
            (Self::Unborn, UserEvent::Added(added)) => {
                *self = Self::Added(UserState {
                    key: added.key,
                    manager: added.manager,
                    office: added.office.clone(),
                    enabled: true,
                    awaits_token: added.awaits_token,
                    first_token: None,
                });
            }
            (Self::Added(state), UserEvent::Changed(changed)) => {
                changed.manager.apply_to(&mut state.manager);
                changed.office.apply_to(&mut state.office);
            }
            (Self::Added(state), UserEvent::Disabled(_)) => state.enabled = false,
            (Self::Added(state), UserEvent::Enabled(_)) => state.enabled = true,
            (Self::Added(state), UserEvent::TokenGiven(given)) => {
                if given.first {
                    state.first_token = Some(given.token);
                }
                state.awaits_token = false;
            }
            (Self::Unborn | Self::Added(_), _) => {}
        }
    }

    fn key(&self) -> Option<KeyId> {
        self.added().map(|state| state.key)
    }
}
