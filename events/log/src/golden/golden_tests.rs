//! What was published once is read for ever: golden files, the lock of the schemas, the leaf.

use std::{collections::BTreeMap, fs, path::Path};

use events::{
    codec::CrmEvent,
    envelope::{Instant, Version},
    evidence::leaf,
    ids::{Category, StreamName},
};

use super::*;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../golden"))
}

/// Every golden file by its name.
fn golden_files() -> BTreeMap<String, Golden> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let golden = Golden::parse(&fs::read_to_string(&path).unwrap())
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(golden.file_name(), name);
            files.insert(name, golden);
        }
    }
    files
}

#[test]
fn every_published_event_has_a_golden_file() {
    let files = golden_files();
    for published in CrmEvent::published() {
        let EventType { name, version } = published.event_type;
        assert!(files.contains_key(&format!("{name}.v{version}.json")), "{name} {version}");
    }
    assert!(files.len() >= 68, "no golden file was ever taken away");
}

#[tokio::test]
async fn every_golden_file_is_read_as_what_it_says() {
    for (name, golden) in golden_files() {
        let decoded = Payload::decode(&golden.stored().unwrap()).unwrap();
        let unsealed = Golden::unseal(decoded).await.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(unsealed, golden.expected().unwrap(), "{name}");
    }
}

#[test]
fn every_golden_file_of_the_newest_version_is_written_byte_for_byte() {
    for (name, golden) in golden_files() {
        let stored = golden.stored().unwrap();
        let payload = Payload::decode(&stored).unwrap();
        if payload.event.event_type() == stored.event_type {
            assert_eq!(payload.encode().unwrap(), stored.payload, "{name}");
        }
    }
}

#[tokio::test]
async fn sealing_a_golden_event_again_gives_the_same_bytes() {
    for (name, mut golden) in golden_files() {
        let text = fs::read_to_string(folder().join(&name)).unwrap();
        let stored = golden.stored().unwrap();
        if Payload::decode(&stored).unwrap().event.event_type() != stored.event_type {
            continue;
        }
        golden.seal().await.unwrap();
        assert_eq!(golden.text().unwrap(), text, "{name}");
    }
}

#[test]
fn no_published_schema_ever_changes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas.lock");
    let locked = fs::read_to_string(path).unwrap();
    let now = schemas_lock();
    for line in locked.lines() {
        assert!(now.lines().any(|other| other == line), "changed or vanished: {line}");
    }
    for line in now.lines() {
        assert!(locked.lines().any(|other| other == line), "not locked yet: {line}");
    }
}

#[test]
fn an_unknown_type_and_an_unknown_field_are_refused() {
    let files = golden_files();
    let mut stored = files["contact.created.v1.json"].stored().unwrap();
    stored.event_type.version = 99;
    let unknown = Payload::decode(&stored);
    assert!(matches!(unknown, Err(events::DecodeError::UnknownType { .. })));

    let mut stored = files["contact.deactivated.v1.json"].stored().unwrap();
    for payload in [r#"{"data":{"x":1}}"#, r#"{"data":{},"x":1}"#, r#"{"data":null}"#, "{}", ""] {
        stored.payload = Bytes::from_static(payload.as_bytes());
        let refused = Payload::decode(&stored);
        assert!(matches!(refused, Err(events::DecodeError::Payload { .. })), "{payload}");
    }
}

#[test]
fn the_leaf_hash_never_changes() {
    let id = Uuid::from_u128;
    let mut event = NewEvent {
        event_id: events::ids::EventId(id(3)),
        event_type: EventType::new("note.added", 1),
        effective_at: None,
        cause: Cause {
            actor: Actor { kind: ActorKind::User, id: id(4) },
            on_behalf_of: None,
            channel: Channel::Api,
            command_id: CommandId(id(5)),
            causation_id: id(6),
            correlation_id: id(7),
        },
        payload: Bytes::from_static(b"{}"),
        payload_sha256: sha256(b"{}"),
    };
    let stream = StreamName { category: Category::Note, id: id(2) };
    let recorded_at = Instant::from_micros(1_700_000_000_123_456);
    let leaf = |event: &NewEvent| {
        hex::encode(leaf(LogId(id(1)), stream, Version(1), recorded_at, event).0)
    };
    let without = leaf(&event);
    event.effective_at = Some(Instant::from_micros(-1));
    event.cause.on_behalf_of = Some(id(8));
    event.cause.actor.kind = ActorKind::Process;
    event.cause.channel = Channel::Process;
    let with = leaf(&event);
    let pinned = fs::read_to_string(folder().join("leaf.txt")).unwrap();
    assert_eq!(pinned, format!("without options {without}\nwith options {with}\n"));
}
