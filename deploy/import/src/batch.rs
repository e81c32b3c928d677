//! Sends commands in batches, a few at a time, and gives the answers in the order of the rows.

use std::{
    collections::VecDeque,
    io::{self, Write},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{
    reader::Row,
    sink::{Busy, CommandSink, ItemAnswer},
};

/// How often a batch is tried while the service says that it is busy.
const TRIES: u32 = 7;
/// The pause before the second try; each further one is twice as long (about 12 s in all).
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The largest request, in bytes of JSON: a quarter of what the service takes.
const MAX_BATCH_BYTES: usize = command_service::http::MAX_LIST_BODY / 4;

/// How many bytes a command takes in a request; none where it fits into no request at all.
pub(super) fn size_of(item: &Value) -> Option<usize> {
    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, item).ok()?;
    // The comma after it, and the brackets around the list.
    Some(counter.0 + 1).filter(|bytes| *bytes + 2 <= MAX_BATCH_BYTES)
}

struct Counter(usize);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A row whose command is on its way.
pub(super) struct PendingRow {
    pub(super) row: Row,
    /// Whether its record is that of another row of its kind, which may have been imported.
    pub(super) stands_in: bool,
    /// Its record, once that is known.
    pub(super) record: Option<Uuid>,
    /// The natural keys it holds, by slot.
    pub(super) keys: Vec<(usize, String)>,
}

/// Rows with their answers.
pub(super) type Settled = Vec<(PendingRow, ItemAnswer)>;

type Answers = Result<Vec<ItemAnswer>>;

/// The batches of one step.
pub(super) struct Batches<S> {
    sink: S,
    size: usize,
    in_flight: usize,
    items: Vec<Value>,
    rows: Vec<PendingRow>,
    bytes: usize,
    under_way: VecDeque<(Vec<PendingRow>, JoinHandle<Answers>)>,
}

impl<S: CommandSink> Batches<S> {
    pub(super) const fn new(sink: S, size: usize, in_flight: usize) -> Self {
        Self {
            sink,
            size,
            in_flight,
            items: Vec::new(),
            rows: Vec::new(),
            bytes: 0,
            under_way: VecDeque::new(),
        }
    }

    /// Whether a command of that many bytes still fits into the batch.
    pub(super) const fn has_room(&self, bytes: usize) -> bool {
        self.items.len() < self.size && self.bytes + bytes + 2 <= MAX_BATCH_BYTES
    }

    pub(super) fn push(&mut self, item: Value, bytes: usize, row: PendingRow) {
        self.bytes += bytes;
        self.items.push(item);
        self.rows.push(row);
    }

    /// Sends what has come together; gives the answers of earlier batches as far as room is needed.
    pub(super) async fn send(&mut self) -> Result<Settled> {
        let mut settled = Vec::new();
        if self.items.is_empty() {
            return Ok(settled);
        }
        while self.under_way.len() >= self.in_flight {
            settled.extend(self.oldest().await?);
        }
        let items = std::mem::take(&mut self.items);
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        let sink = self.sink.clone();
        self.under_way.push_back((rows, tokio::spawn(async move { send(&sink, items).await })));
        Ok(settled)
    }

    /// The answers of everything that is still under way.
    pub(super) async fn drain(&mut self) -> Result<Settled> {
        let mut settled = Vec::new();
        while !self.under_way.is_empty() {
            settled.extend(self.oldest().await?);
        }
        Ok(settled)
    }

    async fn oldest(&mut self) -> Result<Settled> {
        let Some((rows, task)) = self.under_way.pop_front() else { return Ok(Vec::new()) };
        let answers = task.await.context("a request was not finished")??;
        Ok(rows.into_iter().zip(answers).collect())
    }
}

/// Sends one batch until every item was judged. A repeat is harmless: the service knows the ids of
/// the commands.
async fn send<S: CommandSink>(sink: &S, items: Vec<Value>) -> Result<Vec<ItemAnswer>> {
    let mut first: Vec<Option<ItemAnswer>> = vec![None; items.len()];
    let mut pause = FIRST_PAUSE;
    for attempt in 1..=TRIES {
        let busy = match sink.send(items.clone()).await {
            Ok(answers) => {
                check(&items, &answers)?;
                for (kept, answer) in first.iter_mut().zip(answers) {
                    // What was accepted by an earlier try was accepted now, not before.
                    if !matches!(kept, Some(ItemAnswer::Accepted { .. })) {
                        *kept = Some(answer);
                    }
                }
                match first.iter().flatten().find(|answer| answer.is_busy()) {
                    None => return Ok(first.into_iter().flatten().collect()),
                    Some(ItemAnswer::Refused { problem, .. }) => {
                        Busy(format!("{}: {}", problem.code, problem.detail))
                    }
                    Some(ItemAnswer::Accepted { .. }) => continue,
                }
            }
            Err(error) => error.downcast::<Busy>()?,
        };
        if attempt == TRIES {
            return Err(busy.into());
        }
        wait(pause).await;
        pause *= 2;
    }
    bail!("the batch was not sent")
}

/// The answers must belong to the items, or the rows would be reported wrongly.
fn check(items: &[Value], answers: &[ItemAnswer]) -> Result<()> {
    ensure!(answers.len() == items.len(), "{} answers to {} commands", answers.len(), items.len());
    for (item, answer) in items.iter().zip(answers) {
        let id = answer.id().to_string();
        ensure!(item["id"] == id.as_str(), "the answers are not in the order of the commands");
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a busy service says nothing when it is free again")]
async fn wait(pause: Duration) {
    tokio::time::sleep(pause).await;
}
