//! That what was stored is what is read, also after a restart.

use bytes::Bytes;
use events::{
    envelope::{Actor, ActorKind, Channel, EventType, Instant, NewEvent},
    evidence::{leaf, sha256},
};
use uuid::Uuid;

use super::{Log, Subject, words};

/// Every kind, every channel, with and without every option.
pub async fn every_field_of_the_envelope_comes_back<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream("a");
    let mut append = log.says("all", stream, 0, &["x"; 4]);
    let kinds = [ActorKind::User, ActorKind::Process, ActorKind::System, ActorKind::User];
    let channels = [Channel::Api, Channel::Process, Channel::System, Channel::Import];
    let effective = [None, Some(-62_135_596_800_000_000), Some(0), Some(253_402_207_200_000_000)];
    for (n, event) in append.events.iter_mut().enumerate() {
        let id = |what: u128| Uuid::from_u128(what * 1_000 + n as u128);
        event.effective_at = effective[n].map(Instant::from_micros);
        event.event_type.version = [1, 2, 255, u16::MAX][n];
        event.cause.actor = Actor { kind: kinds[n], id: id(1) };
        event.cause.channel = channels[n];
        event.cause.on_behalf_of = (n % 2 == 1).then(|| id(2));
        event.cause.causation_id = id(3);
        event.cause.correlation_id = id(4);
    }
    let sent = append.events.clone();
    log.stored(append).await;
    let read: Vec<NewEvent> =
        log.read_stream(stream).await.iter().map(|event| event.event.clone()).collect();
    assert_eq!(read, sent);
    let log = log.reopened().await;
    let read: Vec<NewEvent> = log.read().await.iter().map(|event| event.event.clone()).collect();
    assert_eq!(read, sent);
}

/// Unicode, zeros, bytes that are no text, and nothing at all.
pub async fn payloads_come_back_byte_for_byte<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream("a");
    let payloads: [&'static [u8]; 6] = [
        b"",
        b"\0",
        b"{\"b\": 1,  \"a\": 1.0}",
        "{\"name\": \"J\u{fc}rgen \u{1f600} \u{202e}\u{0301}\"}".as_bytes(),
        &[0xff, 0xfe, 0x00, 0x80, 0xc3, 0x28],
        b"'; drop table events; --",
    ];
    let mut append = log.says("bytes", stream, 0, &["x"; 6]);
    for (event, payload) in append.events.iter_mut().zip(payloads) {
        event.payload = Bytes::from_static(payload);
        event.payload_sha256 = sha256(payload);
    }
    log.stored(append).await;
    let log = log.reopened().await;
    for (event, payload) in log.read_stream(stream).await.iter().zip(payloads) {
        assert_eq!(event.event.payload, payload);
        assert_eq!(event.event.payload_sha256, sha256(payload));
    }
    assert_eq!(log.read_stream(stream).await.len(), payloads.len());
}

/// A log that a newer build wrote can still be read and verified.
pub async fn types_this_build_does_not_know_are_kept<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream("a");
    let unknown = EventType { name: "account.dreamt_of_tomorrow".to_owned().into(), version: 77 };
    let mut append = log.says("tomorrow", stream, 0, &["x"]);
    append.events[0].event_type = unknown.clone();
    log.stored(append).await;
    let log = log.reopened().await;
    assert_eq!(log.read_stream(stream).await[0].event.event_type, unknown);
}

/// The evidence can be made again from what is read.
pub async fn the_stored_leaf_is_the_recomputed_one<S: Subject>() {
    let log = Log::<S>::fresh().await;
    for name in ["a", "b"] {
        log.stream_of(name, 3).await;
    }
    let log = log.reopened().await;
    let id = log.store().log_id();
    let events = log.read().await;
    assert_eq!(events.len(), 6);
    for event in &events {
        let made_again = leaf(id, event.stream, event.version, event.recorded_at, &event.event);
        assert_eq!(event.leaf, made_again, "at {}", event.position);
    }
    let mut leaves: Vec<[u8; 32]> = events.iter().map(|event| event.leaf.0).collect();
    leaves.sort_unstable();
    leaves.dedup();
    assert_eq!(leaves.len(), 6, "no two events have one leaf");
}

/// The log, its streams, its head and its name.
pub async fn a_restart_keeps_everything<S: Subject>() {
    let log = Log::<S>::fresh().await;
    for name in ["a", "b", "c"] {
        log.stream_of(name, 5).await;
    }
    let (before, head, id) = (log.read().await, log.head().await, log.store().log_id());
    let log = log.reopened().await;
    assert_eq!(log.read().await, before);
    assert_eq!((log.head().await, log.store().log_id()), (head, id));
    assert_eq!(log.read_stream(log.stream("b")).await.len(), 5);
}

/// Where it stopped, with the same versions.
pub async fn appending_goes_on_after_a_restart<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream_of("a", 2).await;
    let before = log.head().await;
    let log = log.reopened().await;
    super::assert_conflict(&log.append(log.says("old", stream, 1, &["no"])).await, 2);
    let receipt = log.stored(log.says("new", stream, 2, &["three"])).await;
    assert!(receipt.position > before.position);
    assert_eq!(words(&log.read_stream(stream).await), ["a word", "a word", "three"]);
}
