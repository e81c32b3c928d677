//! The log as a text: one line of JSON for each accepted command with what it appended, for each refused
//! one, and for what is known of keys.
//!
//! It is written once, and read into any store at all: what a store keeps beside (positions, leaves,
//! ledger, indexes) is made again by it, and compared with what the first one had.

use std::{collections::BTreeMap, fs, path::PathBuf};

use events::{
    Actor, Cause, EventType, Instant, NewEvent, Position, Version,
    evidence::sha256,
    ids::{CommandId, EventId, KeyId, StreamName, TokenId},
};
use events_log::{
    keys::KeyEraser as _,
    store::{Append, Attempt, EventLog, Fingerprint},
};
use serde_json::{Value, from_value, json, to_value};
use uuid::Uuid;

use super::site::Site;

/// How much of the log is read at once.
const PAGE: usize = 10_000;

/// One line.
pub(super) enum Line {
    /// How many keys were made.
    Keys(u64),
    /// A key that was destroyed.
    Destroyed(KeyId),
    /// A command, when it was accepted, and the leaf of each of its events.
    Accepted { at: Instant, append: Append, leaves: Vec<String> },
    /// A command that was refused.
    Refused(Attempt),
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("net/log.jsonl")
}

/// Reads the fixture.
pub(super) fn read() -> Vec<Line> {
    let text = fs::read_to_string(path()).expect("tests/net/log.jsonl");
    let line = |line: &str| Line::of(&serde_json::from_str(line).expect("JSON"));
    text.lines().map(line).collect()
}

/// Writes the fixture.
pub(super) fn write(lines: &[Line]) {
    let lines: Vec<_> = lines.iter().map(|line| line.json().to_string() + "\n").collect();
    fs::write(path(), lines.concat()).expect("tests/net/log.jsonl");
}

/// All that a log holds.
pub(super) async fn dump(site: &Site, destroyed: Vec<KeyId>) -> Vec<Line> {
    let mut lines = vec![Line::Keys(site.keys.count())];
    lines.extend(destroyed.into_iter().map(Line::Destroyed));
    let events = site.store.read(Position::START, PAGE).await.expect("the log");
    assert!(events.len() < PAGE, "a small log");
    let mut commands: Vec<CommandId> = Vec::new();
    let mut of_command: BTreeMap<Uuid, Vec<_>> = BTreeMap::new();
    for event in events {
        let command = event.event.cause.command_id;
        if commands.last() != Some(&command) {
            commands.push(command);
        }
        of_command.entry(command.0).or_default().push(event);
    }
    let ledger = site.store.lookup(commands).await.expect("the ledger");
    for entry in ledger.into_iter().map(|entry| entry.expect("every command has its line")) {
        let events = of_command.remove(&entry.command_id.0).expect("a command stands together");
        let append = Append {
            command_id: entry.command_id,
            fingerprint: entry.fingerprint,
            actor: entry.actor,
            stream: entry.receipt.stream,
            expected: Version(entry.receipt.version.0 - events.len() as u64),
            events: events.iter().map(|event| event.event.clone()).collect(),
        };
        let leaves = events.iter().map(|event| hex::encode(event.leaf.0)).collect();
        lines.push(Line::Accepted { at: events[0].recorded_at, append, leaves });
    }
    let refused = site.store.attempts(0, PAGE).await.expect("refused commands");
    lines.extend(refused.into_iter().map(|refused| Line::Refused(refused.attempt)));
    lines
}

/// Puts all of it into the log of a site. Each event gets the leaf that it had.
pub(super) async fn load(site: &Site, lines: Vec<Line>) {
    let mut position = Position::START;
    for line in lines {
        match line {
            Line::Keys(count) => site.keys.make(count),
            Line::Destroyed(key) => site.keys.destroy(key).await.expect("it is destroyed"),
            Line::Accepted { at, append, leaves } => {
                site.clock.set(at);
                let stored = site.store.append(vec![append]).await;
                let stored: Result<Vec<_>, _> = stored.into_iter().collect();
                let end = stored.expect("it was accepted")[0].receipt().position;
                assert_eq!(leaves_after(&*site.store, position).await, leaves, "at {end}");
                position = end;
            }
            Line::Refused(attempt) => {
                site.store.record_attempts(vec![attempt]).await.expect("it is kept");
            }
        }
    }
}

async fn leaves_after(store: &dyn EventLog, position: Position) -> Vec<String> {
    let events = store.read(position, PAGE).await.expect("the log");
    events.iter().map(|event| hex::encode(event.leaf.0)).collect()
}

impl Line {
    fn json(&self) -> Value {
        match self {
            Self::Keys(count) => json!({ "keys": count }),
            Self::Destroyed(key) => json!({ "destroyed": key.0 }),
            Self::Accepted { at, append, leaves } => json!({
                "at": at.micros(),
                "command": append.command_id.0,
                "fingerprint": hex::encode(append.fingerprint.0),
                "actor": append.actor,
                "stream": append.stream.to_string(),
                "expected": append.expected,
                "events": append.events.iter().map(event_json).collect::<Vec<_>>(),
                "leaves": leaves,
            }),
            Self::Refused(attempt) => json!({
                "refused": attempt.at.micros(),
                "command": attempt.command_id.0,
                "name": *attempt.command,
                "actor": attempt.actor,
                "stream": attempt.stream.map(|stream| stream.to_string()),
                "code": *attempt.code,
                "token": attempt.token.map(|token| token.0),
                "count": attempt.count,
            }),
        }
    }

    fn of(line: &Value) -> Self {
        if let Some(count) = line["keys"].as_u64() {
            Self::Keys(count)
        } else if line["destroyed"].is_string() {
            Self::Destroyed(KeyId(id(&line["destroyed"])))
        } else if line["refused"].is_i64() {
            Self::Refused(Attempt {
                at: instant(&line["refused"]),
                actor: actor(&line["actor"]),
                command_id: CommandId(id(&line["command"])),
                command: text(&line["name"]).into(),
                stream: line["stream"].as_str().map(stream),
                code: text(&line["code"]).into(),
                token: line["token"].is_string().then(|| TokenId(id(&line["token"]))),
                count: line["count"].as_u64().expect("a count"),
            })
        } else {
            let events = line["events"].as_array().expect("events").iter();
            let mut fingerprint = [0; 32];
            hex::decode_to_slice(text(&line["fingerprint"]), &mut fingerprint).expect("32 bytes");
            Self::Accepted {
                at: instant(&line["at"]),
                append: Append {
                    command_id: CommandId(id(&line["command"])),
                    fingerprint: Fingerprint(fingerprint),
                    actor: actor(&line["actor"]),
                    stream: stream(text(&line["stream"])),
                    expected: from_value(line["expected"].clone()).expect("a version"),
                    events: events.map(event_of).collect(),
                },
                leaves: from_value(line["leaves"].clone()).expect("leaves"),
            }
        }
    }
}

fn event_json(event: &NewEvent) -> Value {
    let NewEvent { event_id, event_type, effective_at, cause, payload, payload_sha256: _ } = event;
    json!({
        "id": event_id.0,
        "type": event_type.name,
        "version": event_type.version,
        "effective_at": effective_at.map(Instant::micros),
        "actor": cause.actor,
        "on_behalf_of": cause.on_behalf_of,
        "channel": to_value(cause.channel).expect("a name"),
        "command": cause.command_id.0,
        "causation": cause.causation_id,
        "correlation": cause.correlation_id,
        "payload": std::str::from_utf8(payload).expect("JSON"),
    })
}

fn event_of(event: &Value) -> NewEvent {
    let payload = text(&event["payload"]).as_bytes().to_vec();
    let version = event["version"].as_u64().and_then(|version| version.try_into().ok());
    NewEvent {
        event_id: EventId(id(&event["id"])),
        event_type: EventType {
            name: text(&event["type"]).to_owned().into(),
            version: version.expect("a version"),
        },
        effective_at: event["effective_at"].as_i64().map(Instant::from_micros),
        cause: Cause {
            actor: actor(&event["actor"]),
            on_behalf_of: event["on_behalf_of"].is_string().then(|| id(&event["on_behalf_of"])),
            channel: from_value(event["channel"].clone()).expect("a channel"),
            command_id: CommandId(id(&event["command"])),
            causation_id: id(&event["causation"]),
            correlation_id: id(&event["correlation"]),
        },
        payload_sha256: sha256(&payload),
        payload: payload.into(),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn id(value: &Value) -> Uuid {
    text(value).parse().expect("an id")
}

fn instant(value: &Value) -> Instant {
    Instant::from_micros(value.as_i64().expect("microseconds"))
}

fn actor(value: &Value) -> Actor {
    from_value(value.clone()).expect("an actor")
}

fn stream(name: &str) -> StreamName {
    name.parse().expect("the name of a stream")
}
