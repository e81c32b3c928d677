//! Positions of stores that count them: 1, 2, 3, and none is ever lost.

use events::envelope::{Instant, Position};

use super::{Log, Subject, after, assert_conflict};
use crate::store::Head;

/// Nothing, at the start, at the epoch.
pub async fn a_fresh_log_is_empty<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let empty = Head { position: Position::START, recorded_at: Instant::from_micros(0) };
    assert_eq!(log.start, empty);
    assert_eq!(log.head().await, empty);
    assert!(log.read().await.is_empty());
}

/// Whatever the batches and the streams are.
pub async fn positions_are_one_two_three<S: Subject>() {
    let log = Log::<S>::fresh().await;
    for round in 0..10_u64 {
        let batch: Vec<_> = (0..7)
            .map(|n| {
                let stream = log.stream(&format!("s{n}"));
                log.says(&format!("{round} of {n}"), stream, round * 2, &["x", "y"])
            })
            .collect();
        for answer in log.append_all(batch).await {
            assert!(answer.is_ok(), "{answer:?}");
        }
    }
    let positions: Vec<u64> = log.read().await.iter().map(|event| event.position.0).collect();
    assert_eq!(positions, (1..=140).collect::<Vec<u64>>());
}

/// A refusal leaves no hole.
pub async fn refused_commands_burn_no_position<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream_of("a", 1).await;
    for n in 0..5 {
        let refused = log.append(log.says(&format!("no {n}"), stream, 9, &["no"])).await;
        assert_conflict(&refused, 1);
    }
    let receipt = log.stored(log.says("yes", stream, 1, &["yes"])).await;
    assert_eq!(receipt.position, after(log.start.position, 2));
}

/// No other command's event comes between them, whoever else appends.
pub async fn the_events_of_a_command_are_neighbours<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let store = log.store();
    let appends: Vec<_> = (0..40)
        .map(|n| log.says(&format!("c{n}"), log.stream(&format!("s{n}")), 0, &["x"; 5]))
        .collect();
    let tasks: Vec<_> = appends
        .into_iter()
        .map(|append| {
            let store = std::sync::Arc::clone(&store);
            tokio::spawn(async move { store.append(vec![append]).await })
        })
        .collect();
    for task in tasks {
        assert!(super::good(task.await).iter().all(Result::is_ok));
    }
    for command in log.read().await.chunks(5) {
        let first = command[0].event.cause.command_id;
        assert!(command.iter().all(|event| event.event.cause.command_id == first));
    }
}
