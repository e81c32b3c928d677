//! What holds while many write at once, give up, and read all the time.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use events::envelope::{Position, Recorded};

use super::{Log, Subject, good};
use crate::store::{AppendError, Appended, EventFeed};

/// Numbers that look random and are the same in every run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// Gives way some times.
async fn linger(times: u64) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

/// Runs a future, but drops it when it is not done after some turns.
async fn give_up_after<T>(turns: u64, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        value = future => Some(value),
        () = linger(turns) => None,
    }
}

/// Of n, exactly one; the others are told the truth.
pub async fn rivals_for_one_version_have_one_winner<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let stream = log.stream("a");
    for round in 0..10_u64 {
        let rivals: Vec<_> = (0..16)
            .map(|n| {
                let append = log.says(&format!("{round} of {n}"), stream, round, &["mine"]);
                let store = log.store();
                tokio::spawn(async move { store.append(vec![append]).await.remove(0) })
            })
            .collect();
        let mut winners = 0;
        for rival in rivals {
            match good(rival.await) {
                Ok(_) => winners += 1,
                Err(AppendError::Conflict { actual }) => assert_eq!(actual.0, round + 1),
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(winners, 1, "in round {round}");
        assert_eq!(log.read_stream(stream).await.len() as u64, round + 1);
    }
}

/// One is stored, the others join it.
pub async fn one_command_sent_by_many_at_once_is_stored_once<S: Subject>() {
    let log = Log::<S>::fresh().await;
    for round in 0..10 {
        let name = format!("round {round}");
        let append = log.says(&name, log.stream(&name), 0, &["one", "two"]);
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let (store, append) = (log.store(), append.clone());
                tokio::spawn(async move { store.append(vec![append]).await.remove(0) })
            })
            .collect();
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(good(good(task.await)));
        }
        let first = |answer: &&Appended| matches!(answer, Appended::Stored(_));
        assert_eq!(answers.iter().filter(first).count(), 1);
        assert!(answers.iter().all(|answer| answer.receipt() == answers[0].receipt()));
        assert_eq!(log.read_stream(log.stream(&name)).await.len(), 2);
    }
}

/// Whoever hangs up does not leave half a command behind, and can ask what became of it.
pub async fn a_dropped_append_is_stored_wholly_or_not_at_all<S: Subject>() {
    let log = Log::<S>::fresh().await;
    let mut numbers = Numbers(1);
    for n in 0..200 {
        let name = format!("c{n}");
        let append = log.says(&name, log.stream(&name), 0, &["one", "two", "three"]);
        let store = log.store();
        give_up_after(numbers.below(4), store.append(vec![append])).await;
    }
    // A later command of the same store is answered after all that were asked before it.
    log.stream_of("the end", 1).await;
    for n in 0..200 {
        let name = format!("c{n}");
        let stored = log.read_stream(log.stream(&name)).await.len();
        assert!(stored == 0 || stored == 3, "{name} has {stored} events");
        let again = log.says(&name, log.stream(&name), 0, &["one", "two", "three"]);
        assert_eq!(log.stored(again).await.version.0, 3, "{name}");
        assert_eq!(log.read_stream(log.stream(&name)).await.len(), 3, "{name}");
    }
}

const WRITERS: u64 = 64;
const COMMANDS: u64 = 25;

/// Whoever sees a position has seen all before it, and will never find another there.
pub async fn readers_see_only_prefixes_while_writers_abort_and_delay<S: Subject>() {
    let log = Arc::new(Log::<S>::fresh().await);
    let is_done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (1..=3_u64)
        .map(|seed| tokio::spawn(poll(log.feed(), Arc::clone(&is_done), seed)))
        .collect();
    let writers: Vec<_> =
        (0..WRITERS).map(|writer| tokio::spawn(write(Arc::clone(&log), writer))).collect();
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(good(writer.await));
    }
    log.stream_of("the end", 1).await;
    is_done.store(true, Ordering::SeqCst);
    let all = log.read().await;
    for reader in readers {
        let seen = good(reader.await);
        assert_eq!(seen.len(), all.len());
        assert!(seen.iter().zip(&all).all(|(seen, there)| seen == there), "the past has changed");
    }
    assert!(acknowledged.len() as u64 > WRITERS, "hardly anything was acknowledged");
    for position in acknowledged {
        let index = usize::try_from(position.0 - 1).unwrap_or(usize::MAX);
        assert_eq!(all[index].position, position);
    }
}

/// Appends to a stream of its own and to one that all share; gives up now and then.
async fn write<S: Subject>(log: Arc<Log<S>>, writer: u64) -> Vec<Position> {
    let mut numbers = Numbers(writer);
    let mut acknowledged = Vec::new();
    for n in 0..COMMANDS {
        linger(numbers.below(5)).await;
        let command = format!("{n} of {writer}");
        let own = log.says(&command, log.stream(&command), 0, &["x", "y"]);
        let shared = format!("shared {n} of {writer}");
        let shared = log.says(&shared, log.stream("shared"), numbers.below(200), &["z"]);
        let store = log.store();
        let append = store.append(vec![own, shared]);
        let answers = if numbers.below(3) == 0 {
            give_up_after(numbers.below(6), append).await
        } else {
            Some(append.await)
        };
        for answer in answers.into_iter().flatten() {
            match answer {
                Ok(appended) => acknowledged.push(appended.receipt().position),
                Err(AppendError::Conflict { .. }) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    acknowledged
}

/// Reads as fast as it can until the writers are done and the end is reached.
async fn poll(feed: Arc<dyn EventFeed>, is_done: Arc<AtomicBool>, seed: u64) -> Vec<Arc<Recorded>> {
    let mut numbers = Numbers(seed);
    let mut seen: Vec<Arc<Recorded>> = Vec::new();
    loop {
        let was_done = is_done.load(Ordering::SeqCst);
        let last = Position(seen.len() as u64);
        let limit = usize::try_from(numbers.below(50) + 1).unwrap_or(1);
        let events = good(feed.read(last, limit).await);
        let is_end = events.len() < limit;
        for event in events {
            assert_eq!(event.position.0, seen.len() as u64 + 1, "a position was passed over");
            seen.push(event);
        }
        if is_end && was_done {
            return seen;
        }
        tokio::task::yield_now().await;
    }
}
