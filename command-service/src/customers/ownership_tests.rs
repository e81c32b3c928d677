//! The rules of giving records to another owner.

use events::{
    CrmEvent,
    customers::{AccountEvent, ContactEvent, OwnerAssigned},
    ids::{AccountId, Category, ContactId, OrderId, Principal, QuoteId, RecordRef, UserId},
    sales::OpportunityLost,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::AssignOwner;
use crate::{
    access::{AddUser, DisableUser},
    customers::{
        CreateAccount, CreateContact, DeactivateAccount,
        testing::{OWNER_ANA, World},
    },
    refusal::Refusal,
    sales::{
        Order, PlaceOrder,
        fixtures::{DEAL, QUOTE, acceptance, accepted, ana, day, deal},
    },
    testing::given,
};

const BETO: UserId = UserId(Uuid::from_u128(5));
const CONTOSO: AccountId = AccountId(Uuid::from_u128(1));
const BIA: ContactId = ContactId(Uuid::from_u128(2));

fn world() -> World {
    let mut world = World::new();
    world.send::<AddUser>(json!({ "user_id": BETO, "name": "Beto" })).unwrap();
    world.send::<CreateAccount>(json!({ "account_id": CONTOSO, "name": "Contoso" })).unwrap();
    world.send::<CreateContact>(json!({ "contact_id": BIA, "last_name": "Silva" })).unwrap();
    world
}

fn to(record: impl Into<RecordRef>, owner: Principal) -> Value {
    json!({ "record": record.into(), "owner": owner })
}

const OWNER_BETO: Principal = Principal::User(BETO);

#[test]
fn accounts_and_contacts_go_from_owner_to_owner() {
    let mut world = world();
    let assigned = || OwnerAssigned { from: OWNER_ANA, to: OWNER_BETO };
    let account = CrmEvent::Account(AccountEvent::OwnerAssigned(assigned()));
    assert_eq!(world.send::<AssignOwner>(to(CONTOSO, OWNER_BETO)), Ok(vec![account]));
    let contact = CrmEvent::Contact(ContactEvent::OwnerAssigned(assigned()));
    assert_eq!(world.send::<AssignOwner>(to(BIA, OWNER_BETO)), Ok(vec![contact]));
}

#[test]
fn assigning_the_owner_of_today_stays_quiet() {
    assert_eq!(world().send::<AssignOwner>(to(CONTOSO, OWNER_ANA)), Ok(vec![]));
}

#[test]
fn nothing_is_given_to_who_is_not_there_or_disabled() {
    let mut world = world();
    let stranger = Principal::User(UserId(Uuid::from_u128(9)));
    let refused = Err(Refusal::OwnerUnknown);
    assert_eq!(world.send::<AssignOwner>(to(CONTOSO, stranger)), refused);
    world.send::<DisableUser>(json!({ "user_id": BETO })).unwrap();
    assert_eq!(world.send::<AssignOwner>(to(CONTOSO, OWNER_BETO)), refused);
}

#[test]
fn what_has_no_owner_cannot_be_given_away() {
    let refused = world().send::<AssignOwner>(to(BETO, OWNER_ANA));
    assert_eq!(refused, Err(Refusal::UnsupportedType { category: Category::User }));
}

#[test]
fn an_inactive_or_missing_record_keeps_its_owner() {
    let mut world = world();
    world.send::<DeactivateAccount>(json!({ "account_id": CONTOSO })).unwrap();
    let refused = world.send::<AssignOwner>(to(CONTOSO, OWNER_BETO));
    assert_eq!(refused, Err(Refusal::Inactive));
    let missing = world.send::<AssignOwner>(to(ContactId(Uuid::from_u128(9)), OWNER_BETO));
    assert_eq!(missing, Err(Refusal::not_found(Category::Contact)));
}

/// A deal, its accepted quote and the order.
fn sale() -> World {
    let mut world = world();
    world.append(DEAL, deal().into_iter().map(Into::into).collect());
    world.append(QUOTE, accepted().into_iter().map(Into::into).collect());
    let place = PlaceOrder { quote: QUOTE, revision: 0 };
    let placed = given::<Order>([]).with(QUOTE.stream(), accepted()).when(place, |_| ());
    world.append(acceptance().order, placed.events().iter().cloned().map(Into::into).collect());
    world
}

#[test]
fn deals_quotes_and_orders_go_from_owner_to_owner() {
    let mut world = sale();
    let assigned = || OwnerAssigned { from: ana(), to: OWNER_BETO };
    let deal = CrmEvent::Opportunity(assigned().into());
    assert_eq!(world.send::<AssignOwner>(to(DEAL, OWNER_BETO)), Ok(vec![deal]));
    let quote = CrmEvent::Quote(assigned().into());
    assert_eq!(world.send::<AssignOwner>(to(QUOTE, OWNER_BETO)), Ok(vec![quote]));
    let order = CrmEvent::Order(assigned().into());
    assert_eq!(world.send::<AssignOwner>(to(acceptance().order, OWNER_BETO)), Ok(vec![order]));
    for record in [RecordRef::from(DEAL), QUOTE.into(), acceptance().order.into()] {
        assert_eq!(world.send::<AssignOwner>(to(record, OWNER_BETO)), Ok(vec![]));
    }
}

#[test]
fn a_decided_or_missing_sale_keeps_its_owner() {
    let mut world = sale();
    let lost = OpportunityLost {
        status_reason: events::sales::LostReason::Canceled,
        close_date: day("2026-05-20"),
        competitor: None,
    };
    world.append(DEAL, vec![CrmEvent::Opportunity(lost.into())]);
    let refused = world.send::<AssignOwner>(to(DEAL, OWNER_BETO));
    assert_eq!(refused, Err(Refusal::OpportunityClosed));
    let nobody = Uuid::from_u128(9);
    let missing = world.send::<AssignOwner>(to(QuoteId(nobody), OWNER_BETO));
    assert_eq!(missing, Err(Refusal::not_found(Category::Quote)));
    let missing = world.send::<AssignOwner>(to(OrderId(nobody), OWNER_BETO));
    assert_eq!(missing, Err(Refusal::not_found(Category::Order)));
}
