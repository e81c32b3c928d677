//! Who asks meanwhile: `/livez` on a new connection, one command, one question, with tokens of their own.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use hyper::Method;
use serde_json::json;
use tests::Http;
use tokio::sync::watch;

/// How often each asks.
const BEAT: Duration = Duration::from_millis(50);
/// No answer by then counts as none.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    Alive,
    Command,
    Question,
}

/// How it was answered.
pub(super) struct Seen {
    pub(super) probe: Probe,
    /// In microseconds.
    times: Histogram<u64>,
    /// How many had each status; none where there was no answer.
    statuses: BTreeMap<Option<u16>, u64>,
}

impl Probe {
    pub(super) const ALL: [Self; 3] = [Self::Alive, Self::Command, Self::Question];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Alive => "/livez",
            Self::Command => "command",
            Self::Question => "question",
        }
    }

    /// Asks until `stop` says so.
    pub(super) async fn ask(self, http: Http, stop: watch::Receiver<bool>) -> Seen {
        let mut seen = Seen {
            probe: self,
            times: Histogram::new_with_bounds(1, 60_000_000, 3).expect("a histogram"),
            statuses: BTreeMap::new(),
        };
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let http = http.with_patience(PATIENCE);
        loop {
            beat.tick().await;
            let begun = Instant::now();
            let status = self.once(&http).await;
            seen.times
                .saturating_record(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX));
            *seen.statuses.entry(status).or_default() += 1;
            if *stop.borrow() {
                return seen;
            }
        }
    }

    async fn once(self, http: &Http) -> Option<u16> {
        let json = [("content-type", "application/json")];
        let sent = match self {
            // A client of its own: a new connection has to be let in.
            Self::Alive => {
                let fresh = Http::new(http.commands_url(), "").with_patience(PATIENCE);
                fresh.try_send(Method::GET, "/livez", &[("connection", "close")], Vec::new()).await
            }
            Self::Command => {
                let body = json!({ "name": "Probe" }).to_string().into_bytes();
                http.try_send(Method::POST, "/commands/CreateAccount", &json, body).await
            }
            Self::Question => {
                http.try_send(Method::GET, "/accounts?limit=5", &[], Vec::new()).await
            }
        };
        sent.ok().map(|answer| answer.status.as_u16())
    }
}

impl Seen {
    pub(super) fn count(&self) -> u64 {
        self.times.len()
    }

    /// How many were not answered with success.
    pub(super) fn bad(&self) -> u64 {
        let bad = self.statuses.iter().filter(|(status, _)| !matches!(status, Some(200..300)));
        bad.map(|(_, count)| *count).sum()
    }

    /// Which share was answered with success.
    pub(super) fn good(&self) -> f64 {
        1.0 - self.bad() as f64 / self.count().max(1) as f64
    }

    /// A percentile, in milliseconds.
    pub(super) fn milliseconds(&self, percentile: f64) -> f64 {
        self.times.value_at_percentile(percentile) as f64 / 1_000.0
    }

    /// What was answered besides success.
    pub(super) fn others(&self) -> String {
        let others = self.statuses.iter().filter(|(status, _)| !matches!(status, Some(200..300)));
        let text = |(status, count): (&Option<u16>, &u64)| match status {
            Some(status) => format!("{status}: {count}"),
            None => format!("none: {count}"),
        };
        others.map(text).collect::<Vec<_>>().join(", ")
    }
}
