//! What a replay saw, as it travels from the service to the operator.

use std::fmt;

use projection_service::{
    compare::Verdict,
    replay::{Phase, ReplayProgress, Report},
};
use serde::{Deserialize, Serialize};

/// What a replay saw.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReplayReport {
    /// The generation that was live.
    pub old: u32,
    /// The one that is live now.
    pub new: u32,
    /// The position at which both were cut.
    pub position: String,
    /// How many events were folded.
    pub events: u64,
    /// How long that took.
    pub seconds: f64,
    /// What became of each table.
    pub tables: Vec<ReplayedTable>,
}

/// What became of one table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReplayedTable {
    /// Its name.
    pub name: String,
    /// How many rows it has in the new generation.
    pub rows: u64,
    /// `equal`, `different`, `damaged` or `not compared`.
    pub verdict: String,
    /// The first difference, what is damaged, or why it could not be compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

const EQUAL: &str = "equal";
const DIFFERENT: &str = "different";
const DAMAGED: &str = "damaged";
const NOT_COMPARED: &str = "not compared";

impl From<Report> for ReplayReport {
    fn from(report: Report) -> Self {
        let tables = report.tables.iter().map(|table| {
            let (verdict, detail) = match &table.verdict {
                Verdict::Equal => (EQUAL, None),
                Verdict::Different(difference) => {
                    (DIFFERENT, Some(format!("{}: {}", difference.key, difference.what)))
                }
                Verdict::Damaged(what) => (DAMAGED, Some(what.to_string())),
                Verdict::NotCompared => {
                    (NOT_COMPARED, Some("it knows the present only, and events came in".to_owned()))
                }
            };
            let (name, rows) = (table.table.to_owned(), table.new.rows);
            ReplayedTable { name, rows, verdict: verdict.to_owned(), detail }
        });
        Self {
            old: report.old,
            new: report.new,
            position: report.position.to_string(),
            events: report.events,
            seconds: report.filling.as_secs_f64(),
            tables: tables.collect(),
        }
    }
}

impl ReplayReport {
    /// Whether no table differs or was damaged.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.tables.iter().all(|table| ![DIFFERENT, DAMAGED].contains(&table.verdict.as_str()))
    }
}

impl fmt::Display for ReplayReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for table in &self.tables {
            write!(f, "{:<12} {:<22} {:>9} rows", table.verdict, table.name, table.rows)?;
            if let Some(detail) = &table.detail {
                write!(f, "  {detail}")?;
            }
            writeln!(f)?;
        }
        writeln!(
            f,
            "replayed {} events in {:.1} s; generation {} is live in place of {}, compared at \
             position {}",
            self.events, self.seconds, self.new, self.old, self.position
        )
    }
}

/// What is being done, in a word or two.
#[must_use]
pub fn phase(progress: &ReplayProgress) -> String {
    match progress.phase {
        Phase::Filling => "events".to_owned(),
        Phase::Indexing => "indexing".to_owned(),
        Phase::Comparing { table } => format!("comparing {table}"),
        Phase::Switching => "switching".to_owned(),
    }
}
