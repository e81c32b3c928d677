//! What was measured: a JSON line each while it runs, a table at the end.

use serde_json::json;

/// One measurement.
pub(crate) struct Line {
    pub(crate) workload: String,
    pub(crate) concurrency: usize,
    pub(crate) per_second: Option<f64>,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    pub(crate) note: String,
}

/// All measurements of a run, in order.
#[derive(Default)]
pub(crate) struct Report(Vec<Line>);

impl Report {
    /// Keeps a measurement and prints it as a JSON line.
    pub(crate) fn add(&mut self, line: Line) {
        println!(
            "{}",
            json!({
                "peer": "annals",
                "workload": line.workload,
                "concurrency": line.concurrency,
                "ops_per_s": line.per_second.map(|value| value.round()),
                "p50_ms": line.p50_ms,
                "p99_ms": line.p99_ms,
                "note": line.note,
            })
        );
        self.0.push(line);
    }

    /// Throughput and latency of a load.
    pub(crate) fn load(&mut self, workload: &str, concurrency: usize, seen: &crate::load::Seen) {
        self.add(Line {
            workload: workload.to_owned(),
            concurrency,
            per_second: Some(seen.per_second),
            p50_ms: Some(seen.percentile_ms(50.0)),
            p99_ms: Some(seen.percentile_ms(99.0)),
            note: String::new(),
        });
    }

    /// A rate.
    pub(crate) fn rate(&mut self, workload: &str, concurrency: usize, per_second: f64) {
        self.add(Line {
            workload: workload.to_owned(),
            concurrency,
            per_second: Some(per_second),
            p50_ms: None,
            p99_ms: None,
            note: String::new(),
        });
    }

    /// Something that is neither.
    pub(crate) fn note(&mut self, workload: &str, note: String) {
        self.add(Line {
            workload: workload.to_owned(),
            concurrency: 0,
            per_second: None,
            p50_ms: None,
            p99_ms: None,
            note,
        });
    }

    /// Prints the table.
    pub(crate) fn table(&self) {
        println!("\n| workload | at once | per second | p50 ms | p99 ms | |");
        println!("|---|---|---|---|---|---|");
        let number = |value: Option<f64>, decimals: usize| {
            value.map_or_else(String::new, |value| format!("{value:.decimals$}"))
        };
        for line in &self.0 {
            let at_once =
                if line.concurrency == 0 { String::new() } else { line.concurrency.to_string() };
            println!(
                "| {} | {at_once} | {} | {} | {} | {} |",
                line.workload,
                number(line.per_second, 0),
                number(line.p50_ms, 2),
                number(line.p99_ms, 2),
                line.note,
            );
        }
    }
}
