//! Walking up a hierarchy, so that nobody becomes their own ancestor.

use events::ids::{AccountId, ContactId, CustomerRef};

use crate::aggregate::States;

/// The most ancestors that a record may have.
pub(super) const MAX_ANCESTORS: usize = 100;

/// A way up a hierarchy, as far as the states are loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Climb<Id> {
    /// The ancestors, nearest first. The last one may not be loaded yet.
    pub(super) ancestors: Vec<Id>,
    /// The ancestor whose parent closes a loop, if there is one.
    pub(super) loop_through: Option<Id>,
}

/// Climbs from `first`, the parent that `own` would have, by `parent_of` as long as it answers.
///
/// The climb ends at a loop, at the top, at what is not loaded, and beyond [`MAX_ANCESTORS`].
fn climb<Id: Copy + PartialEq>(
    own: Id,
    first: Id,
    parent_of: impl Fn(Id) -> Option<Id>,
) -> Climb<Id> {
    let mut ancestors = Vec::new();
    let (mut below, mut next) = (own, first);
    loop {
        if next == own || ancestors.contains(&next) {
            return Climb { ancestors, loop_through: Some(below) };
        }
        ancestors.push(next);
        if ancestors.len() > MAX_ANCESTORS {
            return Climb { ancestors, loop_through: None };
        }
        below = next;
        match parent_of(next) {
            Some(parent) => next = parent,
            None => return Climb { ancestors, loop_through: None },
        }
    }
}

/// The ancestors of an account that gets the parent `first`.
pub(super) fn climb_accounts(
    own: AccountId,
    first: AccountId,
    states: &States,
) -> Climb<AccountId> {
    climb(own, first, |id| states.account(id)?.created()?.parent)
}

/// The ancestors, among contacts, of a contact that gets the parent `first`.
/// Accounts end the climb: no account belongs to a contact.
pub(super) fn climb_contacts(
    own: ContactId,
    first: ContactId,
    states: &States,
) -> Climb<ContactId> {
    climb(own, first, |id| match states.contact(id)?.created()?.parent? {
        CustomerRef::Contact(parent) => Some(parent),
        CustomerRef::Account(_) => None,
    })
}
