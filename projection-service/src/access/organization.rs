//! The organisation of this installation.

use events::{
    access::OrganizationEvent,
    codec::CrmEvent,
    ids::{Category, OrganizationId},
    money::Currency,
    values::{Line, Zone},
};

use crate::{
    projector::Fact,
    record::{Erased, Record, record, record_projector, version_value},
    table::{ColumnType, Keeping, Table, Value, column},
};

/// The organisation.
pub static ORGANIZATION: Table = Table {
    name: "organization",
    key: &[column("id", ColumnType::Id)],
    columns: &[
        column("name", ColumnType::Text),
        column("zone", ColumnType::Text),
        column("base_currency", ColumnType::Text),
        column("created_at", ColumnType::Int),
        column("changed_at", ColumnType::Int),
        column("version", ColumnType::Int),
        column("document", ColumnType::Text),
    ],
    keeping: Keeping::History,
    indexes: &[],
};

record! {
    /// The organisation of this installation.
    OrganizationRecord(OrganizationId) {
        /// Its name.
        name: Line<160>,
        /// The zone in which its days begin and end.
        zone: Zone,
        /// The currency it reports in.
        base_currency: Currency,
    }
}

record_projector! {
    /// Whose installation is this, and in which zone and currency does it report?
    Organization, OrganizationRecord, "organization"
}

/// The organisation after an event of its stream.
#[must_use]
pub fn fold_organization(
    before: Option<OrganizationRecord>,
    fact: &Fact<'_>,
) -> Option<OrganizationRecord> {
    let CrmEvent::Organization(event) = fact.event() else { return before };
    if before.is_some() {
        return before.map(|organization| organization.stamped(fact));
    }
    let founded = match event {
        OrganizationEvent::Founded(founded) => founded,
        // What happens to the log and to the clock changes nothing about the organisation itself.
        OrganizationEvent::OlderLogAccepted(_) | OrganizationEvent::ClockConfirmed(_) => {
            return None;
        }
    };
    let actor = fact.recorded.event.cause.actor;
    Some(OrganizationRecord {
        id: OrganizationId(fact.recorded.stream.id),
        name: founded.name.clone(),
        zone: founded.zone.clone(),
        base_currency: founded.base_currency,
        version: fact.recorded.version,
        created_at: fact.recorded.recorded_at,
        created_by: actor,
        changed_at: fact.recorded.recorded_at,
        changed_by: actor,
        erased: Erased::default(),
    })
}

impl Record for OrganizationRecord {
    const CATEGORY: Category = Category::Organization;
    const TABLE: &'static Table = &ORGANIZATION;

    fn fold(before: Option<Self>, fact: &Fact<'_>) -> Option<Self> {
        fold_organization(before, fact)
    }

    fn columns(&self) -> Vec<Value> {
        vec![
            self.name.as_str().into(),
            self.zone.as_str().into(),
            self.base_currency.code().into(),
            self.created_at.micros().into(),
            self.changed_at.micros().into(),
            version_value(self.version),
        ]
    }
}
