//! The edges where time comes in, and ids and secrets are drawn.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::rand;
use command_service::{clock::Clocks, handle::Clock};
use events::Instant;
use uuid::Uuid;

/// The system's clock: the only place that asks it.
#[expect(clippy::disallowed_methods, reason = "the edge where time comes in")]
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| Instant::from(jiff::Timestamp::now()))
}

/// What the clock shows, as a `Date` header says it (RFC 9110).
#[expect(clippy::disallowed_methods, reason = "the edge where time comes in")]
pub(crate) fn http_date() -> String {
    let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
    // Years that it cannot say are beyond every clock.
    printer.timestamp_to_rfc9110_string(&jiff::Timestamp::now()).unwrap_or_default()
}

/// The system's clock, and how long the system has been running. That goes on while a machine
/// sleeps, as the time of day does: whoever wakes up has not jumped.
#[must_use]
pub fn system_clocks() -> Clocks {
    let running = || {
        let passed = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(passed.tv_sec).unwrap_or(0);
        Duration::new(seconds, u32::try_from(passed.tv_nsec).unwrap_or(0))
    };
    Clocks { wall: system_clock(), running: Arc::new(running) }
}

#[expect(clippy::disallowed_methods, reason = "the edge where ids are drawn")]
pub(crate) fn draw_id() -> Uuid {
    Uuid::now_v7()
}

pub(crate) fn draw_secret() -> [u8; 32] {
    let mut secret = [0; 32];
    // aws-lc draws from the system; when even that fails nothing may be keyed with what is left.
    assert!(rand::fill(&mut secret).is_ok(), "the system has no randomness");
    secret
}
