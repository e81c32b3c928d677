//! The edges where time comes in, and ids and secrets are drawn.

use std::sync::Arc;

use aws_lc_rs::rand;
use command_service::handle::Clock;
use events::Instant;
use uuid::Uuid;

/// The system's clock: the only place that asks it.
#[expect(clippy::disallowed_methods, reason = "the edge where time comes in")]
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| Instant::from(jiff::Timestamp::now()))
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
