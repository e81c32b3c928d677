//! Every field of an event comes back as it was; whatever else comes is no message.

use async_nats::HeaderMap;
use events::ids::Category;

use super::*;
use crate::bus::testing::{LOG, event, message};

fn full() -> Message {
    let mut message = message(7);
    let event = Arc::make_mut(&mut message.event);
    event.position = Position(u64::MAX >> 1);
    message.previous = Position(41);
    event.version = Version(9);
    event.recorded_at = Instant::from_micros(1_700_000_000_123_456);
    event.event.effective_at = Some(Instant::from_micros(-62_135_596_800_000_001));
    event.event.event_type = EventType::new("note.added", 3);
    event.event.cause = Cause {
        actor: Actor { kind: ActorKind::Process, id: Uuid::from_u128(1) },
        on_behalf_of: Some(Uuid::from_u128(2)),
        channel: Channel::Import,
        command_id: CommandId(Uuid::from_u128(3)),
        causation_id: Uuid::from_u128(4),
        correlation_id: Uuid::from_u128(5),
    };
    event.event.payload = "{\"data\":\"São Paulo, 日本 \u{0} \r\n\"}".into();
    seal(message)
}

/// With the hashes that belong to what it says.
fn seal(mut message: Message) -> Message {
    let event = Arc::make_mut(&mut message.event);
    event.event.payload_sha256 = sha256(&event.event.payload);
    event.leaf = leaf(LOG, event.stream, event.version, event.recorded_at, &event.event);
    message
}

fn read_back(message: &Message) -> Result<Message, Strange> {
    read(LOG, &headers(LOG, message), message.event.event.payload.clone())
}

#[test]
fn every_field_comes_back() {
    for message in [message(1), full()] {
        let back = read_back(&message).unwrap();
        assert_eq!(back.previous, message.previous);
        assert_eq!(back.event, message.event);
    }
}

#[test]
fn every_kind_of_actor_and_every_way_comes_back() {
    for kind in [ActorKind::User, ActorKind::Process, ActorKind::System] {
        for channel in [Channel::Api, Channel::Import, Channel::Process, Channel::System] {
            let mut message = full();
            let cause = &mut Arc::make_mut(&mut message.event).event.cause;
            (cause.actor.kind, cause.channel) = (kind, channel);
            let message = seal(message);
            assert_eq!(read_back(&message).unwrap().event, message.event);
        }
    }
}

#[test]
fn what_lies_beyond_the_year_9999_comes_back_all_the_same() {
    let mut message = full();
    Arc::make_mut(&mut message.event).event.effective_at = Some(Instant::from_micros(i64::MAX));
    let message = seal(message);
    assert_eq!(read_back(&message).unwrap().event, message.event);
}

#[test]
fn attributes_are_those_of_cloud_events() {
    let headers = headers(LOG, &full());
    let value = |name: &str| headers.get(name).map(|value| value.as_str().to_owned());
    assert_eq!(value("Annals-Position").unwrap(), (u64::MAX >> 1).to_string());
    assert_eq!(value("Annals-Previous").as_deref(), Some("41"));
    assert_eq!(value("Annals-Log"), Some(LOG.to_string()));
    assert_eq!(value("ce-specversion").as_deref(), Some("1.0"));
    assert_eq!(value("ce-type").as_deref(), Some("note.added"));
    assert_eq!(value("ce-source"), Some(format!("/logs/{LOG}/note")));
    assert_eq!(value("ce-dataschema").as_deref(), Some("/schemas/note.added/3"));
    assert_eq!(value("ce-sequence").as_deref(), Some("09223372036854775807"));
    assert_eq!(value("ce-actorkind").as_deref(), Some("process"));
    assert_eq!(value("ce-onbehalfof"), Some(Uuid::from_u128(2).to_string()));
    assert_eq!(value("Nats-Msg-Id"), None, "a purge would make the server drop what comes again");
}

#[test]
fn subjects_name_no_record() {
    let event = event(1);
    assert_eq!(subject(&event), format!("annals.ev.{:02}.note.added", partition(event.stream.id)));
    let mut other = (*event).clone();
    other.stream = StreamName { category: Category::Opportunity, id: Uuid::from_u128(0x3f) };
    other.event.event_type = EventType::new("opportunity.stage_changed", 1);
    assert_eq!(subject(&other), "annals.ev.63.opportunity.stage_changed");
}

/// Subscribers outside compute it too: it is for ever.
#[test]
fn partitions_stay_what_they_are() {
    let golden = [
        ("00000000-0000-0000-0000-000000000000", 0),
        ("ffffffff-ffff-ffff-ffff-ffffffffffff", 63),
        ("6a1f0e3c-52c4-5d0b-9f6e-8d1ca77a1500", 0),
        ("018f3c2a-7b11-7e5d-9a40-5f0c1d2e3f4a", 10),
        ("2b1c7f3e-9d04-4a8e-8f51-0c6d5e4b3a99", 25),
        ("11111111-2222-5333-8444-5555555555c0", 0),
    ];
    for (id, expected) in golden {
        assert_eq!(partition(id.parse().unwrap()), expected, "{id}");
    }
    let mut counts = [0; 64];
    for number in 0..6_400_u32 {
        counts[usize::from(partition(events::ids::derived(&number.to_string())))] += 1;
    }
    assert!(counts.iter().all(|count| (50..200).contains(count)), "{counts:?}");
}

#[test]
fn what_is_missing_or_malformed_is_no_message() {
    let message = full();
    let whole = headers(LOG, &message);
    let payload = &message.event.event.payload;
    let needed = [
        "Annals-Position",
        "Annals-Previous",
        "Annals-Log",
        "Annals-Recorded-Micros",
        "ce-id",
        "ce-type",
        "ce-subject",
        "ce-streamversion",
        "ce-schemaversion",
        "ce-actorkind",
        "ce-actorid",
        "ce-channel",
        "ce-commandid",
        "ce-causationid",
        "ce-correlationid",
        "ce-leafhash",
    ];
    for name in needed {
        let mut without = HeaderMap::new();
        for (other, values) in whole.iter().filter(|(other, _)| other.to_string() != name) {
            without.insert(other.clone(), values[0].clone());
        }
        assert_eq!(read(LOG, &without, payload.clone()).unwrap_err(), Strange::Form, "{name}");
        let mut malformed = whole.clone();
        malformed.insert(name, "\u{fffd}");
        let error = read(LOG, &malformed, payload.clone()).unwrap_err();
        assert!(matches!(error, Strange::Form | Strange::Forged), "{name}");
    }
    assert_eq!(read(LOG, &HeaderMap::new(), Bytes::new()).unwrap_err(), Strange::Form);
    let mut backwards = whole;
    backwards.insert("Annals-Previous", "9223372036854775807");
    assert_eq!(read(LOG, &backwards, payload.clone()).unwrap_err(), Strange::Form);
}

#[test]
fn another_logs_events_and_forgeries_are_told() {
    let message = full();
    let other = LogId(Uuid::from_u128(9));
    let payload = &message.event.event.payload;
    let of_another = read(LOG, &headers(other, &message), payload.clone());
    assert_eq!(of_another.unwrap_err(), Strange::Log);
    let other_bytes = read(LOG, &headers(LOG, &message), Bytes::from_static(b"{}"));
    assert_eq!(other_bytes.unwrap_err(), Strange::Forged);
    for (name, value) in [("ce-actorkind", "user"), ("ce-streamversion", "8")] {
        let mut forged = headers(LOG, &message);
        forged.insert(name, value);
        assert_eq!(read(LOG, &forged, payload.clone()).unwrap_err(), Strange::Forged, "{name}");
    }
}
