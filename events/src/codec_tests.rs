//! What is written down is read as what it was, whatever it holds.

use std::collections::BTreeSet;

use bytes::Bytes;
use proptest::prelude::*;
use uuid::Uuid;

use std::convert::Infallible;

use serde::de::DeserializeOwned;

use super::*;
use crate::{
    customers::{
        AccountCreated, AccountDetailsChanged, ContactCreated, ContactDetailsChanged, ContactKind,
        ContactParentChanged, CustomerType, ParentAccountSet,
    },
    envelope::{Actor, ActorKind, Cause, Channel},
    evidence::sha256,
    ids::{
        AccountId, CommandId, ContactId, CustomerRef, KeyId, OpportunityId, OrderId, Principal,
        UserId,
    },
    money::{Currency, Money, Percent, Quantity, UnitPrice},
    personal::Sealed,
    sales::{
        CloseOpportunity, Discount, DocumentLine, DocumentTerms, QuoteAccepted, QuoteDiscountSet,
        QuoteLineAdded, QuoteStarted, Totals,
    },
    values::{Change, Day, Line, Zone},
};

fn event(event_type: EventType, payload: Vec<u8>) -> NewEvent {
    let command_id = CommandId(Uuid::from_u128(7));
    NewEvent {
        event_id: command_id.event(0),
        event_type,
        effective_at: None,
        cause: Cause {
            actor: Actor { kind: ActorKind::System, id: command_id.0 },
            on_behalf_of: None,
            channel: Channel::System,
            command_id,
            causation_id: command_id.0,
            correlation_id: command_id.0,
        },
        payload_sha256: sha256(&payload),
        payload: Bytes::from(payload),
    }
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn sealed<T>() -> impl Strategy<Value = Personal<T>> {
    let ciphertext = prop::collection::vec(any::<u8>(), 0..40);
    (uuid(), any::<[u8; 12]>(), ciphertext).prop_map(|(key, nonce, ciphertext)| {
        Personal::Sealed(Sealed { key: KeyId(key), nonce, ciphertext, origin: None })
    })
}

fn maybe<T: Clone + std::fmt::Debug>(
    value: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Option<T>> {
    prop::option::of(value)
}

fn change<T: Clone + std::fmt::Debug>(
    value: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Change<T>> {
    prop_oneof![Just(Change::Keep), Just(Change::Clear), value.prop_map(Change::Set)]
}

fn line<const MAX: usize>() -> impl Strategy<Value = Line<MAX>> {
    any::<String>().prop_filter_map("a line", |text| Line::new(text).ok())
}

fn day() -> impl Strategy<Value = Day> {
    (-25_567_i64..84_005).prop_map(|number| Day::from_number(number).expect("in range"))
}

fn currency() -> impl Strategy<Value = Currency> {
    prop::sample::select(vec!["BRL", "JPY", "KWD"]).prop_map(|code| Currency::new(code).unwrap())
}

fn money() -> impl Strategy<Value = Money> {
    (-Money::MAX_MINOR..=Money::MAX_MINOR, currency())
        .prop_map(|(minor, currency)| Money::new(minor.into(), currency).unwrap())
}

fn owner() -> impl Strategy<Value = Principal> {
    uuid().prop_map(|id| Principal::User(UserId(id)))
}

fn customer() -> impl Strategy<Value = CustomerRef> {
    prop_oneof![
        uuid().prop_map(|id| CustomerRef::Account(AccountId(id))),
        uuid().prop_map(|id| CustomerRef::Contact(ContactId(id))),
    ]
}

prop_compose! {
    fn contact_created()(
        (key, owner, parent) in (uuid(), owner(), maybe(customer())),
        (first_name, last_name, job_title) in (maybe(sealed()), sealed(), maybe(sealed())),
        (email, phone, mobile) in (maybe(sealed()), maybe(sealed()), maybe(sealed())),
        (birthdate, description) in (maybe(sealed()), maybe(sealed())),
    ) -> ContactEvent {
        ContactCreated {
            key: KeyId(key), first_name, last_name, kind: ContactKind::Supplier, parent, job_title,
            email, phone, mobile, birthdate, description, owner,
        }.into()
    }
}

prop_compose! {
    fn contact_changed()(
        (first_name, last_name, job_title) in (change(sealed()), maybe(sealed()), change(sealed())),
        (email, phone, mobile) in (change(sealed()), change(sealed()), change(sealed())),
        (birthdate, description) in (change(sealed()), change(sealed())),
        kind in maybe(Just(ContactKind::Colleague)),
    ) -> ContactEvent {
        ContactDetailsChanged {
            first_name, last_name, kind, job_title, email, phone, mobile, birthdate, description,
        }.into()
    }
}

prop_compose! {
    fn account_created()(
        (key, name, owner) in (uuid(), line(), owner()),
        (account_number, industry, website) in (maybe(line()), maybe(line()), maybe(line())),
        (annual_revenue, employees) in (maybe(money()), maybe(any::<u32>())),
        (phone, email, description) in (maybe(sealed()), maybe(sealed()), maybe(sealed())),
    ) -> AccountEvent {
        AccountCreated {
            key: KeyId(key), name, account_number, customer_type: CustomerType::Press, industry,
            website, annual_revenue, employees, phone, email, description, owner,
        }.into()
    }
}

prop_compose! {
    fn account_changed()(
        (name, customer_type) in (maybe(line()), maybe(Just(CustomerType::Vendor))),
        (account_number, industry, website) in (change(line()), change(line()), change(line())),
        (annual_revenue, employees) in (change(money()), change(any::<u32>())),
        (phone, email, description) in (change(sealed()), change(sealed()), change(sealed())),
    ) -> AccountEvent {
        AccountDetailsChanged {
            name, customer_type, account_number, industry, website, annual_revenue, employees,
            phone, email, description,
        }.into()
    }
}

fn discount() -> impl Strategy<Value = Discount> {
    prop_oneof![
        money().prop_map(Discount::Amount),
        (0..=1_000_000_i64).prop_map(|share| Discount::Percent(Percent::new(share).unwrap())),
    ]
}

prop_compose! {
    fn quote_started()(
        (key, number, customer, owner) in (uuid(), line(), customer(), owner()),
        (name, bill_to, ship_to) in (maybe(sealed()), maybe(sealed()), maybe(sealed())),
        (currency, valid_until, price_list) in (currency(), maybe(day()), maybe(line())),
        contact in maybe(uuid().prop_map(ContactId)),
    ) -> QuoteEvent {
        QuoteStarted {
            key: KeyId(key), number, name, customer, contact, opportunity: None, currency,
            terms: DocumentTerms { price_list, ..DocumentTerms::default() }, bill_to, ship_to,
            valid_until, zone: Zone::utc(), owner, prefill: Vec::new(),
        }.into()
    }
}

prop_compose! {
    fn quote_line_added()(
        (revision, line_id, product) in (any::<u32>(), uuid(), line()),
        quantity in 1..=1_000_000_000_000_000_i64,
        unit_price in 0..=1_000_000_000_000_000_000_i64,
        (discount, tax) in (maybe(discount()), maybe(money())),
    ) -> QuoteEvent {
        let quantity = Quantity::new(quantity).unwrap();
        let unit_price = UnitPrice::new(unit_price).unwrap();
        let line = DocumentLine { line_id, product, quantity, unit_price, discount, tax };
        QuoteLineAdded { revision, line }.into()
    }
}

prop_compose! {
    fn quote_accepted()(
        (revision, order, accepted_on) in (any::<u32>(), uuid(), day()),
        (amount, accepted_by, customer_reference) in (money(), maybe(sealed()), maybe(line())),
        opportunity in maybe(uuid().prop_map(OpportunityId)),
    ) -> QuoteEvent {
        QuoteAccepted {
            revision, order: OrderId(order), accepted_on, accepted_by, customer_reference, opportunity,
            totals: Totals {
                subtotal: amount, discount: amount, net: amount, freight: amount, tax: amount,
                total: amount,
            },
            close_opportunity: CloseOpportunity::Won, actual_value: amount,
        }.into()
    }
}

fn any_event() -> impl Strategy<Value = CrmEvent> {
    prop_oneof![
        contact_created().prop_map(CrmEvent::from),
        contact_changed().prop_map(CrmEvent::from),
        (maybe(customer()), maybe(customer()))
            .prop_map(|(from, to)| ContactEvent::from(ContactParentChanged { from, to }).into()),
        account_created().prop_map(CrmEvent::from),
        account_changed().prop_map(CrmEvent::from),
        (uuid(), prop::collection::vec(uuid().prop_map(AccountId), 0..4)).prop_map(
            |(parent, ancestors_seen)| {
                let parent = AccountId(parent);
                AccountEvent::from(ParentAccountSet { parent, ancestors_seen }).into()
            }
        ),
        quote_started().prop_map(CrmEvent::from),
        quote_line_added().prop_map(CrmEvent::from),
        quote_accepted().prop_map(CrmEvent::from),
        (any::<u32>(), maybe(discount())).prop_map(|(revision, discount)| {
            QuoteEvent::from(QuoteDiscountSet { revision, discount }).into()
        }),
    ]
}

/// Collects field paths.
struct Paths(Vec<String>);

impl PersonalVisitor for Paths {
    type Error = Infallible;

    fn visit<T: Serialize + DeserializeOwned>(
        &mut self,
        path: &Cow<'static, str>,
        _: &mut Personal<T>,
    ) -> Result<(), Infallible> {
        self.0.push(path.clone().into_owned());
        Ok(())
    }
}

proptest! {
    #[test]
    fn an_event_is_read_as_it_was_written(
        crm_event in any_event(),
        reason in maybe(sealed()),
        seen in prop::collection::btree_map("[a-z]{1,9}-[0-9a-f]{4}", any::<u64>().prop_map(Version), 0..3),
    ) {
        let mut payload = Payload { event: crm_event, reason, seen };
        let stored = event(payload.event.event_type(), payload.encode().unwrap());
        let read = Payload::decode(&stored).unwrap();
        prop_assert_eq!(read.encode().unwrap(), stored.payload.to_vec());
        let Ok(()) = payload.visit_personal(&Cow::Borrowed(""), &mut Stamp(stored.event_id));
        prop_assert!(read == payload);
    }

    #[test]
    fn no_two_personal_values_of_an_event_have_the_same_place(crm_event in any_event()) {
        let mut payload = Payload::from(crm_event);
        payload.reason = Some(Personal::Erased);
        let mut paths = Paths(Vec::new());
        let Ok(()) = payload.visit_personal(&Cow::Borrowed(""), &mut paths);
        prop_assert_eq!(paths.0.iter().collect::<BTreeSet<_>>().len(), paths.0.len());
    }

    #[test]
    fn no_bytes_make_decoding_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for published in CrmEvent::published().into_iter().take(3) {
            let refused = Payload::decode(&event(published.event_type, bytes.clone()));
            prop_assert!(refused.is_err());
        }
    }
}

#[test]
fn wire_names_are_unique_and_begin_with_their_category() {
    let mut names = BTreeSet::new();
    for Published { event_type, .. } in CrmEvent::published() {
        let (category, past_tense) = event_type.name.split_once('.').unwrap();
        assert!(Category::from_name(category).is_some(), "{}", event_type.name);
        assert!(past_tense.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
        assert!(names.insert((event_type.name.clone(), event_type.version)));
    }
}

#[test]
fn a_clear_value_cannot_be_written_wherever_it_stands() {
    let reason = Some(Personal::Clear(Prose::new("canary").unwrap()));
    let event = ContactEvent::from(ContactParentChanged { from: None, to: None });
    let payload = Payload { reason, ..Payload::from(CrmEvent::from(event)) };
    let refused = payload.encode().unwrap_err();
    assert!(!format!("{refused:?} {refused}").contains("canary"));
}
