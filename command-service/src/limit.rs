//! How often something may happen: at a steady rate, with a burst beyond it now and then.
//!
//! The generic cell rate algorithm (ITU-T I.371): one time for each who is limited, until which what
//! was done is paid for. Pure: the time is an argument, as the time since any fixed moment.

use std::time::Duration;

/// So many a second, and so many more at once after a silence.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    each: Duration,
    burst: Duration,
}

impl Limit {
    /// `per_second` for ever, `burst` at once.
    #[must_use]
    pub const fn of(per_second: u32, burst: u32) -> Self {
        let each = Duration::from_nanos(1_000_000_000).checked_div(per_second);
        let Some(each) = each else { panic!("a rate of none a second limits nothing") };
        Self { each, burst: each.saturating_mul(burst) }
    }

    /// One in so many seconds, `burst` at once.
    #[cfg(test)]
    pub(crate) const fn every(seconds: u64, burst: u64) -> Self {
        let each = Duration::from_secs(seconds);
        Self { each, burst: Duration::from_secs(seconds * burst) }
    }

    /// Whether it may happen at `now`; then `count` of it are put down in `paid`, which begins at zero.
    /// What may begin may also be more than what is left: the next one waits for longer.
    #[must_use]
    pub fn allows(self, paid: &mut Duration, now: Duration, count: u32) -> bool {
        let from = now.max(*paid);
        let allows = from - now + self.each <= self.burst;
        if allows {
            *paid = from.saturating_add(self.each.saturating_mul(count));
        }
        allows
    }
}

#[cfg(test)]
#[path = "limit_tests.rs"]
mod tests;
