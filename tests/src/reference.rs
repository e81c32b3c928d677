//! The folder of reference data, which is not part of the project.

use std::{env, path::PathBuf};

use events_log::testing::skipped;

use crate::annals::Deployment;

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
#[must_use]
pub fn reference_data(test: &str, set: &str) -> Option<PathBuf> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let data = PathBuf::from(env::var("ANNALS_DATA").unwrap_or_else(|_| default.to_owned()));
    let folder = data.join(set);
    if folder.is_dir() {
        return Some(folder);
    }
    skipped(test, &format!("the reference data `{set}` is not there"));
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

/// How the product under test is put together: `ANNALS_DEPLOYMENT` is `embedded` (the default) or
/// `cluster`.
///
/// # Panics
/// When it is set to something else.
#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment alone")]
#[must_use]
pub fn deployment() -> Deployment {
    match env::var("ANNALS_DEPLOYMENT").as_deref() {
        Err(_) | Ok("embedded") => Deployment::Embedded,
        Ok("cluster") => Deployment::Cluster,
        Ok(other) => panic!("ANNALS_DEPLOYMENT is neither embedded nor cluster: {other}"),
    }
}
