//! What a stream may be like, and what not.

use super::*;
use crate::bus::testing::LOG;

fn wanted() -> Config {
    config(&NatsOptions::default(), LOG)
}

fn altered(alter: impl FnOnce(&mut Config)) -> Differences {
    let mut found = wanted();
    alter(&mut found);
    differences(&found, &wanted())
}

#[test]
fn a_stream_as_it_is_made_is_right() {
    assert_eq!(altered(|_| ()), Differences::default());
    assert_eq!(altered(|found| found.num_replicas = 3), Differences::default(), "more is no worse");
}

#[test]
fn what_cannot_work_is_told() {
    let fatal: [fn(&mut Config); 7] = [
        |found| found.subjects.push("else".to_owned()),
        |found| found.subjects = vec!["annals.ev.00.>".to_owned()],
        |found| found.retention = RetentionPolicy::WorkQueue,
        |found| found.discard = DiscardPolicy::New,
        |found| found.no_ack = true,
        |found| found.sealed = true,
        |found| found.sources = Some(Vec::new()),
    ];
    for alter in fatal {
        let Differences { fatal, unwise } = altered(alter);
        assert_eq!((fatal.len(), unwise.len()), (1, 0), "{fatal:?} {unwise:?}");
    }
}

#[test]
fn what_only_costs_is_told_too() {
    let Differences { fatal, unwise } = altered(|found| {
        found.storage = StorageType::Memory;
        found.num_replicas = 0;
        found.max_age = Duration::from_secs(60);
        found.max_bytes = 1_000;
        found.max_messages = 1;
    });
    assert!(fatal.is_empty());
    assert_eq!(unwise.len(), 5, "{unwise:?}");
    assert!(unwise[2].contains("60s instead of 604800s"), "{unwise:?}");
}
