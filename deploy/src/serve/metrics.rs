//! The registry of metrics, and what each of them means.

use std::sync::OnceLock;

use ::metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// The bounds of durations, in seconds.
const BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// What counts up.
const COUNTERS: [(&str, &str); 14] = [
    ("annals_admission_admitted_total", "Requests that were let in, by kind of work."),
    (
        "annals_admission_shed_total",
        "Requests that were refused because too many came, by kind of work and code.",
    ),
    ("annals_append_conflicts_total", "Appends that another one on the same stream came before."),
    (
        "annals_authentication_failures_total",
        "Requests without a valid token, by the status that answered them.",
    ),
    ("annals_bus_skipped_total", "Messages on the bus that were passed over, by reason."),
    (
        "annals_bus_too_large_total",
        "Events that are too large for the bus; followers read the log.",
    ),
    ("annals_cache_foreign_events_total", "Events of other command services that were taken up."),
    ("annals_commands_accepted_total", "Commands that took effect, by command."),
    ("annals_commands_refused_total", "Commands that were refused, by the code of the rule."),
    (
        "annals_http_connections_ended_total",
        "Connections that the server ended, by what lasted too long.",
    ),
    ("annals_http_refused_total", "Requests that were refused before a route saw them, by code."),
    ("annals_log_damage_total", "Reads of the log that met damage."),
    ("annals_projection_events_total", "Events that were folded into the read models."),
    (
        "annals_reactions_refused_total",
        "Reactions of process managers that were refused, by command.",
    ),
];
/// What goes up and down.
const GAUGES: [(&str, &str); 12] = [
    ("annals_bus_connected", "Whether the bus carries: 1 or 0."),
    ("annals_clock_doubted", "Whether commands wait because the clock is not believed: 1 or 0."),
    ("annals_http_connections", "Connections that are open."),
    ("annals_keys_unreadable", "Keys that were needed and are missing or damaged."),
    ("annals_log_damaged_places", "Places of the log that are known to be damaged."),
    ("annals_log_head_position", "Where the log ends; not a number: it does not say."),
    ("annals_projection_lag_events", "Events that the read models are behind the log."),
    ("annals_projection_position", "The position that the read models are at."),
    ("annals_projection_stopped", "Whether the read models stopped at an event: 1 or 0."),
    ("annals_query_connections_in_use", "Connections to the read models that questions hold."),
    ("annals_relay_lag_events", "Events that are not on the bus yet."),
    ("annals_relay_position", "The position that the bus has come to."),
];
/// What has a distribution.
const HISTOGRAMS: [(&str, &str); 4] = [
    (
        "annals_admission_wait_seconds",
        "How long requests waited until they were let in, by kind of work.",
    ),
    ("annals_command_duration_seconds", "How long commands took to take effect, by command."),
    (
        "annals_http_request_duration_seconds",
        "How long requests took, by method, route and class of status.",
    ),
    (
        "annals_projection_batch_duration_seconds",
        "How long batches of events took to fold and to commit.",
    ),
];

/// The registry of metrics that `/metrics` shows. One per process.
pub fn registry() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        // Fails only without a bucket.
        let builder = PrometheusBuilder::new();
        let builder = builder.set_buckets(&BUCKETS).unwrap_or_default();
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        // Fails only when something else in the process records metrics; then this one stays empty.
        let _installed = ::metrics::set_global_recorder(recorder);
        describe();
        handle
    })
}

fn describe() {
    for (name, help) in COUNTERS {
        describe_counter!(name, help);
    }
    for (name, help) in GAUGES {
        describe_gauge!(name, help);
    }
    for (name, help) in HISTOGRAMS {
        describe_histogram!(name, help);
    }
}

/// Sorts measurements into their buckets. Otherwise they pile up until somebody asks for `/metrics`.
pub(super) fn keep_up() {
    registry().run_upkeep();
}
