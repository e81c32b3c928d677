//! The rules of setting an installation up.

use events::{
    CrmEvent, access::OrganizationEvent, ids::OrganizationId, money::Currency, values::Zone,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::FoundOrganization;
use crate::{aggregate::Record, customers::testing::World, refusal::Refusal};

const NORTE: OrganizationId = OrganizationId(Uuid::from_u128(1));

fn body(currency: &str) -> Value {
    json!({
        "organization_id": NORTE, "name": "Norte", "zone": "America/Sao_Paulo",
        "base_currency": currency,
    })
}

#[test]
fn founding_says_the_zone_and_the_currency() {
    let mut world = World::new();
    let events = world.send::<FoundOrganization>(body("BRL")).unwrap();
    assert!(matches!(events[..], [CrmEvent::Organization(OrganizationEvent::Founded(_))]));
    let Record::Organization(norte) = world.record(NORTE) else { unreachable!() };
    assert_eq!(norte.zone(), &Zone::new("America/Sao_Paulo").unwrap());
    assert_eq!(norte.base_currency(), Some(Currency::new("BRL").unwrap()));
    assert_eq!(norte.name().map(|name| name.as_str()), Some("Norte"));
}

#[test]
fn founding_again_with_the_same_values_stays_quiet() {
    let mut world = World::new();
    world.send::<FoundOrganization>(body("BRL")).unwrap();
    assert_eq!(world.send::<FoundOrganization>(body("BRL")), Ok(vec![]));
}

#[test]
fn an_organisation_is_not_founded_anew_with_other_values() {
    let mut world = World::new();
    world.send::<FoundOrganization>(body("BRL")).unwrap();
    assert_eq!(world.send::<FoundOrganization>(body("EUR")), Err(Refusal::Exists));
}

#[test]
fn founding_is_not_among_the_commands_of_callers() {
    let commands = crate::command::commands();
    assert!(commands.iter().all(|entry| entry.name != "FoundOrganization"));
}
