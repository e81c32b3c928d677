//! The whole log, read from outside: dense, without gaps in any stream, each command once.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use tests::{Accepted, Http};
use uuid::Uuid;

use crate::load::Sent;

/// What was read of the log so far.
#[derive(Default)]
pub(crate) struct History {
    head: u64,
    versions: HashMap<String, u64>,
    /// The positions of the events of each command.
    commands: HashMap<Uuid, Vec<u64>>,
    /// How many orders were placed from each accepted quote.
    accepted: BTreeMap<String, u64>,
    orders: BTreeMap<String, u64>,
}

impl History {
    /// Reads on to the end of the log, and checks that nothing is missing.
    pub(crate) async fn read_on(&mut self, http: &Http) {
        let path = format!("/events?after={}&limit=1000000", self.head);
        let feed = http.get(&path).await;
        assert!(feed.status.is_success(), "{}", feed.text());
        for line in feed.text().lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            self.take(&event);
        }
    }

    fn take(&mut self, event: &Value) {
        let position: u64 = event["position"].as_str().unwrap().parse().unwrap();
        assert_eq!(position, self.head + 1, "a position is missing: {event}");
        self.head = position;
        let subject = event["subject"].as_str().unwrap();
        let version = self.versions.entry(subject.to_owned()).or_default();
        *version += 1;
        assert_eq!(event["streamversion"], *version, "a version is missing: {event}");
        let command = event["commandid"].as_str().unwrap().parse().unwrap();
        self.commands.entry(command).or_default().push(position);
        match event["type"].as_str().unwrap() {
            "quote.accepted" => {
                let quote = subject.strip_prefix("quote-").unwrap();
                *self.accepted.entry(quote.to_owned()).or_default() += 1;
            }
            "order.placed" => {
                let source = &event["data"]["data"]["source"]["quote"];
                *self.orders.entry(source.as_str().unwrap().to_owned()).or_default() += 1;
            }
            _ => {}
        }
    }

    /// Whether each accepted quote has its order. Never more than one.
    pub(crate) fn has_all_orders(&self) -> bool {
        assert!(self.accepted.values().all(|times| *times == 1), "a quote was accepted twice");
        assert!(self.orders.values().all(|times| *times == 1), "an order was placed twice");
        assert!(self.orders.keys().all(|quote| self.accepted.contains_key(quote)));
        self.orders.len() == self.accepted.len()
    }

    /// How many orders there are.
    pub(crate) fn orders(&self) -> usize {
        self.orders.len()
    }

    /// How many events there are of a command.
    pub(crate) fn times(&self, command: &Uuid) -> usize {
        self.commands.get(command).map_or(0, Vec::len)
    }

    /// How many events there are.
    pub(crate) const fn events(&self) -> u64 {
        self.head
    }

    /// What an acknowledged command was told is what the log holds.
    pub(crate) fn holds(&self, sent: &Sent, answer: &Accepted) {
        let Sent { key, name, .. } = sent;
        let events = self.commands.get(key);
        let events = events.unwrap_or_else(|| panic!("{name} {key} was acknowledged and is lost"));
        let last = *events.last().unwrap();
        let first = events[0];
        let dense = last - first + 1 == u64::try_from(events.len()).unwrap();
        assert!(dense, "{name} {key} lies in pieces: {events:?}");
        let told: u64 = answer.position.parse().unwrap();
        // An acceptance answers with the position of the order that it placed.
        let is_told = if *name == "AcceptQuote" { told > last } else { told == last };
        assert!(is_told, "{name} {key} was told {told} and ended at {last}");
    }
}
