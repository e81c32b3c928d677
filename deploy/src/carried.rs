//! How far a log of an older format is carried over, told to the operator's log.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use events_log::store::ladder::{Carried, Hear};

/// How often it is told.
const RHYTHM: Duration = Duration::from_secs(2);

/// Writes a line when each kind of work begins, and every few seconds while it goes on.
#[must_use]
pub fn carried() -> Hear {
    let told: Mutex<Option<(&'static str, Instant)>> = Mutex::new(None);
    Arc::new(move |carried| {
        let Carried { to, what, done, total } = carried;
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = told.is_none_or(|(last, at)| last != *what || at.elapsed() >= RHYTHM);
        if is_due {
            *told = Some((what, Instant::now()));
            tracing::info!(format = to, done, total, "the log is carried over: {what}");
        }
    })
}
