//! Whose a record is: the one way in which every area names owners.

use events::ids::{Principal, StreamName};

use super::User;
use crate::{aggregate::Facts, refusal::Refusal};

/// The streams that [`owner`] reads.
pub(crate) fn owner_streams(named: Option<Principal>) -> Vec<StreamName> {
    named.map(Principal::stream).into_iter().collect()
}

/// Whose the record is: the user who is named, else the user who asks. The user who asks is not
/// looked up: the door let nobody in whose user is disabled.
///
/// # Errors
/// When the owner who is named is no enabled user, or there is nobody to be the owner.
pub(crate) fn owner(named: Option<Principal>, facts: &Facts<'_>) -> Result<Principal, Refusal> {
    let Some(Principal::User(user)) = named else {
        return facts.user().map(Principal::User).ok_or(Refusal::OwnerMissing);
    };
    let enabled = facts.states.user(user).is_some_and(User::is_enabled);
    if enabled { Ok(Principal::User(user)) } else { Err(Refusal::OwnerUnknown) }
}
