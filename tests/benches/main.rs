//! `cargo bench --package tests`: both deployments of the product beside yardsticks of the same run.
//!
//! Every claim is a ratio to a yardstick that was measured in the same run on the same machine.
//!
//! ```text
//! cargo bench --package tests -- [--seconds N] [--only embedded|cluster|processes|overload]
//! cargo bench --package tests -- --table FILE ..    the table of lines that were measured before
//! ```
//! Lines of JSON come while it runs, then the table. `benches/run-all.sh` runs the parts in one go with
//! yardsticks and peers of another folder.

#![expect(clippy::print_stdout, reason = "a benchmark says what it measured")]

// The names, what a line is, what is made of the lines.
mod names;
mod report;
mod table;
mod goals;
// The load, and whom it meets.
mod load;
mod memory;
mod product;
mod yardsticks;
// What is measured.
mod lists;
mod writing;
mod reading;
mod steady;
mod carrying;
mod processes;
mod overload;

use std::path::Path;

use product::Product;
use report::{Line, Report};
use tests::Deployment;

// The product's allocator, so that what is measured is what is shipped.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many commands a second are sent on a schedule.
const RATES: [u64; 3] = [500, 2_000, 5_000];

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--table") {
        return print_table(&arguments[at + 1..]);
    }
    let seconds = after(&arguments, "--seconds").map_or(Ok(5.0), str::parse)?;
    let only = after(&arguments, "--only");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut report = Report::default();
        let folder = tempfile::tempdir()?;
        for part in ["embedded", "cluster", "processes", "overload"] {
            if only.is_none_or(|only| only == part) {
                flush_probe(&mut report, folder.path(), &format!("before {part}"))?;
                run(&mut report, part, folder.path(), seconds).await?;
                flush_probe(&mut report, folder.path(), &format!("after {part}"))?;
            }
        }
        println!("{}", table::of(report.lines()));
        Ok(())
    })
}

async fn run(report: &mut Report, part: &str, folder: &Path, seconds: f64) -> anyhow::Result<()> {
    match part {
        "embedded" => deployment(report, Deployment::Embedded, folder, seconds).await,
        "cluster" => deployment(report, Deployment::Cluster, folder, seconds).await,
        "overload" => {
            overload::embedded(report, seconds).await?;
            overload::roles(report, seconds).await
        }
        _ => {
            processes::embedded(report, seconds).await?;
            processes::roles(report, seconds).await
        }
    }
}

/// Everything that is measured on both, and what a cluster has besides.
async fn deployment(
    report: &mut Report,
    deployment: Deployment,
    folder: &Path,
    seconds: f64,
) -> anyhow::Result<()> {
    let mut product = Product::start(deployment).await;
    writing::run(report, &product, folder, seconds).await?;
    writing::two_services(report, &mut product, seconds).await?;
    writing::alone(report, &mut product, seconds).await?;
    product.stop().await;
    flush_probe(report, folder, &format!("between writing and reading, {deployment:?}"))?;

    let mut product = Product::start(deployment).await;
    let accounts = reading::fill(report, &product).await?;
    reading::seen(report, &product, seconds).await?;
    reading::questions(report, &product, &accounts, seconds).await?;
    for rate in RATES {
        steady::run(report, &product, rate, seconds).await?;
    }
    carrying::run(report, &mut product, &accounts, seconds).await?;
    read_log(report, &product).await?;
    reading::replay(report, &product).await?;
    product.stop().await;
    Ok(())
}

/// The bare reading of the log that is replayed next.
async fn read_log(report: &mut Report, product: &Product) -> anyhow::Result<()> {
    let Product::Cluster(cluster) = product else { return Ok(()) };
    for (workload, parse) in [(names::PAGES_RAW, false), (names::PAGES_PARSED, true)] {
        let read = yardsticks::postgres::read_log(cluster.postgres.url(), parse).await?;
        report.yardstick_rate(workload, read);
    }
    Ok(())
}

/// A run whose probes before and after differ by more than half is not worth much.
fn flush_probe(report: &mut Report, folder: &Path, when: &str) -> anyhow::Result<()> {
    let seen = yardsticks::flush(folder, 1.0)?;
    report.yardstick(names::FLUSH, 1, &seen, when);
    Ok(())
}

/// The table of lines that were measured before.
fn print_table(files: &[String]) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    // Cargo's own argument comes last.
    for file in files.iter().filter(|file| !file.starts_with("--")) {
        let text = std::fs::read_to_string(file)?;
        lines.extend(text.lines().filter_map(Line::from_json));
    }
    println!("{}", table::of(&lines));
    Ok(())
}

/// What stands after a flag. Cargo passes `--bench`, which says nothing here.
fn after<'a>(arguments: &'a [String], flag: &str) -> Option<&'a str> {
    let at = arguments.iter().position(|argument| argument == flag)?;
    arguments.get(at + 1).map(String::as_str)
}
