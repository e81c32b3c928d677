//! `cargo bench --package tests`: the product beside yardsticks of the same run.
//!
//! Every claim is a ratio to a yardstick that was measured in the same run on the same machine: the
//! bare axum echo, the bare group-commit loop and the bare flush. Pass `--seconds 1` for a quick look.

#![expect(clippy::print_stdout, reason = "a benchmark says what it measured")]

mod load;
mod report;
mod yardsticks;
mod writing;
mod reading;

use report::Report;
use tests::Annals;

fn main() -> anyhow::Result<()> {
    let seconds = seconds();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut report = Report::default();
        let folder = tempfile::tempdir()?;
        flush_probe(&mut report, folder.path(), "before")?;
        writing::run(&mut report, folder.path(), seconds).await?;
        let mut annals = Annals::start().await;
        reading::run(&mut report, &mut annals, seconds).await?;
        annals.stop().await;
        flush_probe(&mut report, folder.path(), "after")?;
        report.table();
        Ok(())
    })
}

/// A run whose probes before and after differ by more than half is not worth much.
fn flush_probe(report: &mut Report, folder: &std::path::Path, when: &str) -> anyhow::Result<()> {
    let seen = yardsticks::flush(folder, 1.0)?;
    report.load(&format!("yardstick: 4 KiB write and flush, {when}"), 1, &seen);
    Ok(())
}

/// How long each load runs. Cargo passes `--bench`, which says nothing here.
fn seconds() -> f64 {
    let arguments: Vec<String> = std::env::args().collect();
    let named = arguments.iter().position(|argument| argument == "--seconds");
    named.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(5.0)
}
