//! Users as they were at any moment.

use events::{
    access::{UserAdded, UserEvent},
    codec::CrmEvent,
    ids::{Category, UserId},
    values::{Email, Line},
};

use crate::{
    projector::Fact,
    record::{Erased, Record, RecordState, folded, record, record_projector, version_value},
    table::{ColumnType, Keeping, Table, Value, column, optional},
};

/// Every state of every user.
pub static USERS: Table = Table {
    name: "users",
    key: &[column("id", ColumnType::Id)],
    columns: &[
        optional("name", ColumnType::Text),
        optional("name_folded", ColumnType::Text),
        optional("email_folded", ColumnType::Text),
        column("state", ColumnType::Text),
        optional("manager_id", ColumnType::Id),
        optional("office", ColumnType::Text),
        column("created_at", ColumnType::Int),
        column("changed_at", ColumnType::Int),
        column("version", ColumnType::Int),
        column("document", ColumnType::Text),
    ],
    keeping: Keeping::History,
    indexes: &[&["name_folded", "id"], &["email_folded"], &["manager_id"]],
};

record! {
    /// Someone who works with the product.
    UserRecord(UserId) {
        /// The name; none once it was erased.
        name: Option<Line<160>>,
        /// The e-mail address.
        email: Option<Email>,
        /// Whom the user reports to.
        manager: Option<UserId>,
        /// The office, branch or business unit.
        office: Option<Line<100>>,
        /// Whether the user may work.
        state: RecordState,
    }
}

record_projector! {
    /// Who works, or worked, with the product, where and for whom?
    Users, UserRecord, "users"
}

impl UserRecord {
    fn added(id: UserId, added: &UserAdded, fact: &Fact<'_>) -> Self {
        let mut erased = Erased::default();
        let actor = fact.recorded.event.cause.actor;
        Self {
            id,
            name: erased.open("name", Some(&added.name)),
            email: erased.open("email", added.email.as_ref()),
            manager: added.manager,
            office: added.office.clone(),
            state: RecordState::Active,
            version: fact.recorded.version,
            created_at: fact.recorded.recorded_at,
            created_by: actor,
            changed_at: fact.recorded.recorded_at,
            changed_by: actor,
            erased,
        }
    }

    fn evolve(&mut self, event: &UserEvent) {
        match event {
            // A stream has one beginning, and it made this record.
            UserEvent::Added(_) => {}
            // Tokens have records of their own.
            UserEvent::TokenGiven(_) => {}
            UserEvent::Changed(changed) => {
                self.erased.replace("name", &mut self.name, changed.name.as_ref());
                self.erased.change("email", &mut self.email, &changed.email);
                changed.manager.apply_to(&mut self.manager);
                changed.office.apply_to(&mut self.office);
            }
            UserEvent::Disabled(_) => self.state = RecordState::Inactive,
            UserEvent::Enabled(_) => self.state = RecordState::Active,
        }
    }
}

/// The user after an event of its stream.
#[must_use]
pub fn fold_user(before: Option<UserRecord>, fact: &Fact<'_>) -> Option<UserRecord> {
    let CrmEvent::User(event) = fact.event() else { return before };
    match (before, event) {
        (None, UserEvent::Added(added)) => {
            Some(UserRecord::added(UserId(fact.recorded.stream.id), added, fact))
        }
        (None, _) => None,
        (Some(mut user), event) => {
            user.evolve(event);
            Some(user.stamped(fact))
        }
    }
}

impl Record for UserRecord {
    const CATEGORY: Category = Category::User;
    const TABLE: &'static Table = &USERS;

    fn fold(before: Option<Self>, fact: &Fact<'_>) -> Option<Self> {
        fold_user(before, fact)
    }

    fn columns(&self) -> Vec<Value> {
        vec![
            self.name.as_ref().map(Line::as_str).into(),
            self.name.as_ref().map(|name| folded(name.as_str())).into(),
            self.email.as_ref().map(|email| folded(email.as_str())).into(),
            self.state.name().into(),
            self.manager.map(|manager| manager.0).into(),
            self.office.as_ref().map(Line::as_str).into(),
            self.created_at.micros().into(),
            self.changed_at.micros().into(),
            version_value(self.version),
        ]
    }
}
