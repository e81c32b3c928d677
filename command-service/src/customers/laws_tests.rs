//! Laws: what holds after any sequence of commands.

use std::collections::BTreeSet;

use events::{
    CrmEvent,
    customers::AccountEvent,
    ids::{AccountId, Category, ContactId, CustomerRef, RecordRef, UserId},
};
use proptest::{
    collection::vec,
    prelude::{Just, ProptestConfig, Strategy, any, proptest},
    prop_oneof,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    ChangeContactParent, CreateAccount, CreateContact, SetParentAccount, commands,
    testing::{ANA, Judged, World},
};
use crate::aggregate::{Command, Record};

/// One command as a caller would send it.
type Step = (&'static str, Value);

fn account_id(number: u8) -> AccountId {
    AccountId(Uuid::from_u128(1 + u128::from(number)))
}

fn contact_id(number: u8) -> ContactId {
    ContactId(Uuid::from_u128(100 + u128::from(number)))
}

fn parse((name, body): &Step) -> Box<dyn Command> {
    let mut all = commands();
    all.extend(crate::access::commands());
    let entry = all.into_iter().find(|entry| entry.name == *name).unwrap();
    let raw = serde_json::value::to_raw_value(body).unwrap();
    (entry.parse)(&raw).unwrap()
}

fn run(world: &mut World, step: &Step) -> Judged {
    world.run(&*parse(step))
}

fn account() -> impl Strategy<Value = AccountId> {
    (0..3_u8).prop_map(account_id)
}

fn contact() -> impl Strategy<Value = ContactId> {
    (0..4_u8).prop_map(contact_id)
}

fn customer() -> impl Strategy<Value = CustomerRef> {
    prop_oneof![account().prop_map(CustomerRef::Account), contact().prop_map(CustomerRef::Contact)]
}

fn user() -> impl Strategy<Value = UserId> {
    prop_oneof![Just(ANA), Just(UserId(Uuid::from_u128(200)))]
}

fn creating() -> impl Strategy<Value = Step> {
    prop_oneof![
        account().prop_map(|id| (
            "CreateAccount",
            json!({
                "account_id": id, "name": "A", "phone": "1", "email": "a@example.com",
            })
        )),
        (contact(), proptest::option::of(customer())).prop_map(|(id, parent)| {
            ("CreateContact", json!({ "contact_id": id, "last_name": "C", "parent": parent }))
        }),
        user().prop_map(|id| ("AddUser", json!({ "user_id": id, "name": "U" }))),
        user().prop_map(|id| ("DisableUser", json!({ "user_id": id }))),
        user().prop_map(|id| ("EnableUser", json!({ "user_id": id }))),
    ]
}

fn belonging() -> impl Strategy<Value = Step> {
    prop_oneof![
        (account(), contact(), any::<bool>()).prop_map(|(account, contact, replace)| {
            let body = json!({ "account_id": account, "contact": contact, "replace": replace });
            ("SetPrimaryContact", body)
        }),
        account().prop_map(|id| ("ClearPrimaryContact", json!({ "account_id": id }))),
        (account(), account()).prop_map(|(id, parent)| {
            ("SetParentAccount", json!({ "account_id": id, "parent": parent }))
        }),
        account().prop_map(|id| ("ClearParentAccount", json!({ "account_id": id }))),
        (contact(), proptest::option::of(customer())).prop_map(|(id, parent)| {
            ("ChangeContactParent", json!({ "contact_id": id, "parent": parent }))
        }),
        (customer(), user()).prop_map(|(record, user)| {
            let owner = json!({ "type": "user", "id": user });
            ("AssignOwner", json!({ "record": RecordRef::from(record), "owner": owner }))
        }),
        (customer(), customer()).prop_map(|(a, b)| {
            ("RelateRecords", json!({ "a": a, "b": b, "description_a": "D" }))
        }),
    ]
}

fn changing() -> impl Strategy<Value = Step> {
    prop_oneof![
        (account(), any::<bool>()).prop_map(|(id, phone)| {
            let phone = phone.then_some("1");
            ("ChangeAccountDetails", json!({ "account_id": id, "phone": phone, "employees": 3 }))
        }),
        contact().prop_map(|id| {
            ("ChangeContactDetails", json!({ "contact_id": id, "last_name": "C" }))
        }),
        customer().prop_map(|record| {
            let address = json!({ "city": "Santos" });
            ("SetAddress", json!({ "record": record, "kind": "primary", "address": address }))
        }),
        customer()
            .prop_map(|record| ("RemoveAddress", json!({ "record": record, "kind": "primary" }))),
        customer().prop_map(|record| {
            ("AddNote", json!({ "regarding": RecordRef::from(record), "text": "N" }))
        }),
        account().prop_map(|id| ("DeactivateAccount", json!({ "account_id": id }))),
        account().prop_map(|id| ("ReactivateAccount", json!({ "account_id": id }))),
        contact().prop_map(|id| ("DeactivateContact", json!({ "contact_id": id }))),
        contact().prop_map(|id| ("ReactivateContact", json!({ "contact_id": id }))),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(prop_oneof![creating(), belonging(), changing()], 1..60)
}

/// A world in which much is possible from the first step on.
fn peopled() -> World {
    let mut world = World::new();
    for number in 0..3 {
        let body = json!({ "account_id": account_id(number), "name": "A" });
        world.send::<CreateAccount>(body).unwrap();
    }
    for number in 0..3 {
        let parent = CustomerRef::Account(account_id(number / 2));
        let body = json!({ "contact_id": contact_id(number), "last_name": "C", "parent": parent });
        world.send::<CreateContact>(body).unwrap();
    }
    world
}

/// The code of a refusal, or the published types of the events.
fn verdict(judged: &Judged) -> Vec<String> {
    match judged {
        Ok(events) => events.iter().map(|event| event.event_type().name.into_owned()).collect(),
        Err(refusal) => vec![format!("refused: {} {:?}", refusal.code(), refusal.params())],
    }
}

/// The primary contact after these events, if no event made a second one beside the first.
fn primary_contact(events: &[CrmEvent]) -> Result<Option<ContactId>, String> {
    let mut primary = None;
    for event in events {
        let CrmEvent::Account(event) = event else { continue };
        primary = match (event, primary) {
            (AccountEvent::PrimaryContactSet(set), None) => Some(set.contact),
            (AccountEvent::PrimaryContactReplaced(event), Some(old))
                if event.old == old && event.new != old =>
            {
                Some(event.new)
            }
            (AccountEvent::PrimaryContactCleared(event), Some(old)) if event.contact == old => None,
            (
                AccountEvent::PrimaryContactSet(_)
                | AccountEvent::PrimaryContactReplaced(_)
                | AccountEvent::PrimaryContactCleared(_),
                _,
            ) => return Err(format!("{event:?} while {primary:?} is the primary contact")),
            (_, same) => same,
        };
    }
    Ok(primary)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_account_ever_has_a_second_primary_contact(steps in steps()) {
        let mut world = peopled();
        let mut histories = vec![Vec::new(); 3];
        for step in &steps {
            let Ok(events) = run(&mut world, step) else { continue };
            let account = (0..3).find(|number| step.1["account_id"] == json!(account_id(*number)));
            if let Some(number) = account {
                histories[usize::from(number)].extend(events);
            }
        }
        for history in &histories {
            if let Err(second) = primary_contact(history) {
                panic!("{second}");
            }
        }
    }

    #[test]
    fn no_account_ever_is_its_own_ancestor(moves in vec((0..6_u8, 0..6_u8), 1..80)) {
        let mut world = World::new();
        for number in 0..6 {
            let body = json!({ "account_id": account_id(number), "name": "A" });
            world.send::<CreateAccount>(body).unwrap();
        }
        for (child, parent) in moves {
            let body = json!({ "account_id": account_id(child), "parent": account_id(parent) });
            let before = world.version(account_id(child));
            let refused = world.send::<SetParentAccount>(body).is_err();
            assert!(!refused || world.version(account_id(child)) == before);
            (0..6).for_each(|number| assert_no_loop(&world, account_id(number)));
        }
    }

    #[test]
    fn no_contact_ever_is_its_own_ancestor(moves in vec((0..5_u8, 0..5_u8), 1..60)) {
        let mut world = World::new();
        for number in 0..5 {
            let body = json!({ "contact_id": contact_id(number), "last_name": "C" });
            world.send::<CreateContact>(body).unwrap();
        }
        for (child, parent) in moves {
            let parent = CustomerRef::Contact(contact_id(parent));
            let body = json!({ "contact_id": contact_id(child), "parent": parent });
            let moved = world.send::<ChangeContactParent>(body);
            if let Err(refusal) = moved {
                assert_eq!(refusal.code(), "contact.parent_loop");
            }
            (0..5).for_each(|number| assert_no_contact_loop(&world, contact_id(number)));
        }
    }

    #[test]
    fn a_verdict_never_depends_on_a_personal_value(steps in steps()) {
        let mut clear = peopled();
        let mut sealed = peopled();
        sealed.sealed = true;
        for step in &steps {
            let verdicts = (run(&mut clear, step), run(&mut sealed, step));
            assert_eq!(verdict(&verdicts.0), verdict(&verdicts.1), "{step:?}");
        }
    }

    #[test]
    fn the_same_command_in_the_same_world_has_the_same_verdict(steps in steps()) {
        let mut world = peopled();
        for step in &steps {
            let command = parse(step);
            let first = world.decide(&*command);
            assert_eq!(world.decide(&*command), first);
            assert_eq!(run(&mut world, step), first);
        }
    }

    #[test]
    fn a_command_read_back_from_its_canonical_form_is_the_same(steps in steps()) {
        for step in &steps {
            let canonical = parse(step).canonical().unwrap();
            let again = parse(&(step.0, serde_json::from_slice(&canonical).unwrap()));
            assert_eq!(again.canonical().unwrap(), canonical, "{step:?}");
        }
    }

    #[test]
    fn every_state_takes_in_every_fact(steps in steps(), shift in 0..7_usize) {
        let mut world = peopled();
        let facts: Vec<CrmEvent> =
            steps.iter().filter_map(|step| run(&mut world, step).ok()).flatten().collect();
        for category in Category::ALL {
            let mut record = Record::unborn(category);
            // Out of order and of other categories too: history cannot be refused.
            facts.iter().cycle().skip(shift).step_by(3).take(facts.len()).for_each(|fact| {
                record.evolve(fact);
            });
            let concerned = facts.iter().any(|fact| fact.category() == category);
            let unborn = format!("{:?}", Record::unborn(category));
            assert!(concerned || format!("{record:?}") == unborn, "{category}");
        }
    }
}

fn assert_no_loop(world: &World, from: AccountId) {
    let (mut met, mut next) = (BTreeSet::new(), Some(from));
    while let Some(id) = next {
        assert!(met.insert(id), "{from} is in or below a loop");
        let Record::Account(account) = world.record(id) else { unreachable!() };
        next = account.created().unwrap().parent;
    }
}

fn assert_no_contact_loop(world: &World, from: ContactId) {
    let (mut met, mut next) = (BTreeSet::new(), Some(from));
    while let Some(id) = next {
        assert!(met.insert(id), "{from} is in or below a loop");
        let Record::Contact(contact) = world.record(id) else { unreachable!() };
        next = match contact.created().unwrap().parent {
            Some(CustomerRef::Contact(parent)) => Some(parent),
            _ => None,
        };
    }
}
