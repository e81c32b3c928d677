//! Small read models and a log for the tests of this crate.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use events::{
    Actor, ActorKind, Cause, Channel, CrmEvent, EventType, Instant, NewEvent, Payload, Position,
    Version,
    access::{OrganizationEvent, OrganizationFounded, UserDisabled, UserEvent},
    evidence::sha256,
    ids::{CommandId, LogId, OrganizationId, UserId, derived},
    money::Currency,
    values::{Line, Zone},
};
use events_log::{
    keys::{MemoryKeys, Unsealer},
    store::{Append, EventStore, Fingerprint, StreamReader, memory::MemoryStore},
};

use crate::{
    follow::Log,
    models::ReadModels,
    projector::{Change, Changes, Fact, ProjectError, Projector, Rows},
    read_store::{OPEN, Snapshot},
    table::{ColumnType, Keeping, Row, Table, Value, column, optional},
};

/// A history table with a key of two columns.
pub(crate) static THING: Table = Table {
    name: "thing",
    key: &[column("kind", ColumnType::Text), column("id", ColumnType::Id)],
    columns: &[column("amount", ColumnType::Int), optional("name", ColumnType::Text)],
    keeping: Keeping::History,
    indexes: &[&["amount"], &["kind", "name"]],
};

/// A table that grows.
pub(crate) static LINE: Table = Table {
    name: "line",
    key: &[column("position", ColumnType::Int), column("number", ColumnType::Int)],
    columns: &[column("text", ColumnType::Text)],
    keeping: Keeping::AppendOnly,
    indexes: &[&["text"]],
};

/// A table that knows the present.
pub(crate) static TALLY: Table = Table {
    name: "tally",
    key: &[column("id", ColumnType::Int)],
    columns: &[column("count", ColumnType::Int)],
    keeping: Keeping::Current,
    indexes: &[],
};

/// What an event of the tests does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// The thing is of that amount.
    Put(u8, i64),
    /// The thing is of one more than it was.
    Raise(u8),
    /// The thing is there from now on, if it was not. Only alone in its event.
    Begin(u8),
    /// The thing is gone.
    Remove(u8),
    /// One more line.
    Line(i64),
    /// Counts to three, and begins anew.
    Count(u8),
    /// The projector finds its rows damaged.
    Damage,
    /// The projector panics.
    Panic,
    /// The projector adds a row that is there.
    Misfit(u8),
}

/// What the event at a position does.
pub(crate) type Script = Arc<dyn Fn(Position) -> Vec<Op> + Send + Sync>;

/// Does what a script says.
pub(crate) struct Scripted(pub(crate) Script);

pub(crate) fn thing_key(id: u8) -> Vec<Value> {
    let kind = if id.is_multiple_of(2) { "even" } else { "odd" };
    vec![kind.into(), derived(&id.to_string()).into()]
}

pub(crate) fn thing(id: u8, amount: i64) -> Row {
    let name = (amount % 3 != 0).then(|| format!("thing {amount}"));
    thing_key(id).into_iter().chain([amount.into(), name.into()]).collect()
}

impl Projector for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn tables(&self) -> &'static [&'static Table] {
        static TABLES: [&Table; 3] = [&THING, &LINE, &TALLY];
        &TABLES
    }

    fn project(&self, fact: &Fact<'_>, rows: &dyn Rows) -> Result<Changes, ProjectError> {
        let mut changes = Changes::new();
        for (number, op) in (0_i64..).zip((self.0)(fact.position())) {
            changes.extend(match op {
                Op::Put(id, amount) => Some(Change::Put(&THING, thing(id, amount))),
                Op::Raise(id) => {
                    let amount = amount(rows, id)?.unwrap_or(0);
                    Some(Change::Put(&THING, thing(id, amount + 1)))
                }
                Op::Begin(id) => {
                    let is_new = amount(rows, id)?.is_none();
                    is_new.then(|| Change::Insert(&THING, thing(id, 0)))
                }
                Op::Remove(id) => Some(Change::Remove(&THING, thing_key(id).into())),
                Op::Line(text) => Some(Change::Insert(&LINE, line(fact.position(), number, text))),
                Op::Count(id) => Some(count(rows, id)?),
                Op::Damage => {
                    let what = "it is for a test".to_owned();
                    return Err(ProjectError::Damaged { table: THING.name, what });
                }
                Op::Panic => unreachable!("it is for a test"),
                Op::Misfit(id) => Some(Change::Insert(&THING, thing(id, 0))),
            });
        }
        Ok(changes)
    }
}

pub(crate) fn line(position: Position, number: i64, text: i64) -> Row {
    [position.sql().into(), number.into(), format!("line {text}").into()].into()
}

fn amount(rows: &dyn Rows, id: u8) -> Result<Option<i64>, ProjectError> {
    Ok(rows.get(&THING, &thing_key(id))?.and_then(|row| row[2].int()))
}

fn count(rows: &dyn Rows, id: u8) -> Result<Change, ProjectError> {
    let key = [Value::Int(id.into())];
    let count = rows.get(&TALLY, &key)?.and_then(|row| row[1].int()).unwrap_or(0) + 1;
    Ok(if count < 3 {
        Change::Put(&TALLY, [Value::Int(id.into()), count.into()].into())
    } else {
        Change::Remove(&TALLY, key.into())
    })
}

pub(crate) fn models(script: Script) -> Arc<ReadModels> {
    Arc::new(ReadModels::new(1, vec![Box::new(Scripted(script))]).unwrap())
}

/// A script that does a bit of everything, and nothing twice the same.
pub(crate) fn busy(position: Position) -> Vec<Op> {
    let number = position.0.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let id = u8::try_from(number % 23).unwrap();
    match number % 7 {
        0 => vec![Op::Begin(id)],
        1 => vec![Op::Remove(id), Op::Line(position.sql())],
        2 => vec![Op::Count(id), Op::Count(id + 1), Op::Put(id, position.sql())],
        3 => vec![Op::Raise(id), Op::Raise(id + 1), Op::Line(1), Op::Line(2)],
        4 => vec![],
        _ => vec![Op::Raise(id), Op::Count(id)],
    }
}

/// A log in memory whose events mean what a script says of their positions.
#[derive(Clone)]
pub(crate) struct TestLog {
    pub(crate) store: Arc<MemoryStore>,
    streams: Arc<AtomicU64>,
}

pub(crate) fn log_id() -> LogId {
    LogId(derived("log"))
}

impl TestLog {
    /// A log whose first event founds the organisation.
    pub(crate) async fn founded() -> Self {
        let log = Self::empty();
        let founded = OrganizationFounded {
            name: Line::new("Example").unwrap(),
            zone: Zone::new("America/Sao_Paulo").unwrap(),
            base_currency: Currency::new("BRL").unwrap(),
        };
        log.append_event(OrganizationEvent::Founded(founded).into()).await;
        log
    }

    pub(crate) fn empty() -> Self {
        let clock = Arc::new(|| Instant::from_micros(1_700_000_000_000_000));
        Self { store: Arc::new(MemoryStore::new(log_id(), clock)), streams: Arc::default() }
    }

    pub(crate) async fn append(&self, count: usize) {
        for _ in 0..count {
            self.append_event(UserEvent::Disabled(UserDisabled {}).into()).await;
        }
    }

    async fn append_event(&self, event: CrmEvent) {
        let payload = Payload::from(event).encode().unwrap();
        let event_type = decoded_type(&payload);
        self.append_raw(event_type, payload).await;
    }

    pub(crate) async fn append_raw(&self, event_type: EventType, payload: Vec<u8>) {
        let number = self.streams.fetch_add(1, Ordering::Relaxed);
        let command_id = CommandId(derived(&format!("command {number}")));
        let actor = Actor { kind: ActorKind::System, id: derived("nobody") };
        let event = NewEvent {
            event_id: command_id.event(0),
            event_type,
            effective_at: None,
            cause: Cause {
                actor,
                on_behalf_of: None,
                channel: Channel::System,
                command_id,
                causation_id: command_id.0,
                correlation_id: command_id.0,
            },
            payload_sha256: sha256(&payload),
            payload: Bytes::from(payload),
        };
        let id = derived(&format!("stream {number}"));
        let stream = if number == 0 { OrganizationId(id).stream() } else { UserId(id).stream() };
        let append = Append {
            command_id,
            fingerprint: Fingerprint([0; 32]),
            actor,
            stream,
            expected: Version::NONE,
            events: vec![event],
        };
        for answer in self.store.append(vec![append]).await {
            answer.unwrap();
        }
    }

    pub(crate) async fn head(&self) -> u64 {
        self.store.head().await.unwrap().position.0
    }

    pub(crate) fn log(&self) -> Log {
        let unsealer = Unsealer::new(Arc::new(MemoryKeys::new()), log_id());
        Log { feed: self.store.clone(), bus: None, unsealer, log_id: log_id() }
    }
}

fn decoded_type(payload: &[u8]) -> EventType {
    if payload.len() > 30 {
        EventType::new("organization.founded", 1)
    } else {
        EventType::new("user.disabled", 1)
    }
}

/// Every row of a table, as of a position.
pub(crate) async fn dump(
    snapshot: &mut dyn Snapshot,
    table: &'static Table,
    cut: Position,
) -> Vec<Vec<Value>> {
    let mut all: Vec<Vec<Value>> = Vec::new();
    loop {
        let key = table.key.len();
        let after = all.last().map(|row| {
            let mut after = row[..key].to_vec();
            if table.keeping == Keeping::History {
                after.push(row[row.len() - 2].clone());
            }
            after
        });
        let page = snapshot.page(table, cut, after, 7).await.unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

/// What the tables should hold, worked out one event after the other, in the plainest way.
#[derive(Default)]
pub(crate) struct Expected {
    things: Vec<(u8, i64, Position, i64)>,
    lines: Vec<Row>,
    tallies: std::collections::BTreeMap<u8, i64>,
}

impl Expected {
    pub(crate) fn of(script: &Script, until: Position) -> Self {
        let mut expected = Self::default();
        for position in (1..=until.0).map(Position) {
            expected.add(position, &script(position));
        }
        expected
    }

    fn open(&self, id: u8) -> Option<i64> {
        self.things.iter().find(|thing| thing.0 == id && thing.3 == OPEN).map(|thing| thing.1)
    }

    fn add(&mut self, position: Position, ops: &[Op]) {
        let before: std::collections::BTreeMap<u8, Option<i64>> =
            (0..=u8::MAX).map(|id| (id, self.open(id))).collect();
        let tallies = self.tallies.clone();
        let mut after = before.clone();
        let mut touched = std::collections::BTreeSet::new();
        for (number, op) in (0_i64..).zip(ops.iter().copied()) {
            match op {
                Op::Put(id, amount) => {
                    after.insert(id, Some(amount));
                    touched.insert(id);
                }
                Op::Raise(id) => {
                    after.insert(id, Some(before[&id].unwrap_or(0) + 1));
                    touched.insert(id);
                }
                Op::Begin(id) if before[&id].is_none() => {
                    after.insert(id, Some(0));
                    touched.insert(id);
                }
                Op::Remove(id) => {
                    after.insert(id, None);
                    touched.insert(id);
                }
                Op::Line(text) => self.lines.push(line(position, number, text)),
                Op::Count(id) => {
                    let count = tallies.get(&id).copied().unwrap_or(0) + 1;
                    if count < 3 {
                        self.tallies.insert(id, count);
                    } else {
                        self.tallies.remove(&id);
                    }
                }
                Op::Begin(_) | Op::Damage | Op::Panic | Op::Misfit(_) => {}
            }
        }
        for id in touched {
            for thing in &mut self.things {
                if thing.0 == id && thing.3 == OPEN {
                    thing.3 = position.sql();
                }
            }
            if let Some(amount) = after[&id] {
                self.things.push((id, amount, position, OPEN));
            }
        }
    }

    pub(crate) fn things(&self) -> Vec<Vec<Value>> {
        let mut rows: Vec<Vec<Value>> = self
            .things
            .iter()
            .map(|(id, amount, from, to)| {
                thing(*id, *amount)
                    .iter()
                    .cloned()
                    .chain([from.sql().into(), (*to).into()])
                    .collect()
            })
            .collect();
        rows.sort_by(|a, b| a[..2].cmp(&b[..2]).then(a[4].cmp(&b[4])));
        rows
    }

    pub(crate) fn lines(&self) -> Vec<Vec<Value>> {
        self.lines.iter().map(|row| row.to_vec()).collect()
    }

    pub(crate) fn tallies(&self) -> Vec<Vec<Value>> {
        let row = |(id, count): (&u8, &i64)| vec![Value::Int((*id).into()), Value::Int(*count)];
        self.tallies.iter().map(row).collect()
    }
}
