//! The folder of reference data, which is not part of the project.

use std::{env, fs::OpenOptions, io::Write, path::PathBuf};

/// The root of the project.
#[must_use]
pub fn project_root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The folder `set` of the reference data named by `ANNALS_DATA`, for the test of that name.
///
/// Where it is missing, the test is counted as skipped: `tests/run.sh` names a file in
/// `ANNALS_SKIPPED`, because libtest hides what a passing test prints.
///
/// # Panics
/// When the skip cannot be recorded: a skip that nobody counts would pass for a test.
#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment alone")]
#[expect(clippy::print_stderr, reason = "also visible with --nocapture, without run.sh")]
#[must_use]
pub fn reference_data(test: &str, set: &str) -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let data = PathBuf::from(env::var("ANNALS_DATA").unwrap_or_else(|_| default.to_owned()));
    let folder = data.join(set);
    if folder.is_dir() {
        return Some(folder);
    }
    let line = format!("skipped: {test}: the reference data `{set}` is not there\n");
    eprint!("{line}");
    if let Ok(file) = env::var("ANNALS_SKIPPED") {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(file)
            .and_then(|mut file| file.write_all(line.as_bytes()))
            .expect("the file named by ANNALS_SKIPPED can be written");
    }
    None
}

/// A number that the environment sets for a longer or another run.
///
/// # Panics
/// When it is set to something else.
#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment alone")]
#[must_use]
pub fn number_from(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}
