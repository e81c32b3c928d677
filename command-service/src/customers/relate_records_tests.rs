//! The rules of relating records: scenarios S05 and S06, step by step.

use events::{
    CrmEvent,
    customers::{ConnectionEstablished, ConnectionEvent, ConnectionSide},
    ids::{AccountId, Category, ConnectionRoleId, ContactId, KeyId, OpportunityId, PartyRef},
    money::Currency,
    sales::{OpportunityCreated, OpportunityEvent},
};
use proptest::prelude::{any, proptest};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{RelateRecords, connection_between};
use crate::{
    customers::{
        ChangeConnectionRole, CreateAccount, CreateContact, DeactivateAccount,
        DefineConnectionRole, EndConnection, RetireConnectionRole,
        testing::{Judged, OWNER_ANA, World, line, personal_line, personal_prose},
    },
    refusal::Refusal,
};

const CONTOSO: PartyRef = PartyRef::Account(AccountId(Uuid::from_u128(1)));
const FORNECEDORA: PartyRef = PartyRef::Account(AccountId(Uuid::from_u128(2)));
const BIA: PartyRef = PartyRef::Contact(ContactId(Uuid::from_u128(3)));
const SUPPLIER: ConnectionRoleId = ConnectionRoleId(Uuid::from_u128(11));
const BUYER: ConnectionRoleId = ConnectionRoleId(Uuid::from_u128(12));
const DOCTOR: ConnectionRoleId = ConnectionRoleId(Uuid::from_u128(13));

/// Two companies, a person, and the pair of roles Supplier and Buyer; doctors are persons.
fn world() -> World {
    let mut world = World::new();
    for id in [1, 2] {
        let body = json!({ "account_id": Uuid::from_u128(id), "name": "A" });
        world.send::<CreateAccount>(body).unwrap();
    }
    let bia = json!({ "contact_id": Uuid::from_u128(3), "last_name": "Silva" });
    world.send::<CreateContact>(bia).unwrap();
    for (role, kind) in [(SUPPLIER, "account"), (BUYER, "account"), (DOCTOR, "contact")] {
        let body = json!({
            "connection_role_id": role, "name": "R", "category": "Business", "applies_to": [kind],
        });
        world.send::<DefineConnectionRole>(body).unwrap();
    }
    for (role, other) in [(SUPPLIER, BUYER), (BUYER, SUPPLIER)] {
        let body = json!({ "connection_role_id": role, "matching": [other] });
        world.send::<ChangeConnectionRole>(body).unwrap();
    }
    world
}

fn supply() -> Value {
    json!({ "a": CONTOSO, "b": FORNECEDORA, "role_b": SUPPLIER })
}

fn established(judged: Judged) -> ConnectionEstablished {
    match judged.unwrap().remove(0) {
        CrmEvent::Connection(ConnectionEvent::Established(established)) => established,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_only_role_that_matches_is_filled_in_on_the_other_side() {
    let body = json!({
        "a": CONTOSO, "b": FORNECEDORA, "role_b": SUPPLIER, "description_b": "Paper",
        "start": "2026-01-01",
    });
    let connection = established(world().send::<RelateRecords>(body));
    let role = Some(BUYER);
    let a = ConnectionSide { record: CONTOSO, role, role_is_reciprocal: true, description: None };
    assert_eq!(connection.a, a);
    let description = Some(personal_prose("Paper"));
    let role = Some(SUPPLIER);
    let b = ConnectionSide { record: FORNECEDORA, role, role_is_reciprocal: false, description };
    assert_eq!(connection.b, b);
}

#[test]
fn a_role_that_is_given_is_kept_as_it_is() {
    let body = json!({ "a": CONTOSO, "role_a": SUPPLIER, "b": FORNECEDORA, "role_b": SUPPLIER });
    let connection = established(world().send::<RelateRecords>(body));
    assert_eq!((connection.a.role, connection.b.role), (Some(SUPPLIER), Some(SUPPLIER)));
    assert!(!connection.a.role_is_reciprocal && !connection.b.role_is_reciprocal);
}

#[test]
fn no_role_is_filled_in_when_none_or_several_match() {
    for matching in [json!([]), json!([BUYER, DOCTOR])] {
        let mut world = world();
        let body = json!({ "connection_role_id": SUPPLIER, "matching": matching });
        world.send::<ChangeConnectionRole>(body).unwrap();
        assert_eq!(established(world.send::<RelateRecords>(supply())).a.role, None);
    }
}

#[test]
fn a_matching_role_that_is_retired_or_not_for_the_record_is_not_filled_in() {
    let mut world = world();
    let body = json!({ "a": FORNECEDORA, "role_a": SUPPLIER, "b": BIA });
    assert_eq!(established(world.send::<RelateRecords>(body)).b.role, None);
    world.send::<RetireConnectionRole>(json!({ "connection_role_id": BUYER })).unwrap();
    assert_eq!(established(world.send::<RelateRecords>(supply())).a.role, None);
}

#[test]
fn records_can_be_related_without_roles() {
    let connection = established(world().send::<RelateRecords>(json!({ "a": BIA, "b": CONTOSO })));
    assert_eq!((connection.a.role, connection.b.role), (None, None));
}

#[test]
fn a_record_cannot_be_related_to_itself() {
    let refused = world().send::<RelateRecords>(json!({ "a": CONTOSO, "b": CONTOSO }));
    assert_eq!(refused, Err(Refusal::ConnectionSelf));
}

#[test]
fn the_same_connection_is_refused_from_either_side_and_with_any_roles() {
    let mut world = world();
    world.send::<RelateRecords>(supply()).unwrap();
    let bodies = [
        supply(),
        json!({ "a": FORNECEDORA, "b": CONTOSO }),
        json!({ "a": FORNECEDORA, "role_a": SUPPLIER, "b": CONTOSO, "role_b": BUYER }),
        json!({ "a": CONTOSO, "role_a": BUYER, "b": FORNECEDORA }),
    ];
    for body in bodies {
        assert_eq!(world.send::<RelateRecords>(body), Err(Refusal::ConnectionExists));
    }
}

#[test]
fn a_connection_that_ended_is_not_made_anew() {
    let mut world = world();
    world.send::<RelateRecords>(supply()).unwrap();
    let connection = connection_between(CONTOSO, FORNECEDORA);
    let end = json!({ "connection_id": connection, "end": "2026-06-30" });
    world.send::<EndConnection>(end).unwrap();
    assert_eq!(world.send::<RelateRecords>(supply()), Err(Refusal::ConnectionEnded));
}

#[test]
fn a_connection_does_not_end_before_it_starts() {
    let body = |end: &str| json!({ "a": CONTOSO, "b": BIA, "start": "2026-01-01", "end": end });
    let refused = world().send::<RelateRecords>(body("2025-12-31"));
    assert_eq!(refused, Err(Refusal::ConnectionDates));
    assert!(world().send::<RelateRecords>(body("2026-01-01")).is_ok());
}

#[test]
fn a_role_is_only_for_the_kinds_it_applies_to() {
    let doctor = |a: PartyRef| json!({ "a": a, "role_a": DOCTOR, "b": FORNECEDORA });
    let refused = world().send::<RelateRecords>(doctor(CONTOSO));
    assert_eq!(refused, Err(Refusal::ConnectionRoleType));
    assert!(world().send::<RelateRecords>(doctor(BIA)).is_ok());
}

#[test]
fn a_role_must_be_defined_and_not_retired() {
    let mut world = world();
    world.send::<RetireConnectionRole>(json!({ "connection_role_id": SUPPLIER })).unwrap();
    assert_eq!(world.send::<RelateRecords>(supply()), Err(Refusal::RoleRetired));
    let body = json!({ "a": CONTOSO, "role_a": Uuid::from_u128(99), "b": BIA });
    let missing = Refusal::not_found(Category::ConnectionRole);
    assert_eq!(world.send::<RelateRecords>(body), Err(missing));
}

/// An opportunity that nobody has estimated yet.
fn opportunity() -> OpportunityEvent {
    OpportunityEvent::Created(OpportunityCreated {
        key: KeyId(Uuid::from_u128(4)),
        topic: personal_line("Paper"),
        customer: None,
        contact: None,
        product: None,
        currency: Currency::new("BRL").unwrap(),
        estimated_value: None,
        estimated_close_date: None,
        probability: None,
        stage: line("Qualify"),
        rating: None,
        description: None,
        owner: OWNER_ANA,
    })
}

#[test]
fn a_person_can_have_a_role_in_an_opportunity() {
    let mut world = world();
    let deal = OpportunityId(Uuid::from_u128(4));
    world.append(deal, vec![opportunity().into()]);
    let deal = PartyRef::Opportunity(deal);
    let body = json!({ "a": BIA, "role_a": DOCTOR, "b": deal });
    let connection = established(world.send::<RelateRecords>(body));
    assert_eq!((connection.a.role, connection.b.record), (Some(DOCTOR), deal));
}

#[test]
fn both_ends_must_be_there_and_in_use() {
    let mut world = world();
    let nobody = PartyRef::Contact(ContactId(Uuid::from_u128(99)));
    let missing = Err(Refusal::not_found(Category::Contact));
    assert_eq!(world.send::<RelateRecords>(json!({ "a": CONTOSO, "b": nobody })), missing);
    let deal = PartyRef::Opportunity(OpportunityId(Uuid::from_u128(98)));
    let missing = Err(Refusal::not_found(Category::Opportunity));
    assert_eq!(world.send::<RelateRecords>(json!({ "a": CONTOSO, "b": deal })), missing);
    world.send::<DeactivateAccount>(json!({ "account_id": Uuid::from_u128(1) })).unwrap();
    for body in [json!({ "a": CONTOSO, "b": BIA }), json!({ "a": BIA, "b": CONTOSO })] {
        assert_eq!(world.send::<RelateRecords>(body), Err(Refusal::CustomerInactive));
    }
}

proptest! {
    #[test]
    fn a_pair_has_one_connection_whichever_end_is_named_first(a in any::<u128>(), b in any::<u128>()) {
        let a = PartyRef::Account(AccountId(Uuid::from_u128(a)));
        let b = PartyRef::Contact(ContactId(Uuid::from_u128(b)));
        assert_eq!(connection_between(a, b), connection_between(b, a));
    }
}

#[test]
fn the_id_of_a_connection_never_changes() {
    // Stored ids follow from it: a new value here would orphan every connection there is.
    let id = connection_between(CONTOSO, BIA).to_string();
    assert_eq!(id, "66a70bb3-b4e4-5416-965b-f4253c3d286b");
}
