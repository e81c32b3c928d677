//! What was measured: a JSON line each, as the yardsticks and peers print them.

use serde_json::{Value, json};

use crate::{load::Seen, memory, names::YARDSTICK, product::Product};

/// One measurement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    pub(crate) peer: String,
    pub(crate) workload: String,
    pub(crate) concurrency: u64,
    pub(crate) per_second: Option<f64>,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    /// The memory of the product's processes, or of the yardstick's, in MiB.
    pub(crate) peak_mb: Option<f64>,
    pub(crate) note: String,
}

impl Line {
    fn of(peer: &str, workload: &str, concurrency: usize) -> Self {
        let (peer, workload) = (peer.to_owned(), workload.to_owned());
        Self { peer, workload, concurrency: concurrency as u64, ..Self::default() }
    }

    fn with(self, seen: &Seen) -> Self {
        let (p50_ms, p99_ms) = (Some(seen.percentile_ms(50.0)), Some(seen.percentile_ms(99.0)));
        Self { per_second: Some(seen.per_second), p50_ms, p99_ms, ..self }
    }

    /// The line; what was not measured is left out of it.
    fn to_json(&self) -> Value {
        let per_second = self.per_second.map(f64::round);
        let mut line = json!({
            "peer": self.peer,
            "workload": self.workload,
            "concurrency": self.concurrency,
            "ops_per_s": per_second,
            "min": per_second,
            "max": per_second,
            "peak_mb": self.peak_mb.map(f64::round),
            "server_peak_mb": null,
        });
        if let (Some(p50), Some(p99)) = (self.p50_ms, self.p99_ms) {
            line["p50_ms"] = p50.into();
            line["p99_ms"] = p99.into();
        }
        if !self.note.is_empty() {
            line["note"] = self.note.clone().into();
        }
        line
    }

    /// A line of ours, of a yardstick or of a peer; none where it is something else.
    pub(crate) fn from_json(text: &str) -> Option<Self> {
        let line: Value = serde_json::from_str(text).ok()?;
        // The load generator of the HTTP yardsticks writes its figures in a line within the line.
        let figures = line.get("wrk").unwrap_or(&line);
        let figure = |name: &str| figures[name].as_f64();
        Some(Self {
            peer: line["peer"].as_str()?.to_owned(),
            workload: line["workload"].as_str()?.to_owned(),
            concurrency: line["concurrency"].as_u64()?,
            per_second: figure("ops_per_s").or_else(|| figure("rps")),
            p50_ms: figure("p50_ms"),
            p99_ms: figure("p99_ms"),
            peak_mb: line["peak_mb"].as_f64(),
            note: String::new(),
        })
    }
}

/// All measurements of a run, in order.
#[derive(Default)]
pub(crate) struct Report(Vec<Line>);

impl Report {
    /// Keeps a measurement and prints it as a JSON line.
    fn add(&mut self, line: Line) {
        println!("{}", line.to_json());
        self.0.push(line);
    }

    /// Throughput and latency of a load on the product.
    pub(crate) fn load(&mut self, product: &Product, workload: &str, at_once: usize, seen: &Seen) {
        let line = Line::of(product.peer(), workload, at_once).with(seen);
        self.add(Line { peak_mb: product.peak_mb(), ..line });
    }

    /// Throughput and latency of a load on processes that hold so much memory.
    pub(crate) fn of(
        &mut self,
        peer: &str,
        workload: &str,
        at_once: usize,
        seen: &Seen,
        mb: Option<f64>,
    ) {
        self.add(Line { peak_mb: mb, ..Line::of(peer, workload, at_once).with(seen) });
    }

    /// A rate of the product.
    pub(crate) fn rate(&mut self, product: &Product, workload: &str, per_second: f64) {
        let line = Line::of(product.peer(), workload, 1);
        let (per_second, peak_mb) = (Some(per_second), product.peak_mb());
        self.add(Line { per_second, peak_mb, ..line });
    }

    /// How long something of the product takes, and that something is all there is to say.
    pub(crate) fn times(&mut self, peer: &str, workload: &str, seen: &Seen) {
        let line = Line::of(peer, workload, 1).with(seen);
        self.add(Line { per_second: None, ..line });
    }

    /// The memory of a process of the product.
    pub(crate) fn memory(&mut self, peer: &str, workload: &str, at_once: usize, mb: Option<f64>) {
        self.add(Line { peak_mb: mb, ..Line::of(peer, workload, at_once) });
    }

    /// A yardstick.
    pub(crate) fn yardstick(&mut self, workload: &str, at_once: usize, seen: &Seen, note: &str) {
        let line = Line::of(YARDSTICK, workload, at_once).with(seen);
        let peak_mb = memory::peak(std::process::id());
        self.add(Line { peak_mb, note: note.to_owned(), ..line });
    }

    /// A yardstick that is a rate and nothing else.
    pub(crate) fn yardstick_rate(&mut self, workload: &str, per_second: f64) {
        let per_second = Some(per_second);
        self.add(Line { per_second, ..Line::of(YARDSTICK, workload, 1) });
    }

    /// What was measured.
    pub(crate) fn lines(&self) -> &[Line] {
        &self.0
    }
}
