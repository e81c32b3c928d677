//! What follows when an account gets a parent.

use events::{
    customers::{ParentAccountCleared, ParentAccountSet, ParentClearedCause},
    ids::Category,
};
use uuid::Uuid;

use super::*;
use crate::{
    aggregate::Record,
    customers::Account,
    processes,
    sales::fixtures::{CONTOSO, contoso},
    testing::{COMMAND, given},
};

const FABRIKAM: AccountId = AccountId(Uuid::from_u128(0xfab));

fn under(parent: AccountId) -> Vec<AccountEvent> {
    let mut history = contoso();
    history.push(ParentAccountSet { parent, ancestors_seen: vec![parent] }.into());
    history
}

#[test]
fn an_account_that_gets_a_parent_is_looked_at_again() {
    let own = Record::unborn(Category::Account);
    for event in under(FABRIKAM) {
        let is_set = matches!(event, AccountEvent::ParentSet(_));
        let reactions = processes::react(&event.into(), &own, CONTOSO.stream());
        let names: Vec<_> = reactions.iter().map(|reaction| reaction.name).collect();
        if is_set {
            assert_eq!(names, ["BreakParentLoop"]);
            assert_eq!(reactions[0].command.stream(COMMAND), CONTOSO.stream());
        } else {
            assert!(names.is_empty());
        }
    }
}

#[test]
fn two_changes_that_crossed_are_undone() {
    let command = BreakParentLoop { account_id: CONTOSO, parent: FABRIKAM };
    let cleared = ParentAccountCleared { parent: FABRIKAM, cause: ParentClearedCause::Loop };
    given::<Account>(under(FABRIKAM))
        .with(FABRIKAM.stream(), under(CONTOSO))
        .when(command.clone(), |_| ())
        .then([cleared])
        .when(command.clone(), |_| ())
        .then_nothing();
    given::<Account>(under(FABRIKAM))
        .with(FABRIKAM.stream(), contoso())
        .when(command, |_| ())
        .then_nothing();
}
