//! What an import is told, how it is prepared, and how its steps follow each other.

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow};
use deploy_console::telling::progress;
use events::values::Zone;
use indicatif::ProgressBar;
use tokio::sync::watch;

use super::{
    batch::Batches,
    invisible::named,
    lookup::Index,
    mapping::Mapping,
    pass::Import,
    plan::{Plan, PlannedStep},
    rejects::Rejects,
    report::{Outcome, StepSummary, Summary, Unfinished},
    sink::CommandSink,
};

/// How many commands go in one request: one durable write of the service takes them all.
const BATCH: usize = 500;
/// How many requests are under way, so that the service has work while rows are read.
const IN_FLIGHT: usize = 3;

/// What an import is told.
#[derive(Default)]
pub struct ImportOptions {
    /// The mapping file.
    pub mapping: PathBuf,
    /// The folder of the lists; by default the mapping's.
    pub folder: Option<PathBuf>,
    /// Lists that are somewhere else, by the name the mapping knows them by.
    pub files: BTreeMap<String, PathBuf>,
    /// A folder for the refused rows, one file for each list, to be corrected and imported.
    pub rejects: Option<PathBuf>,
    /// How many commands go in one request; by default 500.
    pub batch: Option<usize>,
    /// How many requests may be under way; by default 3.
    pub in_flight: Option<usize>,
    /// Becomes true when the import is to stop after the requests under way; by default Ctrl-C.
    pub stop: Option<watch::Receiver<bool>>,
    /// Where each refused row is told; by default stderr.
    pub report: Option<Box<dyn Write + Send>>,
    /// Whether to do without the progress bar on stderr; without a terminal it hides by itself.
    pub quiet: bool,
}

/// An import whose mapping and files make sense; nothing was sent yet.
pub struct Prepared {
    plan: Plan,
    zone: Option<Zone>,
    rejects: Rejects,
    options: ImportOptions,
}

/// Reads the mapping and the headers of its files.
///
/// # Errors
/// When the mapping makes no sense, a file is missing or unclear, or a file of refused rows is in
/// the way. One line each.
pub fn prepare(options: ImportOptions) -> Result<Prepared> {
    read(options).map_err(|error| anyhow!("{}", named(&format!("{error:#}"))))
}

fn read(options: ImportOptions) -> Result<Prepared> {
    let mapping = Mapping::load(&options.mapping)?;
    let beside = options.mapping.parent().unwrap_or_else(|| Path::new("."));
    let folder = options.folder.as_deref().unwrap_or(beside);
    let plan = Plan::new(&mapping, folder, &options.files)?;
    let rejects = Rejects::new(options.rejects.as_deref(), &plan)?;
    Ok(Prepared { plan, zone: mapping.zone, rejects, options })
}

/// Imports: [`prepare`] and [`Prepared::run`].
///
/// # Errors
/// See there.
pub async fn run<S: CommandSink>(options: ImportOptions, sink: &S) -> Result<Summary> {
    prepare(options)?.run(sink).await
}

impl Prepared {
    /// Sends the commands. What is wrong with single rows is counted and told.
    ///
    /// # Errors
    /// [`Unfinished`] when it was stopped, or the service could not be reached any more; others
    /// when the organisation's zone cannot be asked, or the refused rows cannot be written.
    pub async fn run<S: CommandSink>(self, sink: &S) -> Result<Summary> {
        let Self { plan, zone, rejects, options } = self;
        let zone = match zone {
            Some(zone) => zone,
            None => sink.zone().await?,
        };
        let stop = options.stop.unwrap_or_else(stop_on_interrupt);
        let in_flight = options.in_flight.unwrap_or(IN_FLIGHT).max(1);
        let batch = options.batch.unwrap_or(BATCH).max(1);
        let mut import = Import {
            index: Index::new(plan.slots.len()),
            zone: zone.rules(),
            rejects,
            kinds: HashMap::new(),
            missing: HashMap::new(),
            report: options.report.unwrap_or_else(|| Box::new(io::stderr())),
            bar: bar(&plan, options.quiet),
            summary: StepSummary::default(),
            plan: &plan,
        };
        let mut steps = Vec::new();
        let mut outcome = Outcome::Complete;
        for step in &plan.steps {
            let in_flight = if step.independent { in_flight } else { 1 };
            let batches = Batches::new(sink.clone(), batch, in_flight);
            let ended = import.step(step, batches, &stop).await;
            steps.push(std::mem::take(&mut import.summary));
            match ended {
                Ok(true) => continue,
                Ok(false) => outcome = Outcome::Interrupted,
                Err(error) => outcome = Outcome::Failed(error),
            }
            break;
        }
        import.bar.finish_and_clear();
        import.rejects.finish()?;
        let unused = plan.files.iter().map(|(name, file)| (name.clone(), file.unused.clone()));
        let summary = Summary { steps, unused_columns: unused.collect(), outcome };
        if matches!(summary.outcome, Outcome::Complete) {
            return Ok(summary);
        }
        for step in &summary.steps {
            writeln!(import.report, "{step}").context("cannot tell what was done")?;
        }
        Err(Unfinished(summary).into())
    }
}

/// Ctrl-C stops between two requests: what is under way has a deadline and is waited for.
fn stop_on_interrupt() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            sender.send_replace(true);
        }
    });
    receiver
}

fn bar(plan: &Plan, quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let size = |step: &PlannedStep| {
        std::fs::metadata(&plan.files[&step.file].path).map_or(0, |metadata| metadata.len())
    };
    let bar = progress("{msg} {wide_bar} {percent}% {elapsed}, {eta} left");
    bar.set_length(plan.steps.iter().map(size).sum());
    bar
}
