//! Many who ask where the log ends are answered by one question that began after they asked.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use events::{Instant, Position, Recorded};
use events_log::store::{Answer, EventFeed, Head, StoreError};
use tokio::sync::{Semaphore, watch};

use super::Heads;

/// A log that answers when it is let, and one longer each time.
struct Slow {
    asked: AtomicU64,
    let_go: Semaphore,
    is_away: bool,
}

impl Slow {
    fn new(is_away: bool) -> Arc<Self> {
        Arc::new(Self { asked: AtomicU64::new(0), let_go: Semaphore::new(0), is_away })
    }
}

impl EventFeed for Slow {
    fn feed_head(&self) -> Answer<'_, Result<Head, StoreError>> {
        Box::pin(async {
            // The log is as long as it was when the question came to it.
            let position = Position(self.asked.fetch_add(1, Ordering::SeqCst) + 1);
            self.let_go.acquire().await.unwrap().forget();
            if self.is_away {
                return Err(StoreError::Unavailable("away".into()));
            }
            Ok(Head { position, recorded_at: Instant::from_micros(0) })
        })
    }

    fn read(&self, _: Position, _: usize) -> Answer<'_, Result<Vec<Arc<Recorded>>, StoreError>> {
        unreachable!("only the head is asked for")
    }

    fn wait(&self, _: Position) -> Answer<'_, ()> {
        unreachable!("only the head is asked for")
    }

    fn position_at(&self, _: Instant) -> Answer<'_, Result<Position, StoreError>> {
        unreachable!("only the head is asked for")
    }
}

#[tokio::test]
async fn those_who_ask_together_share_one_question_that_began_after_they_asked() {
    let log = Slow::new(false);
    let (_end, ended) = watch::channel(false);
    let heads = Arc::new(Heads::of(log.clone(), ended));
    // The first question is under way when they come: its answer may be older than what they saw.
    while log.asked.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let heads = heads.clone();
            tokio::spawn(async move { heads.now().await })
        })
        .collect();
    while *heads.wishes.borrow() < 100 {
        tokio::task::yield_now().await;
    }
    log.let_go.add_permits(2);
    for answer in waiting {
        assert_eq!(answer.await.unwrap(), Some(Position(2)));
    }
    assert_eq!(log.asked.load(Ordering::SeqCst), 2, "a hundred are one question");
    assert_eq!(heads.last(), Position(2));
}

#[tokio::test]
async fn nobody_waits_for_a_log_that_does_not_answer() {
    let (_end, ended) = watch::channel(false);
    assert_eq!(Heads::of(Slow::new(false), ended.clone()).now().await, None);
    let away = Slow::new(true);
    away.let_go.add_permits(10);
    assert_eq!(Heads::of(away, ended).now().await, None);
}
