//! What a run saw of each role, and what it must not see.

use super::{
    Effort,
    probes::{Probe, Seen},
    roles::Role,
};

/// How much more memory a process may take in a short run, in MiB, whatever it had before.
const SLACK: f64 = 64.0;
/// How many answers may be no success in a short run, where a few are a large share of all.
const FEW: u64 = 5;
/// How many lines `/metrics` may have.
const MAX_LINES: usize = 6_000;

/// One role's share of a run.
pub(super) struct Report {
    pub(super) role: Role,
    /// How often the role did what it does.
    pub(super) done: u64,
    pub(super) seen: Vec<Seen>,
    /// The memory of each process before, and the most it had, in MiB.
    pub(super) memory: Vec<(&'static str, f64, f64)>,
    /// How many lines `/metrics` has after it.
    pub(super) lines: usize,
}

impl Report {
    /// The lines of the table.
    pub(super) fn print(&self) {
        for seen in &self.seen {
            eprintln!(
                "{:<13} {:>8} | {:<8} {:>6} asked {:>5.1} % good  p50 {:>8.1} ms  p99 {:>8.1} ms  {}",
                self.role.name(),
                self.done,
                seen.probe.name(),
                seen.count(),
                seen.good() * 100.0,
                seen.milliseconds(50.0),
                seen.milliseconds(99.0),
                seen.others(),
            );
        }
        for (process, before, most) in &self.memory {
            eprintln!(
                "{:<22} | {process:<18} {before:>6.1} MiB before, {most:>6.1} MiB at most",
                ""
            );
        }
    }

    /// What is not as it has to be.
    pub(super) fn faults(&self, effort: Effort) -> Vec<String> {
        let mut faults = Vec::new();
        let mut demand = |holds: bool, what: String| {
            if !holds {
                faults.push(format!("{}: {what}", self.role.name()));
            }
        };
        for seen in &self.seen {
            let (name, good, p99) = (seen.probe.name(), seen.good(), seen.milliseconds(99.0));
            demand(seen.count() > 0, format!("{name} was not asked"));
            if self.is_due(seen.probe) {
                let is_good = good >= 0.95 || (!effort.is_long && seen.bad() <= FEW);
                demand(is_good, format!("{name}: {good:.3} good ({})", seen.others()));
            }
            if effort.is_long && seen.probe == Probe::Alive {
                demand(p99 <= 100.0, format!("{name}: p99 {p99} ms"));
            } else if effort.is_long && self.is_due(seen.probe) {
                demand(p99 <= 1_000.0, format!("{name}: p99 {p99} ms"));
            }
        }
        for (process, before, most) in &self.memory {
            let bound = if effort.is_long { before * 1.5 } else { before * 1.5 + SLACK };
            demand(*most <= bound, format!("{process}: {before} MiB before, {most} MiB at most"));
        }
        demand(self.lines <= MAX_LINES, format!("{} lines of metrics", self.lines));
        faults
    }

    /// Whether the probe has to be answered well: under five times the load others are refused, too.
    fn is_due(&self, probe: Probe) -> bool {
        match (self.role, probe) {
            (Role::Load, Probe::Command | Probe::Question) => false,
            (_, Probe::Alive | Probe::Command | Probe::Question) => true,
        }
    }
}
