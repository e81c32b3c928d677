//! The hostile client: callers who are slow, deaf, many, inventive or strangers, each for some seconds,
//! while probes ask from the same address what they always ask.
//!
//! A run in CI shows that answers keep coming and that memory and metrics stay bounded. A long run judges
//! the figures too: `ANNALS_HOSTILE_SECONDS=600 cargo test --release -p tests --test faults hostile --
//! --nocapture` gives each role its share of that time, prints a table, and fails where a figure is beyond
//! its bound. `ANNALS_SEED` draws other bytes, names and moments.

use std::time::Duration;

use tests::{Http, number_from};

// What each kind of caller does.
mod roles;
// Who asks meanwhile, and how long that takes.
mod probes;
// What a run saw, and what it must not see.
mod report;
// Against one process, and against three services.
mod run;

use roles::Role;

/// How long one role lasts in CI.
const SHORT: Duration = Duration::from_secs(4);

/// The services under attack.
struct Target {
    http: Http,
    /// Their processes, by role.
    processes: Vec<(&'static str, u32)>,
}

/// How hard and how long.
#[derive(Clone, Copy, Debug)]
struct Effort {
    /// How long each role lasts.
    each: Duration,
    /// Whether figures are judged, and connections are as many as it takes.
    is_long: bool,
    seed: u64,
}

impl Effort {
    fn from_environment() -> Self {
        let seconds = number_from("ANNALS_HOSTILE_SECONDS").unwrap_or(0);
        let roles = u64::try_from(Role::ALL.len()).unwrap();
        let each = match seconds {
            0 => SHORT,
            seconds => Duration::from_secs((seconds / roles).max(1)),
        };
        Self { each, is_long: seconds > 0, seed: number_from("ANNALS_SEED").unwrap_or(1) }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_process_answers_others_whatever_hostile_callers_do() {
    run::against_one_process(Effort::from_environment()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cluster_answers_others_whatever_hostile_callers_do() {
    run::against_a_cluster(Effort::from_environment()).await;
}
