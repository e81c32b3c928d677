//! The registry of metrics.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// The registry of metrics that `/metrics` shows. One per process.
pub fn registry() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        // Fails only when something else in the process records metrics; then this one stays empty.
        let _installed = ::metrics::set_global_recorder(recorder);
        handle
    })
}
