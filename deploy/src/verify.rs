//! Checks the whole log: every hash recomputed, nothing missing, nothing out of order.

use std::collections::HashMap;

use events::{
    Instant, Payload, Position, Recorded, Version,
    evidence::{leaf, sha256},
    ids::{LogId, StreamName},
    store::{EventFeed, StoreError},
};
use serde::{Deserialize, Serialize};

/// How many events are read at a time.
const PAGE: usize = 4_096;

/// What is wrong at the first bad place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The position.
    pub position: u64,
    /// The stream.
    pub stream: String,
    /// The version within it.
    pub version: u64,
    /// What is wrong.
    pub what: String,
}

/// What a check saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// How many events were checked.
    pub events: u64,
    /// How many streams they belong to.
    pub streams: u64,
    /// Where the log ended when the check began.
    pub head: u64,
    /// The first bad place; none when all is well.
    pub finding: Option<Finding>,
}

/// Checks the log up to the head it has now; `progress` hears how many events were checked.
///
/// # Errors
/// When the log cannot be read. That it was changed is no error but a finding.
pub async fn verify(
    feed: &dyn EventFeed,
    log: LogId,
    mut progress: impl FnMut(u64, u64) + Send,
) -> Result<Verified, StoreError> {
    let head = feed.feed_head().await?.position;
    let mut state = State { log, at: Position::START, recorded_at: None, versions: HashMap::new() };
    let mut verified = Verified { head: head.0, ..Verified::default() };
    let mut size = PAGE;
    while state.at < head {
        let page = match feed.read(state.at, size).await {
            Ok(page) => page,
            // Somewhere in this page: one by one, to say where.
            Err(StoreError::Damaged(_)) if size > 1 => {
                size = 1;
                continue;
            }
            // A row that cannot even be read was changed.
            Err(StoreError::Damaged(what)) => {
                verified.finding = Some(state.after_last(&what));
                return Ok(verified);
            }
            Err(error) => return Err(error),
        };
        if page.is_empty() {
            verified.finding = Some(state.after_last("the log ends before its head"));
            return Ok(verified);
        }
        for recorded in &page {
            if let Err(what) = state.check(recorded) {
                verified.finding = Some(finding(recorded, what));
                return Ok(verified);
            }
            verified.events += 1;
        }
        verified.streams = state.versions.len() as u64;
        progress(verified.events, head.0);
    }
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
    versions: HashMap<StreamName, Version>,
}

impl State {
    fn after_last(&self, what: &str) -> Finding {
        Finding {
            position: self.at.0 + 1,
            stream: String::new(),
            version: 0,
            what: what.to_owned(),
        }
    }

    fn check(&mut self, recorded: &Recorded) -> Result<(), String> {
        if recorded.position.0 != self.at.0 + 1 {
            return Err(format!("position {} is missing", self.at.0 + 1));
        }
        let version = self.versions.entry(recorded.stream).or_default();
        if recorded.version != version.plus(1) {
            return Err(format!("version {} of the stream is missing", version.plus(1)));
        }
        if self.recorded_at.is_some_and(|last| recorded.recorded_at < last) {
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
        *version = recorded.version;
        self.at = recorded.position;
        self.recorded_at = Some(recorded.recorded_at);
        Ok(())
    }
}
