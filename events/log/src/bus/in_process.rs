//! The bus of an installation that is one process: a bounded broadcast of batches.

use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use events::envelope::Position;
use tokio::{
    sync::broadcast::{
        Receiver, Sender, channel,
        error::{RecvError, TryRecvError},
    },
    time::timeout,
};

use super::{Bus, BusError, Last, Message, Publisher, Subscription};
use crate::store::Answer;

type Batch = Arc<[Message]>;

/// Carries messages to every follower in this process.
///
/// It keeps a bounded number of batches. A follower that falls further behind loses messages, sees
/// the gap and reads the store; it never slows the log or other followers.
pub struct InProcessBus {
    batches: Sender<Batch>,
    last: Mutex<Option<Last>>,
}

impl InProcessBus {
    /// A bus that keeps at most `batches` for its slowest follower.
    #[must_use]
    pub fn new(batches: usize) -> Self {
        Self { batches: channel(batches.max(1)).0, last: Mutex::default() }
    }
}

impl Default for InProcessBus {
    fn default() -> Self {
        Self::new(1_024)
    }
}

impl Publisher for InProcessBus {
    fn last(&self) -> Answer<'_, Result<Option<Last>, BusError>> {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        Box::pin(std::future::ready(Ok(last)))
    }

    fn publish(&self, messages: Vec<Message>) -> Answer<'_, Result<(), BusError>> {
        // Under the lock, so that two publishers cannot interleave.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(message) = messages.last() {
            *last = Some(Last { position: message.event.position, leaf: message.event.leaf });
            // Nobody listening is no error: whoever comes later starts from the store.
            let _heard = self.batches.send(messages.into()).is_ok();
        }
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Bus for InProcessBus {
    fn subscribe(&self, _: Position) -> Answer<'_, Result<Box<dyn Subscription>, BusError>> {
        let ear = Ear { batches: self.batches.subscribe(), pending: VecDeque::new() };
        Box::pin(std::future::ready(Ok(Box::new(ear) as Box<dyn Subscription>)))
    }
}

struct Ear {
    batches: Receiver<Batch>,
    pending: VecDeque<Message>,
}

impl Ear {
    /// Waits for a batch; `false` once the bus is gone. Lost batches are the follower's to notice.
    async fn wait(&mut self) -> bool {
        loop {
            match self.batches.recv().await {
                Ok(batch) => {
                    self.pending.extend(batch.iter().cloned());
                    return true;
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return false,
            }
        }
    }

    /// Takes what is there already, as long as less than `limit` is pending.
    fn drain(&mut self, limit: usize) {
        while self.pending.len() < limit {
            match self.batches.try_recv() {
                Ok(batch) => self.pending.extend(batch.iter().cloned()),
                Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    fn take(&mut self, limit: usize) -> Vec<Message> {
        if self.pending.len() <= limit {
            return mem::take(&mut self.pending).into();
        }
        self.pending.drain(..limit).collect()
    }
}

impl Subscription for Ear {
    fn next(
        &mut self,
        limit: usize,
        patience: Duration,
    ) -> Answer<'_, Result<Vec<Message>, BusError>> {
        Box::pin(async move {
            self.drain(limit);
            if self.pending.is_empty() && timeout(patience, self.wait()).await == Ok(false) {
                return Err(BusError("the in-process bus is gone".into()));
            }
            self.drain(limit);
            Ok(self.take(limit))
        })
    }
}

#[cfg(test)]
#[path = "in_process_tests.rs"]
mod tests;
