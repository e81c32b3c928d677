//! What is measured, by name: the lines, the table and the goals speak of the same.

/// Who a line is about.
pub(crate) const EMBEDDED: &str = "annals";
pub(crate) const CLUSTER: &str = "annals-cluster";
pub(crate) const YARDSTICK: &str = "yardstick";

// The yardsticks.
pub(crate) const FLUSH: &str = "4 KiB write and flush";
pub(crate) const ECHO: &str = "axum echo of the same body";
pub(crate) const BARE_SQLITE: &str = "group commit in process, SQLite, nothing else";
pub(crate) const BARE_POSTGRES: &str = "group commit in process, PostgreSQL unnest, nothing else";
pub(crate) const PAGES_RAW: &str = "the log read from PostgreSQL in pages of 10,000, raw";
pub(crate) const PAGES_PARSED: &str =
    "the log read from PostgreSQL in pages of 10,000, JSON parsed";
pub(crate) const PUBLISH: &str = "JetStream publish with a message id, 256 outstanding";

// The product.
pub(crate) const CREATE: &str = "CreateContact over HTTP, durable, sealed";
pub(crate) const LISTS: &str = "commands in lists of 1,000, durable, sealed";
pub(crate) const LISTS_SHOWN: &str = "commands in lists of 1,000 until all read models show them";
pub(crate) const SEEN: &str = "from acknowledged to seen over HTTP, one caller";
pub(crate) const TIMELINE: &str = "timeline page of an account";
pub(crate) const REVENUE: &str = "expected revenue of an account";
pub(crate) const REVENUE_BY_OWNER: &str = "expected revenue by owner, 20,000 deals";
pub(crate) const VERIFY: &str = "verify: read, hash and decode the log";
pub(crate) const REPLAY: &str = "replay: all read models with their history";
pub(crate) const RELAY: &str = "relay: a backlog to JetStream";
pub(crate) const ONE_SERVICE: &str = "CreateContact, one command service";
pub(crate) const TWO_SERVICES: &str = "CreateContact, two command services";
pub(crate) const ALONE: &str = "CreateContact, no projection service running";
/// The role follows, in these four.
pub(crate) const COLD_START: &str = "cold start to the first 200: ";
pub(crate) const IDLE: &str = "resident memory, idle: ";
pub(crate) const LOADED: &str = "resident memory after 256 connections: ";
pub(crate) const PEAK: &str = "most resident memory since the start: ";

/// A question about the past.
pub(crate) fn as_of(workload: &str) -> String {
    format!("{workload}, as of")
}

/// From the 200 of a command to the first 200 of a question that has to see it.
pub(crate) fn visible(rate: u64) -> String {
    format!("from acknowledged to visible at {rate} commands/s")
}

/// The command itself at that rate.
pub(crate) fn paced(rate: u64) -> String {
    format!("a command at {rate} commands/s, from when it was due")
}

/// A kind of work that is overloaded.
pub(crate) struct Overload {
    /// Its peak, in a closed loop.
    pub(crate) peak: &'static str,
    /// What is answered in time at five times the peak.
    pub(crate) good: &'static str,
    /// What is refused then.
    pub(crate) shed: &'static str,
    /// What was sent, by how late after it was due.
    pub(crate) sent: &'static str,
}

pub(crate) const COMMANDS: Overload = Overload {
    peak: "CreateContact before 5x, 64 at once",
    good: "CreateContact at 5x its peak, answered within 2 s",
    shed: "CreateContact at 5x its peak, refused",
    sent: "CreateContact at 5x its peak, sent",
};
pub(crate) const QUESTIONS: Overload = Overload {
    peak: "page of accounts before 5x, 64 at once",
    good: "page of accounts at 5x its peak, answered within 2 s",
    shed: "page of accounts at 5x its peak, refused",
    sent: "page of accounts at 5x its peak, sent",
};
