//! A test that cannot run says so, and is counted.

use std::{fs::OpenOptions, io::Write};

/// Counts the test of that name as skipped: `tests/run.sh` names a file in `ANNALS_SKIPPED`, because
/// libtest hides what a passing test prints.
///
/// # Panics
/// When the skip cannot be recorded: a skip that nobody counts would pass for a test.
#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment alone")]
#[expect(clippy::print_stderr, reason = "also visible with --nocapture, without run.sh")]
pub fn skipped(test: &str, why: &str) {
    let line = format!("skipped: {test}: {why}\n");
    eprint!("{line}");
    if let Ok(file) = std::env::var("ANNALS_SKIPPED") {
        let file = OpenOptions::new().create(true).append(true).open(file);
        let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
        assert!(written.is_ok(), "the file named by ANNALS_SKIPPED cannot be written");
    }
}
