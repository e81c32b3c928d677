//! A small read store in memory, for the tests of projectors: it applies changes and answers as of.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use events::{
    Actor, ActorKind, Cause, Channel, CrmEvent, Instant, Leaf, NewEvent, Payload, Position,
    Recorded, Version,
    ids::{CommandId, StreamName},
};
use jiff::{Timestamp, tz::TimeZone};
use uuid::Uuid;

use crate::{
    models,
    projector::{Change, Fact, Missing, ProjectError, Rows},
    table::{ColumnType, Keeping, Key, Row, Table, Value},
};

/// One state of one row and the positions in which it held.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    from: i64,
    to: i64,
    row: Row,
}

/// Every state of every row, by table and key.
pub(crate) type Stored = BTreeMap<&'static str, BTreeMap<Key, Vec<State>>>;

/// A log and what the projectors made of it.
pub(crate) struct World {
    zone: TimeZone,
    now: Instant,
    actor: Uuid,
    pub(crate) log: Vec<(Recorded, Payload)>,
    versions: BTreeMap<StreamName, u64>,
    stored: Stored,
    loaded: RefCell<BTreeSet<(&'static str, Key)>>,
}

impl Rows for World {
    fn get(&self, table: &'static Table, key: &[Value]) -> Result<Option<Row>, ProjectError> {
        assert_eq!(key.len(), table.key.len(), "a key of `{}` has another length", table.name);
        let key = Key::from(key);
        if self.loaded.borrow_mut().insert((table.name, key.clone())) {
            return Err(ProjectError::Missing(Missing(vec![(table, key)])));
        }
        Ok(self.stored.get(table.name).and_then(|rows| rows.get(&key)).and_then(|states| {
            states.last().filter(|state| state.to == i64::MAX).map(|state| state.row.clone())
        }))
    }
}

impl World {
    /// An empty log at an instant, in the zone of São Paulo.
    pub(crate) fn at(now: &str) -> Self {
        Self {
            zone: TimeZone::get("America/Sao_Paulo").unwrap(),
            now: instant(now),
            actor: id("ana"),
            log: Vec::new(),
            versions: BTreeMap::new(),
            stored: Stored::new(),
            loaded: RefCell::default(),
        }
    }

    /// Lets time pass until an instant.
    pub(crate) fn wait_until(&mut self, now: &str) -> &mut Self {
        let now = instant(now);
        assert!(now >= self.now, "time never goes back");
        self.now = now;
        self
    }

    /// Records an event now and projects it; answers its position.
    pub(crate) fn record<E: Into<CrmEvent>>(&mut self, stream: StreamName, event: E) -> i64 {
        self.record_effective(stream, event, None)
    }

    /// Records an event now with a business time, and projects it.
    pub(crate) fn record_effective<E: Into<CrmEvent>>(
        &mut self,
        stream: StreamName,
        event: E,
        effective_at: Option<Instant>,
    ) -> i64 {
        let payload = Payload::from(event.into());
        let version = self.versions.entry(stream).or_default();
        *version += 1;
        let position = self.log.len() as u64 + 1;
        let command_id = CommandId(Uuid::new_v5(&Uuid::NAMESPACE_OID, &position.to_be_bytes()));
        let recorded = Recorded {
            position: Position(position),
            stream,
            version: Version(*version),
            recorded_at: self.now,
            event: NewEvent {
                event_id: command_id.event(0),
                event_type: payload.event.event_type(),
                effective_at,
                cause: Cause {
                    actor: Actor { kind: ActorKind::User, id: self.actor },
                    on_behalf_of: None,
                    channel: Channel::Api,
                    command_id,
                    causation_id: command_id.0,
                    correlation_id: command_id.0,
                },
                payload: bytes::Bytes::new(),
                payload_sha256: [0; 32],
            },
            leaf: Leaf([0; 32]),
        };
        self.project(&recorded, &payload);
        self.log.push((recorded, payload));
        Position(position).sql()
    }

    fn project(&mut self, recorded: &Recorded, payload: &Payload) {
        self.loaded.borrow_mut().clear();
        let mut all = Vec::new();
        let zone = self.zone.clone();
        let fact = Fact { recorded, payload, zone: &zone, unreadable: &[] };
        for projector in models::all().unwrap().projectors() {
            let changes = (0..20).find_map(|_| match projector.project(&fact, self) {
                Ok(changes) => Some(changes),
                Err(ProjectError::Missing(missing)) => {
                    assert!(!missing.0.is_empty());
                    None
                }
                Err(error) => panic!("{}: {error}", projector.name()),
            });
            let changes = changes.expect("a projector asks for the same rows for ever");
            let tables: Vec<_> = projector.tables().iter().map(|table| table.name).collect();
            for change in &changes {
                let (Change::Insert(table, _) | Change::Put(table, _) | Change::Remove(table, _)) =
                    change;
                assert!(tables.contains(&table.name), "{} is not its table", table.name);
            }
            all.extend(changes);
        }
        for change in all {
            self.apply(recorded.position.sql(), change);
        }
    }

    fn apply(&mut self, position: i64, change: Change) {
        match change {
            Change::Insert(table, row) => {
                check(table, &row, position);
                let states = self.states(table, table.key_of(&row));
                let open = states.last().is_some_and(|state| state.to == i64::MAX);
                assert!(!open, "`{}` has that row already", table.name);
                states.push(State { from: position, to: i64::MAX, row });
            }
            Change::Put(table, row) => {
                check(table, &row, position);
                assert_ne!(table.keeping, Keeping::AppendOnly);
                let states = self.states(table, table.key_of(&row));
                close(states, position);
                states.push(State { from: position, to: i64::MAX, row });
                if table.keeping == Keeping::Current {
                    states.drain(..states.len() - 1);
                }
            }
            Change::Remove(table, key) => close(self.states(table, key), position),
        }
    }

    fn states(&mut self, table: &'static Table, key: Key) -> &mut Vec<State> {
        self.stored.entry(table.name).or_default().entry(key).or_default()
    }

    /// What every table holds.
    pub(crate) const fn stored(&self) -> &Stored {
        &self.stored
    }

    /// The same log, projected again from its beginning.
    pub(crate) fn replayed(&self) -> Self {
        let mut again = Self { zone: self.zone.clone(), ..Self::at("2026-01-01T00:00:00Z") };
        for (recorded, payload) in &self.log {
            again.project(recorded, payload);
        }
        again
    }

    /// The rows of a table as of a position, by key. Rows that are only added count from theirs.
    pub(crate) fn rows_at(&self, table: &'static Table, position: i64) -> Vec<Row> {
        let states = self.stored.get(table.name).into_iter().flat_map(BTreeMap::values).flatten();
        states
            .filter(|state| state.from <= position && position < state.to)
            .map(|state| state.row.clone())
            .collect()
    }

    /// The row with that key as of a position.
    pub(crate) fn row_at(
        &self,
        table: &'static Table,
        key: &[Value],
        position: i64,
    ) -> Option<Row> {
        self.rows_at(table, position).into_iter().find(|row| row.starts_with(key))
    }

    /// The last position.
    pub(crate) fn head(&self) -> i64 {
        Position(self.log.len() as u64).sql()
    }

    /// The events of a stream up to a position.
    pub(crate) fn stream(&self, stream: StreamName, position: i64) -> Vec<Fact<'_>> {
        self.log
            .iter()
            .filter(|(recorded, _)| {
                recorded.stream == stream && recorded.position.sql() <= position
            })
            .map(|(recorded, payload)| Fact {
                recorded,
                payload,
                zone: &self.zone,
                unreadable: &[],
            })
            .collect()
    }
}

fn close(states: &mut [State], position: i64) {
    if let Some(last) = states.last_mut().filter(|state| state.to == i64::MAX) {
        assert!(last.from < position, "two changes of one row by one event");
        last.to = position;
    }
}

/// A row holds what its table says.
fn check(table: &'static Table, row: &Row, position: i64) {
    let columns: Vec<_> = table.key.iter().chain(table.columns).collect();
    assert_eq!(columns.len(), row.len(), "a row of `{}` has another length", table.name);
    for (column, value) in columns.into_iter().zip(row.iter()) {
        let fits = match (value, column.of) {
            (Value::Null, _) => column.nullable,
            (Value::Int(_), ColumnType::Int)
            | (Value::Text(_), ColumnType::Text)
            | (Value::Id(_), ColumnType::Id) => true,
            _ => false,
        };
        assert!(fits, "`{}.{}` cannot hold {value:?}", table.name, column.name);
    }
    if table.keeping == Keeping::AppendOnly {
        assert_eq!(row[0], Value::Int(position), "a key begins with the position");
    }
}

/// The value of a column.
pub(crate) fn value<'r>(table: &'static Table, row: &'r Row, column: &str) -> &'r Value {
    &row[table.index_of(column).unwrap()]
}

/// An instant.
pub(crate) fn instant(text: &str) -> Instant {
    text.parse::<Timestamp>().unwrap().into()
}

/// An id that a name stands for.
pub(crate) fn id(name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
}
