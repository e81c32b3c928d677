//! Two accounts that were put under each other at the same moment are parted again (rule X2).

use events::{
    CrmEvent,
    customers::AccountEvent,
    ids::{AccountId, StreamName},
};

use super::Reaction;
use crate::customers::BreakParentLoop;

pub(super) fn react(event: &CrmEvent, stream: StreamName) -> Vec<Reaction> {
    let CrmEvent::Account(AccountEvent::ParentSet(set)) = event else { return Vec::new() };
    let account_id = AccountId(stream.id);
    vec![Reaction::of(BreakParentLoop { account_id, parent: set.parent })]
}

#[cfg(test)]
#[path = "hierarchy_guard_tests.rs"]
mod tests;
