//! Laws of all read models together: on one story with a bit of everything.

use std::{collections::BTreeSet, sync::Arc};

use events::{
    Payload, Position, Recorded,
    access::{
        OrganizationEvent, OrganizationFounded, Scope, TokenEvent, TokenIssued, UserAdded,
        UserEvent,
    },
    customers::{
        AccountEvent, ConnectionEvent, ConnectionRoleCategory, ConnectionRoleDefined,
        ConnectionRoleEvent, ContactEvent, ContactParentChanged, NoteAdded, NoteEvent,
    },
    ids::{
        ConnectionId, ConnectionRoleId, CustomerRef, NoteId, OrganizationId, PartyRef, TokenId,
        UserId,
    },
    personal::Personal,
    sales::{OpportunityEvent, OpportunityWon, OrderEvent, QuoteEvent, QuoteRevised},
    values::{Prose, Zone},
};

use super::all;
use crate::{
    access::{OrganizationRecord, TokenRecord, UserRecord},
    compare::{Verdict, compare},
    customers::{AccountRecord, ConnectionRecord, ConnectionRoleRecord, ContactRecord, NoteRecord},
    fold::{Decoded, Folded, Folder},
    places::{TestPlace, on_both, on_postgres},
    read_store::Checkpoint,
    record::{Record, document},
    sales::{OpportunityRecord, OrderRecord, QuoteRecord},
    samples::*,
    table::{Keeping, Value},
    testing::dump,
    world::{World, id, instant},
};

fn contoso() -> Option<CustomerRef> {
    Some(CustomerRef::Account(account("Contoso")))
}

fn installed(world: &mut World) {
    let founded = OrganizationFounded {
        name: line("Norte"),
        zone: Zone::new("America/Sao_Paulo").unwrap(),
        base_currency: real(),
    };
    world.record(OrganizationId(id("Norte")).stream(), OrganizationEvent::from(founded));
    let ana = UserAdded {
        key: key(),
        name: Personal::Clear(line("Ana")),
        email: None,
        manager: None,
        office: Some(line("South")),
        awaits_token: true,
    };
    world.record(UserId(id("ana")).stream(), UserEvent::from(ana));
    let issued = TokenIssued {
        key: key(),
        user: UserId(id("ana")),
        label: None,
        scopes: vec![Scope::Read, Scope::Write],
        secret_sha256: "00".repeat(32),
        pending: false,
        issued_with: None,
    };
    world.record(TokenId(id("token")).stream(), TokenEvent::from(issued));
}

fn related(world: &mut World) {
    let role = ConnectionRoleDefined {
        key: key(),
        name: line("Decision maker"),
        category: ConnectionRoleCategory::Stakeholder,
        applies_to: Vec::new(),
        matching: Vec::new(),
    };
    let stream = ConnectionRoleId(id("Decision maker")).stream();
    world.record(stream, ConnectionRoleEvent::from(role));
    let a = side(PartyRef::Contact(contact("Bia")), Some("Decision maker"));
    let b = side(PartyRef::Opportunity(opportunity("O")), None);
    let event = ConnectionEvent::from(established(a, b));
    world.record(ConnectionId(id("connection")).stream(), event);
    let text = Personal::Clear(Prose::new("called").unwrap());
    let note = NoteAdded { key: key(), regarding: opportunity("O").into(), text };
    world.record(NoteId(id("note")).stream(), NoteEvent::from(note));
}

fn story() -> World {
    let mut world = World::at("2026-05-01T12:00:00Z");
    installed(&mut world);
    let stream = account("Contoso").stream();
    world.record(stream, AccountEvent::from(account_created("Contoso")));
    let bia = contact_created("Bia", contoso());
    world.record(contact("Bia").stream(), ContactEvent::from(bia));
    let created =
        opportunity_created(contoso(), Some(brl("99.00")), Some("40"), Some("2026-06-30"));
    world.record(opportunity("O").stream(), OpportunityEvent::from(created));
    related(&mut world);
    let moved = ContactEvent::from(ContactParentChanged { from: contoso(), to: None });
    world.record_effective(contact("Bia").stream(), moved, Some(instant("2026-04-01T00:00:00Z")));
    let started = quote_started("Q-1", contoso().unwrap(), Some(opportunity("O")));
    let events: [QuoteEvent; 6] = [
        started.into(),
        line_added(0, line_of("L", "1", "50")).into(),
        activated(0, brl("50.00")).into(),
        QuoteRevised { closed_revision: 0, new_revision: 1 }.into(),
        activated(1, brl("40.00")).into(),
        accepted(1, order("SO"), brl("40.00")).into(),
    ];
    for event in events {
        world.record(quote("Q").stream(), event);
    }
    let of = Some(opportunity("O"));
    let placed = order_placed("SO-1", (quote("Q"), 1), contoso().unwrap(), of, brl("40.00"));
    world.record(order("SO").stream(), OrderEvent::from(placed));
    let won = OpportunityWon {
        actual_value: brl("40.00"),
        close_date: day("2026-05-01"),
        via_quote: Some(quote("Q")),
    };
    world.record(opportunity("O").stream(), OpportunityEvent::from(won));
    world
}

/// The fold of every stream of a record up to every position is its row as of that position.
fn folds_are_rows<R: Record + PartialEq + std::fmt::Debug>(world: &World) {
    let streams: BTreeSet<_> = world
        .log
        .iter()
        .map(|(recorded, _)| recorded.stream)
        .filter(|stream| stream.category == R::CATEGORY)
        .collect();
    assert!(!streams.is_empty(), "the story has no {}", R::CATEGORY);
    for stream in streams {
        for position in 0..=world.head() {
            let facts = world.stream(stream, position);
            let folded = facts.iter().fold(None, R::fold);
            let row = world.row_at(R::TABLE, &[stream.id.into()], position);
            let stored: Option<R> = row.map(|row| document(R::TABLE, &row).unwrap());
            assert_eq!(folded, stored, "{stream} at {position}");
        }
    }
}

#[test]
fn the_fold_of_a_stream_at_a_position_is_its_row_as_of_that_position() {
    let world = story();
    folds_are_rows::<OrganizationRecord>(&world);
    folds_are_rows::<UserRecord>(&world);
    folds_are_rows::<TokenRecord>(&world);
    folds_are_rows::<AccountRecord>(&world);
    folds_are_rows::<ContactRecord>(&world);
    folds_are_rows::<ConnectionRoleRecord>(&world);
    folds_are_rows::<ConnectionRecord>(&world);
    folds_are_rows::<NoteRecord>(&world);
    folds_are_rows::<OpportunityRecord>(&world);
    folds_are_rows::<QuoteRecord>(&world);
    folds_are_rows::<OrderRecord>(&world);
}

#[test]
fn replaying_the_log_makes_identical_tables() {
    let world = story();
    assert_eq!(world.stored(), world.replayed().stored());
    assert!(world.stored().len() >= 15, "the story fills every table");
}

#[test]
fn every_table_has_one_owner_and_indexes_of_its_own_columns() {
    let mut names = BTreeSet::new();
    for projector in all().unwrap().projectors() {
        for table in projector.tables() {
            assert!(names.insert(table.name), "two tables are named `{}`", table.name);
            for column in table.indexes.iter().copied().flatten() {
                assert!(table.index_of(column).is_some(), "{}: no `{column}`", table.name);
            }
        }
    }
}

/// Folds the story into a read store, in batches of that many events; answers the tables' rows.
async fn stored_in_batches(
    place: &TestPlace,
    world: &World,
    size: usize,
) -> Vec<(&'static str, Vec<Vec<Value>>)> {
    let models = Arc::new(all().unwrap());
    let number = u32::try_from(size).unwrap();
    let store = place.store_of(number, models.tables()).await;
    let mut folder = Folder::new(models.clone(), Checkpoint::default(), 0);
    let decoded = |(recorded, payload): &(Recorded, Payload)| Decoded {
        recorded: Arc::new(recorded.clone()),
        payload: payload.clone(),
        unreadable: Vec::new(),
    };
    for batch in world.log.chunks(size) {
        let batch: Vec<_> = batch.iter().map(decoded).collect();
        let mut next = 0;
        loop {
            match folder.fold(&batch, next) {
                Folded::Whole => break,
                Folded::Load { next: at, wanted } => {
                    let rows = store.load(wanted.clone()).await.unwrap();
                    folder.learn(wanted, rows);
                    next = at;
                }
                other => panic!("{other:?}"),
            }
        }
        store.commit(folder.take().unwrap()).await.unwrap();
    }
    store.make_indexes().await.unwrap();
    let mut snapshot = store.snapshot().await.unwrap();
    assert_eq!(snapshot.position().sql(), world.head());
    let mut tables = Vec::new();
    for table in models.tables() {
        let rows = dump(snapshot.as_mut(), table, Position(u64::MAX >> 1)).await;
        tables.push((table.name, rows));
    }
    tables
}

on_both! {
    a_read_store_holds_what_the_projectors_said_however_the_log_was_cut,
}

async fn a_read_store_holds_what_the_projectors_said_however_the_log_was_cut(place: &TestPlace) {
    let world = story();
    let stored = stored_in_batches(place, &world, world.log.len()).await;
    for size in [1, 3] {
        assert_eq!(stored_in_batches(place, &world, size).await, stored, "batches of {size}");
    }
    for (name, rows) in stored {
        let expected =
            world.stored().get(name).map_or(0, |states| states.values().flatten().count());
        assert_eq!(rows.len(), expected, "rows of `{name}`");
    }
}

#[test]
fn both_databases_hold_the_same_row_for_row() {
    on_postgres("both_databases_hold_the_same_row_for_row", hold_the_same);
}

async fn hold_the_same(database: &TestPlace) {
    let folder = TestPlace::folder();
    let world = story();
    let tables = all().unwrap();
    for place in [&folder, database] {
        stored_in_batches(place, &world, 5).await;
    }
    let mut sqlite = folder.store_of(5, tables.tables()).await.snapshot().await.unwrap();
    let mut postgres = database.store_of(5, tables.tables()).await.snapshot().await.unwrap();
    for cut in [world.head() / 2, world.head()].map(Position::from_sql) {
        for table in tables.tables() {
            let report = compare(table, cut, &mut *sqlite, &mut *postgres).await.unwrap();
            let is_cut = cut.sql() == world.head() || table.keeping != Keeping::Current;
            let verdict = if is_cut { Verdict::Equal } else { Verdict::NotCompared };
            assert_eq!((report.verdict, report.old), (verdict, report.new), "{}", table.name);
        }
    }
}
