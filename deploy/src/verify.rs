//! Checks the whole log: every hash recomputed, nothing missing, nothing out of order, and all that the
//! store holds beside it.
//!
//! Memory stays bounded: events are looked at one by one, and what must be compared with something else
//! is compared by the store. Of each kind of finding the first few are told, and how many there are.

use std::{fmt, path::PathBuf, sync::Arc};

use events::{
    Instant, Payload, Position, Recorded,
    evidence::{leaf, sha256},
    ids::LogId,
};
use events_log::store::{
    Answer, EventFeed, StoreError,
    audit::{self, Audit, Audited, HearAudit, KEPT},
    sqlite::SqliteStore,
};
use serde::{Deserialize, Serialize};

/// How many events are read at a time.
const PAGE: usize = 4_096;

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The position it is about; 0 where it is about none.
    pub position: u64,
    /// The stream it is about; empty where it is about none, or that is not known.
    pub stream: String,
    /// The version within the stream; 0 where that is not known.
    pub version: u64,
    /// What is wrong.
    pub what: String,
}

/// What is wrong of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// `events`, `database`, `schema`, `head`, `streams`, `links`, `ledger`, `event_ids`,
    /// `attempts`, `checkpoints`, `keys`, `key_store`.
    pub kind: String,
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub first: Vec<Finding>,
}

/// What a check saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// How many events were checked.
    pub events: u64,
    /// How many streams there are.
    pub streams: u64,
    /// How many lines the ledger has.
    pub commands: u64,
    /// How many refused commands are kept.
    pub attempts: u64,
    /// Where the log ended when the check began.
    pub head: u64,
    /// What is wrong, by its kind; empty when all is well.
    pub findings: Vec<Findings>,
}

impl Verified {
    /// The first finding; none when all is well.
    #[must_use]
    pub fn first(&self) -> Option<&Finding> {
        self.findings.iter().find_map(|findings| findings.first.first())
    }

    /// How many findings there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.findings.iter().map(|findings| findings.count).sum()
    }

    /// Adds what the store found about itself.
    pub(crate) fn add(&mut self, audited: Audited) {
        let Audited { streams, commands, attempts, found } = audited;
        (self.streams, self.commands, self.attempts) = (streams, commands, attempts);
        self.findings.extend(found.into_iter().map(|(kind, found)| Findings {
            kind: kind.to_owned(),
            count: found.count,
            first: found.first.into_iter().map(Finding::from).collect(),
        }));
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, stream, version, what } = self;
        match position {
            0 => f.write_str("no position of its own")?,
            position => write!(f, "position {position}")?,
        }
        // What is missing or cannot be read has no stream.
        if !stream.is_empty() {
            write!(f, ", stream {stream}")?;
        }
        if *version > 0 {
            write!(f, ", version {version}")?;
        }
        write!(f, ": {what}")
    }
}

impl From<audit::Finding> for Finding {
    fn from(finding: audit::Finding) -> Self {
        let audit::Finding { position, stream, what } = finding;
        let (position, stream) = (position.unwrap_or(0), stream.unwrap_or_default());
        Self { position, stream, version: 0, what }
    }
}

/// Checks the log up to the head it has now, and what is stored beside it; `hear` is told of the
/// progress. Whether the read models are right is not seen here: `replay` compares them.
///
/// # Errors
/// When the log cannot be read. That it was changed is no error but a finding.
pub async fn verify(
    store: &dyn Audit,
    log: LogId,
    hear: HearAudit,
) -> Result<Verified, StoreError> {
    let head = store.feed_head().await?.position;
    let told = Arc::clone(&hear);
    let mut verified = check_events(
        head,
        log,
        |after, limit| store.stored(after, limit),
        move |done, total| told("events", done, total),
    )
    .await?;
    verified.add(store.audit(hear).await?);
    Ok(verified)
}

/// Checks a copy of a log in a file, which nobody has open, as thoroughly: what a backup holds.
///
/// # Errors
/// When it cannot be opened. That it is damaged is no error but findings.
pub async fn check_copy(path: PathBuf) -> anyhow::Result<Verified> {
    let checked = tokio::task::spawn_blocking(move || SqliteStore::check_copy(path)).await??;
    let mut verified = Verified::default();
    verified.add(checked);
    Ok(verified)
}

/// Checks the events alone, up to the head that a log has now.
///
/// # Errors
/// As [`verify`].
pub async fn verify_events(
    feed: &dyn EventFeed,
    log: LogId,
    progress: impl FnMut(u64, u64) + Send,
) -> Result<Verified, StoreError> {
    let head = feed.feed_head().await?.position;
    check_events(head, log, |after, limit| feed.read(after, limit), progress).await
}

type Page = Result<Vec<Arc<Recorded>>, StoreError>;

async fn check_events<'f>(
    head: Position,
    log: LogId,
    read: impl Fn(Position, usize) -> Answer<'f, Page> + Send,
    mut progress: impl FnMut(u64, u64) + Send,
) -> Result<Verified, StoreError> {
    let mut state = State { log, at: Position::START, recorded_at: None };
    let mut verified = Verified { head: head.0, ..Verified::default() };
    let mut findings = Findings { kind: "events".to_owned(), ..Findings::default() };
    let mut add = |finding| {
        findings.count += 1;
        if findings.first.len() < KEPT {
            findings.first.push(finding);
        }
    };
    let mut size = PAGE;
    while state.at < head {
        match read(state.at, size).await {
            Ok(page) if !page.is_empty() => {
                for recorded in page.iter().filter(|recorded| recorded.position <= head) {
                    if let Err(what) = state.check(recorded) {
                        add(finding(recorded, what));
                    }
                    verified.events += 1;
                }
                size = PAGE;
            }
            // Somewhere in this page: one by one, to say where.
            Ok(_) | Err(StoreError::Damaged(_)) if size > 1 => size = 1,
            // A row that cannot even be read was changed.
            Ok(_) => add(state.skip("a position is missing")),
            Err(StoreError::Damaged(what)) => add(state.skip(&what)),
            Err(error) => return Err(error),
        }
        progress(verified.events, head.0);
    }
    verified.findings.extend((findings.count > 0).then_some(findings));
    Ok(verified)
}

fn finding(recorded: &Recorded, what: String) -> Finding {
    Finding {
        position: recorded.position.0,
        stream: recorded.stream.to_string(),
        version: recorded.version.0,
        what,
    }
}

struct State {
    log: LogId,
    at: Position,
    recorded_at: Option<Instant>,
}

impl State {
    /// Passes a position that cannot be read.
    fn skip(&mut self, what: &str) -> Finding {
        self.at.0 += 1;
        Finding { position: self.at.0, stream: String::new(), version: 0, what: what.to_owned() }
    }

    /// The first thing that is wrong about an event.
    fn check(&mut self, recorded: &Recorded) -> Result<(), String> {
        self.at = recorded.position;
        let before = self.recorded_at.replace(recorded.recorded_at);
        if before.is_some_and(|before| recorded.recorded_at < before) {
            return Err("the time of recording runs backwards".to_owned());
        }
        let event = &recorded.event;
        if sha256(&event.payload) != event.payload_sha256 {
            return Err("the payload does not match its hash".to_owned());
        }
        let expected =
            leaf(self.log, recorded.stream, recorded.version, recorded.recorded_at, event);
        if expected != recorded.leaf {
            return Err("the header does not match its leaf hash".to_owned());
        }
        Payload::decode(event).map_err(|error| error.to_string())?;
        Ok(())
    }
}
