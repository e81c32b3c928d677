//! The write loop and the clock: what the log knows of it, and who waits while it is not believed.

use std::{sync::Arc, time::Duration};

use events::{Position, ids::OrganizationId};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use super::{CommandError, Handler};
use crate::{aggregate::Record, clock::Doubt};

/// How often it is looked whether the clock can be believed, and what the log says of it.
const RHYTHM: Duration = Duration::from_secs(1);

impl Handler {
    /// Why the clock is not believed now.
    #[must_use]
    pub fn doubt(&self) -> Option<Doubt> {
        self.guard.as_ref()?.doubt()
    }

    /// Lets the guard of the clock hear what the log knows: the first time it begins.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn hear_of_clock(&self) -> Result<(), CommandError> {
        let Some(guard) = &self.guard else { return Ok(()) };
        self.freshen().await?;
        let head = self.store.head().await?;
        let last = (head.position > Position::START).then_some(head.recorded_at);
        let loaded = self.load(OrganizationId(self.store.log_id().0).stream()).await?;
        let confirmed = match &*loaded.record {
            Record::Organization(organization) => organization.clock(),
            _ => None,
        };
        if let Some(silent) = guard.hear(last, confirmed) {
            let days = silent.as_secs() / (24 * 60 * 60);
            tracing::info!(days, "the log was silent for long: it goes on");
        }
        Ok(())
    }

    /// Looks at the clock, and tells of it, until `stop` says so or is gone. What other processes
    /// confirmed is heard of here.
    pub async fn follow_clock(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut rhythm = interval(RHYTHM);
        rhythm.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut was_doubted = false;
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                _ = rhythm.tick() => {}
            }
            // A log that is away is told of by whoever needs it.
            self.hear_of_clock().await.ok();
            let doubt = self.doubt();
            metrics::gauge!("annals_clock_doubted").set(f64::from(u8::from(doubt.is_some())));
            match doubt {
                Some(Doubt { reason, expected, shown }) if !was_doubted => {
                    tracing::error!(%expected, %shown,
                        "no command is accepted: the clock {}", reason.name());
                }
                None if was_doubted => tracing::warn!("the clock is believed again"),
                Some(_) | None => {}
            }
            was_doubted = doubt.is_some();
        }
    }
}
