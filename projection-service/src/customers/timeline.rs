//! The timelines of accounts, contacts and opportunities: what happened around them, one entry each.

use std::collections::BTreeSet;

use events::{
    codec::CrmEvent,
    customers::{AccountEvent, ConnectionEvent, ContactEvent, NoteEvent},
    ids::{Category, ContactId, CustomerRef, OpportunityId, RecordRef},
    sales::{OpportunityEvent, OrderEvent, QuoteEvent},
    values::Change as FieldChange,
};
use uuid::Uuid;

use crate::{
    customers::{
        CONNECTIONS, CONTACTS, NOTES,
        timeline_entry::{Entry, entry},
    },
    projector::{Change, Changes, Fact, ProjectError, Projector, Rows},
    record::{cell, written},
    sales::{OPPORTUNITIES, ORDERS, QUOTES},
    table::{ColumnType, Keeping, Row, Table, Value, column, optional},
};

/// One row per event and subject whose timeline shows it.
pub static TIMELINE_ENTRIES: Table = Table {
    name: "timeline_entries",
    key: &[
        column("position", ColumnType::Int),
        column("subject_type", ColumnType::Text),
        column("subject_id", ColumnType::Id),
    ],
    columns: &[
        // The wire name of the event.
        column("kind", ColumnType::Text),
        column("title", ColumnType::Text),
        column("record_type", ColumnType::Text),
        column("record_id", ColumnType::Id),
        column("actor_kind", ColumnType::Text),
        column("actor_id", ColumnType::Id),
        column("channel", ColumnType::Text),
        column("recorded_at", ColumnType::Int),
        column("effective_at", ColumnType::Int),
        optional("amount", ColumnType::Int),
        optional("currency", ColumnType::Text),
        column("details", ColumnType::Text),
    ],
    keeping: Keeping::AppendOnly,
    indexes: &[&["subject_id", "position"], &["subject_id", "effective_at", "position"]],
};

type Subjects = BTreeSet<RecordRef>;

/// What happened around an account, a contact or an opportunity?
///
/// An entry belongs to an account if the event is on it, on a contact whose parent it was just
/// then, on a sale whose customer it was, on a connection of one of these, or a note on one of
/// these; and to contacts and opportunities likewise. A contact that moves takes no entry along.
#[derive(Clone, Copy, Debug)]
pub struct Timelines;

impl Projector for Timelines {
    fn name(&self) -> &'static str {
        "timelines"
    }

    fn tables(&self) -> &'static [&'static Table] {
        const TABLES: &[&Table] = &[&TIMELINE_ENTRIES];
        TABLES
    }

    fn project(&self, fact: &Fact<'_>, rows: &dyn Rows) -> Result<Changes, ProjectError> {
        let subjects = subjects(fact, rows)?;
        if subjects.is_empty() {
            return Ok(Changes::new());
        }
        let entry = entry(fact, number(fact, rows)?.as_deref());
        let details = written(&TIMELINE_ENTRIES, &entry.details)?;
        let changes = subjects.into_iter().map(|subject| {
            Change::Insert(&TIMELINE_ENTRIES, row(fact, subject, &entry, details.clone()))
        });
        Ok(changes.collect())
    }
}

fn row(fact: &Fact<'_>, subject: RecordRef, entry: &Entry, details: Value) -> Row {
    let recorded = fact.recorded;
    let cause = recorded.event.cause;
    Row::from(vec![
        recorded.position.sql().into(),
        subject.category.name().into(),
        subject.id.into(),
        recorded.event.event_type.name.as_ref().into(),
        entry.title.as_str().into(),
        recorded.stream.category.name().into(),
        recorded.stream.id.into(),
        cause.actor.kind.name().into(),
        cause.actor.id.into(),
        cause.channel.name().into(),
        recorded.recorded_at.micros().into(),
        fact.effective_at().micros().into(),
        entry.amount.map(|amount| amount.minor()).into(),
        entry.amount.map(|amount| amount.currency().code()).into(),
        details,
    ])
}

/// The number of the document an event is on, if it is on one.
fn number(fact: &Fact<'_>, rows: &dyn Rows) -> Result<Option<String>, ProjectError> {
    let table = match fact.event() {
        CrmEvent::Quote(QuoteEvent::Started(started)) => {
            return Ok(Some(started.number.to_string()));
        }
        CrmEvent::Order(OrderEvent::Placed(placed)) => return Ok(Some(placed.number.to_string())),
        CrmEvent::Quote(_) => &QUOTES,
        CrmEvent::Order(_) => &ORDERS,
        CrmEvent::Account(_)
        | CrmEvent::Contact(_)
        | CrmEvent::ConnectionRole(_)
        | CrmEvent::Connection(_)
        | CrmEvent::Opportunity(_)
        | CrmEvent::Note(_)
        | CrmEvent::User(_)
        | CrmEvent::Token(_)
        | CrmEvent::Organization(_)
        | CrmEvent::Numbering(_)
        | CrmEvent::Administration(_) => return Ok(None),
    };
    let Some(row) = rows.get(table, &[fact.recorded.stream.id.into()])? else { return Ok(None) };
    Ok(cell(table, &row, "number")?.text().map(ToOwned::to_owned))
}

/// Whose timelines show the event.
fn subjects(fact: &Fact<'_>, rows: &dyn Rows) -> Result<Subjects, ProjectError> {
    let mut found = Subjects::new();
    let own = RecordRef::from(fact.recorded.stream);
    match fact.event() {
        CrmEvent::Account(event) => {
            found.insert(own);
            found.extend(contacts_named(event).into_iter().map(RecordRef::from));
        }
        CrmEvent::Contact(event) => {
            around(own, rows, &mut found)?;
            match event {
                ContactEvent::Created(created) => add(&mut found, created.parent),
                ContactEvent::ParentChanged(changed) => {
                    add(&mut found, changed.from);
                    add(&mut found, changed.to);
                }
                ContactEvent::DetailsChanged(_)
                | ContactEvent::AddressSet(_)
                | ContactEvent::AddressRemoved(_)
                | ContactEvent::CommercialTermsSet(_)
                | ContactEvent::ContactPreferencesSet(_)
                | ContactEvent::OwnerAssigned(_)
                | ContactEvent::Deactivated(_)
                | ContactEvent::Reactivated(_) => {}
            }
        }
        // The quote's own events tell it.
        CrmEvent::Opportunity(
            OpportunityEvent::QuoteOffered(_) | OpportunityEvent::QuoteWithdrawn(_),
        ) => {}
        CrmEvent::Opportunity(event) => {
            around(own, rows, &mut found)?;
            parties_of_opportunity(event, &mut found);
        }
        CrmEvent::Quote(QuoteEvent::Started(started)) => {
            let (customer, contact) = (started.customer, started.contact);
            parties_of_document(Some(customer), contact, started.opportunity, &mut found);
        }
        CrmEvent::Order(OrderEvent::Placed(placed)) => {
            let (customer, contact) = (placed.customer, placed.contact);
            parties_of_document(Some(customer), contact, placed.opportunity, &mut found);
        }
        CrmEvent::Connection(ConnectionEvent::Established(made)) => {
            around(made.a.record.into(), rows, &mut found)?;
            around(made.b.record.into(), rows, &mut found)?;
        }
        CrmEvent::Note(NoteEvent::Added(added)) => around(added.regarding, rows, &mut found)?,
        CrmEvent::Quote(_) | CrmEvent::Order(_) | CrmEvent::Connection(_) => {
            around(own, rows, &mut found)?;
        }
        CrmEvent::ConnectionRole(_)
        | CrmEvent::User(_)
        | CrmEvent::Token(_)
        | CrmEvent::Organization(_)
        | CrmEvent::Numbering(_)
        | CrmEvent::Administration(_) => {}
    }
    Ok(found)
}

fn add<R: Into<RecordRef>>(found: &mut Subjects, reference: Option<R>) {
    found.extend(reference.map(Into::into));
}

fn contacts_named(event: &AccountEvent) -> Vec<ContactId> {
    match event {
        AccountEvent::PrimaryContactSet(set) => vec![set.contact],
        AccountEvent::PrimaryContactReplaced(replaced) => vec![replaced.old, replaced.new],
        AccountEvent::PrimaryContactCleared(cleared) => vec![cleared.contact],
        AccountEvent::Created(_)
        | AccountEvent::DetailsChanged(_)
        | AccountEvent::AddressSet(_)
        | AccountEvent::AddressRemoved(_)
        | AccountEvent::CommercialTermsSet(_)
        | AccountEvent::ContactPreferencesSet(_)
        | AccountEvent::ParentSet(_)
        | AccountEvent::ParentCleared(_)
        | AccountEvent::OwnerAssigned(_)
        | AccountEvent::Deactivated(_)
        | AccountEvent::Reactivated(_) => Vec::new(),
    }
}

fn parties_of_opportunity(event: &OpportunityEvent, found: &mut Subjects) {
    match event {
        OpportunityEvent::Created(created) => {
            add(found, created.customer);
            add(found, created.contact);
        }
        OpportunityEvent::DetailsChanged(changed) => {
            if let FieldChange::Set(customer) = changed.customer {
                add(found, Some(customer));
            }
            if let FieldChange::Set(contact) = changed.contact {
                add(found, Some(contact));
            }
        }
        OpportunityEvent::StageChanged(_)
        | OpportunityEvent::ProbabilityChanged(_)
        | OpportunityEvent::EstimateChanged(_)
        | OpportunityEvent::CloseDateMoved(_)
        | OpportunityEvent::Won(_)
        | OpportunityEvent::Lost(_)
        | OpportunityEvent::Reopened(_)
        | OpportunityEvent::OwnerAssigned(_)
        | OpportunityEvent::QuoteOffered(_)
        | OpportunityEvent::QuoteWithdrawn(_) => {}
    }
}

fn parties_of_document(
    customer: Option<CustomerRef>,
    contact: Option<ContactId>,
    opportunity: Option<OpportunityId>,
    found: &mut Subjects,
) {
    add(found, customer);
    add(found, contact);
    add(found, opportunity);
}

/// The subjects around a record as it was just before the event.
fn around(record: RecordRef, rows: &dyn Rows, found: &mut Subjects) -> Result<(), ProjectError> {
    match record.category {
        Category::Account => add(found, Some(record)),
        Category::Contact => {
            add(found, Some(record));
            linked(&CONTACTS, record.id, &[PARENT], rows, found)?;
        }
        Category::Opportunity => {
            add(found, Some(record));
            linked(&OPPORTUNITIES, record.id, &[CUSTOMER, CONTACT], rows, found)?;
        }
        Category::Quote => {
            linked(&QUOTES, record.id, &[CUSTOMER, CONTACT, OPPORTUNITY], rows, found)?;
        }
        Category::Order => {
            linked(&ORDERS, record.id, &[CUSTOMER, CONTACT, OPPORTUNITY], rows, found)?;
        }
        Category::Connection => around_sides(&CONNECTIONS, record.id, &[A, B], rows, found)?,
        Category::Note => around_sides(&NOTES, record.id, &[REGARDING], rows, found)?,
        Category::ConnectionRole
        | Category::User
        | Category::Token
        | Category::Organization
        | Category::Numbering
        | Category::Administration => {}
    }
    Ok(())
}

/// Where a row names another record: in two columns, or in one whose category is known.
#[derive(Clone, Copy)]
enum Link {
    Typed(&'static str, &'static str),
    Of(Category, &'static str),
}

const PARENT: Link = Link::Typed("parent_type", "parent_id");
const CUSTOMER: Link = Link::Typed("customer_type", "customer_id");
const CONTACT: Link = Link::Of(Category::Contact, "contact_id");
const OPPORTUNITY: Link = Link::Of(Category::Opportunity, "opportunity_id");
const A: Link = Link::Typed("a_type", "a_id");
const B: Link = Link::Typed("b_type", "b_id");
const REGARDING: Link = Link::Typed("regarding_type", "regarding_id");

fn follow(table: &'static Table, row: &Row, link: Link) -> Result<Option<RecordRef>, ProjectError> {
    let (category, id) = match link {
        Link::Typed(category, id) => {
            let name = cell(table, row, category)?.text();
            (name.and_then(Category::from_name), id)
        }
        Link::Of(category, id) => (Some(category), id),
    };
    let id = cell(table, row, id)?.id();
    Ok(category.zip(id).map(|(category, id)| RecordRef { category, id }))
}

fn linked(
    table: &'static Table,
    id: Uuid,
    links: &[Link],
    rows: &dyn Rows,
    found: &mut Subjects,
) -> Result<(), ProjectError> {
    let Some(row) = rows.get(table, &[id.into()])? else { return Ok(()) };
    for link in links {
        add(found, follow(table, &row, *link)?);
    }
    Ok(())
}

/// A connection or a note belongs to whatever the records it is on belong to.
fn around_sides(
    table: &'static Table,
    id: Uuid,
    links: &[Link],
    rows: &dyn Rows,
    found: &mut Subjects,
) -> Result<(), ProjectError> {
    let Some(row) = rows.get(table, &[id.into()])? else { return Ok(()) };
    for link in links {
        // A note on a note ends here: only records that people work with carry a timeline.
        if let Some(record) = follow(table, &row, *link)?
            && record.category != Category::Note
        {
            around(record, rows, found)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
mod tests;
