//! The gate before a kind of work: hands out places, wakes who waits, counts what it did.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use metrics::{Counter, Histogram};
use tokio::sync::oneshot;

use super::{
    controller::Aim,
    line::{Heard, Line, Whose},
};

/// Whoever has not got a turn by then is refused: the caller may have given up long ago.
const PATIENCE: Duration = Duration::from_secs(1);

/// Why a request is refused before anything is done for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shed {
    /// More comes in than the service can do.
    Overloaded,
    /// This token asks for more than its share.
    BeyondShare,
}

/// The gate before one kind of work.
pub(super) struct Gate {
    line: Mutex<Line<oneshot::Sender<Place>>>,
    begun: Instant,
    admitted: Counter,
    overloaded: Counter,
    beyond_share: Counter,
    waited: Histogram,
}

impl Gate {
    /// Lets so many be in work at a time. `kind` names the work in the metrics.
    pub(super) fn new(kind: &'static str, places: usize, aim: Aim) -> Arc<Self> {
        let shed = |code: &'static str| metrics::counter!("annals_admission_shed_total", "kind" => kind, "code" => code);
        Arc::new(Self {
            line: Mutex::new(Line::new(places, aim)),
            begun: Instant::now(),
            admitted: metrics::counter!("annals_admission_admitted_total", "kind" => kind),
            overloaded: shed("overloaded"),
            beyond_share: shed("share.exceeded"),
            waited: metrics::histogram!("annals_admission_wait_seconds", "kind" => kind),
        })
    }

    /// Waits for a turn, where that makes sense.
    pub(super) async fn enter(
        self: &Arc<Self>,
        whose: Whose,
        weight: usize,
    ) -> Result<Place, Shed> {
        let came = self.now();
        let turn = {
            let mut line = self.line();
            match line.come(came, whose, weight) {
                Heard::In => None,
                Heard::Wait => {
                    let (waiter, turn) = oneshot::channel();
                    line.wait(came, whose, weight, waiter);
                    Some(turn)
                }
                Heard::Overloaded => return Err(self.count(Shed::Overloaded)),
                Heard::BeyondShare => return Err(self.count(Shed::BeyondShare)),
            }
        };
        let place = match turn {
            None => Place { gate: self.clone(), weight },
            Some(turn) => match tokio::time::timeout(PATIENCE, turn).await {
                Ok(Ok(place)) => place,
                Ok(Err(_)) | Err(_) => return Err(self.count(Shed::Overloaded)),
            },
        };
        self.admitted.increment(1);
        self.waited.record(self.now().saturating_sub(came).as_secs_f64());
        Ok(place)
    }

    /// Waits for a turn of who was in work before. Such a one is not refused.
    async fn enter_again(self: &Arc<Self>, weight: usize) -> Place {
        let turn = {
            let mut line = self.line();
            if line.come_back(weight) {
                return Place { gate: self.clone(), weight };
            }
            let (waiter, turn) = oneshot::channel();
            line.wait_back(self.now(), weight, waiter);
            turn
        };
        match tokio::time::timeout(PATIENCE, turn).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) | Err(_) => {
                self.line().take(weight);
                Place { gate: self.clone(), weight }
            }
        }
    }

    fn count(&self, shed: Shed) -> Shed {
        match shed {
            Shed::Overloaded => self.overloaded.increment(1),
            Shed::BeyondShare => self.beyond_share.increment(1),
        }
        shed
    }

    /// Gives places back and wakes who comes next.
    fn leave(self: &Arc<Self>, weight: usize) {
        self.line().free(weight);
        loop {
            let next = self.line().next(self.now(), |waiter| !waiter.is_closed());
            let Some((waiter, weight, _)) = next else { return };
            // One that went away just now gives its place back when it is dropped here, unlocked.
            drop(waiter.send(Place { gate: self.clone(), weight }));
        }
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    fn line(&self) -> MutexGuard<'_, Line<oneshot::Sender<Place>>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nobody is in work.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.line().is_empty()
    }

    /// How many wait, and whether too much comes in.
    #[cfg(test)]
    pub(super) fn seen(&self) -> (usize, bool) {
        let line = self.line();
        (line.waiting(), line.is_overloaded())
    }
}

/// A place in work. It is given back when it is dropped.
pub(super) struct Place {
    gate: Arc<Gate>,
    weight: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.gate.leave(self.weight);
    }
}

/// The place of one request, which it may give back for a while.
pub(super) struct Held {
    gate: Arc<Gate>,
    place: Mutex<Option<Place>>,
}

impl Held {
    pub(super) fn new(place: Place) -> Arc<Self> {
        Arc::new(Self { gate: place.gate.clone(), place: Mutex::new(Some(place)) })
    }

    /// Gives the place back.
    pub(super) fn leave(&self) {
        let place = self.place().take();
        drop(place);
    }

    /// Takes a place again, or another weight than before. Whoever has one gives it back first, so
    /// that nobody waits for a place while keeping one.
    pub(super) async fn enter(&self, weight: usize) {
        if self.place().as_ref().is_some_and(|place| place.weight == weight) {
            return;
        }
        self.leave();
        let place = self.gate.enter_again(weight).await;
        *self.place() = Some(place);
    }

    pub(super) fn is_out(&self) -> bool {
        self.place().is_none()
    }

    fn place(&self) -> MutexGuard<'_, Option<Place>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
