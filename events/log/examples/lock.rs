//! Completes new golden files and writes `schemas.lock`: to be run after an event was added.
//!
//! It never touches what is complete: a golden file or a lock line that does not fit any more is
//! for the tests to complain of, and for the version to be raised.

use std::{fs, path::Path};

use events_log::golden::{Failure, Golden, schemas_lock};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let language = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for entry in fs::read_dir(language.join("golden"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            complete(&path).await.map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    lock(&language.join("schemas.lock"))
}

async fn complete(path: &Path) -> Result<(), Failure> {
    let mut golden = Golden::parse(&fs::read_to_string(path)?)?;
    if !golden.is_complete() {
        golden.seal().await?;
        fs::write(path, golden.text()?)?;
    }
    Ok(())
}

/// Adds the lines of new types and versions; those that were locked stay as they are.
fn lock(path: &Path) -> Result<(), Failure> {
    let locked = if path.exists() { fs::read_to_string(path)? } else { String::new() };
    let known = |line: &str| locked.lines().any(|other| type_of(other) == type_of(line));
    let now = schemas_lock();
    let mut lines: Vec<_> = locked.lines().chain(now.lines().filter(|line| !known(line))).collect();
    lines.sort_unstable();
    fs::write(path, lines.join("\n") + "\n")?;
    Ok(())
}

/// The name and version at the beginning of a line.
fn type_of(line: &str) -> Option<&str> {
    line.rsplit_once(' ').map(|(event_type, _)| event_type)
}
