//! Log lines.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Log, LogFormat, LogLevel, wants_no_colour};

/// Starts writing log lines to standard error. A second call changes nothing.
pub fn start(log: &Log) {
    let level = match log.log_level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    };
    // Libraries write bodies at `debug`; only our own crates may go below `info`.
    let others = if level == "debug" { "info" } else { level };
    // What goes wrong with NATS is told by our own adapter, once.
    let filter = format!(
        "{others},async_nats=off,annals={level},deploy={level},events={level},events_log={level},\
         command_service={level},projection_service={level},query_api={level}"
    );
    // A file or a pipe shows the codes of colours as they are; `NO_COLOR` asks terminals for none.
    let builder = fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && !wants_no_colour());
    // Fails only when a subscriber stands already, as in tests.
    let _started = match log.log_format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
