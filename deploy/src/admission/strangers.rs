//! Whoever fails to say who they are too often hears so, whatever they try next.
//!
//! Only the answer 401 turns into 429: each token is judged as ever, so nobody with a valid one is
//! refused for what others do who come from the same address.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Extension,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use command_service::limit::Limit;
use metrics::Counter;
use quick_cache::sync::Cache;

use crate::serve::Unlogged;

/// Failed authentications of one source.
const LIMIT: Limit = Limit::of(20, 40);
/// How many sources are told apart. Those that fail least lately are forgotten first.
const SOURCES: usize = 16_384;

/// Who failed, and how often.
pub(super) struct Strangers {
    /// Until when what each did is paid for, in microseconds since `begun`.
    paid: Cache<Option<IpAddr>, Arc<AtomicU64>>,
    begun: Instant,
    failed: Counter,
    throttled: Counter,
}

impl Strangers {
    pub(super) fn new() -> Self {
        let answered = |with: &'static str| metrics::counter!("annals_authentication_failures_total", "answered" => with);
        Self {
            paid: Cache::new(SOURCES),
            begun: Instant::now(),
            failed: answered("401"),
            throttled: answered("429"),
        }
    }

    /// The answer to a request from there; none of a known source is one that all of those share.
    pub(super) fn answer(&self, source: Option<IpAddr>, response: Response) -> Response {
        if response.status() != StatusCode::UNAUTHORIZED {
            return response;
        }
        if self.may_fail(source, self.begun.elapsed()) {
            self.failed.increment(1);
            response
        } else {
            self.throttled.increment(1);
            too_often()
        }
    }

    fn may_fail(&self, source: Option<IpAddr>, now: Duration) -> bool {
        let source = source.map(neighbourhood);
        let paid = match self.paid.get(&source) {
            Some(paid) => paid,
            None => {
                let paid = Arc::new(AtomicU64::new(0));
                self.paid.insert(source, paid.clone());
                paid
            }
        };
        let mut allows = false;
        // Never fails: the function always has a next value.
        let _previous = paid.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |micros| {
            let mut paid = Duration::from_micros(micros);
            allows = LIMIT.allows(&mut paid, now, 1);
            u64::try_from(paid.as_micros()).ok()
        });
        allows
    }
}

/// Whoever has one address of an IPv6 network mostly has all of it.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => address.into(),
            None => {
                let [a, b, c, d, ..] = address.segments();
                IpAddr::from([a, b, c, d, 0, 0, 0, 0])
            }
        },
    }
}

fn too_often() -> Response {
    const BODY: &str = "{\"status\":429,\"code\":\"auth.too_often\",\"title\":\"Too Many Requests\",\
        \"detail\":\"too many requests without a valid token came from this address; with one nobody is \
        refused for that\"}";
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json")),
        (header::RETRY_AFTER, HeaderValue::from_static("1")),
    ];
    (StatusCode::TOO_MANY_REQUESTS, headers, Extension(Unlogged), BODY).into_response()
}

#[cfg(test)]
#[path = "strangers_tests.rs"]
mod tests;
