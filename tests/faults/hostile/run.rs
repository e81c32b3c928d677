//! One role after the other, with probes all the while.

use std::{fs, time::Duration};

use serde_json::json;
use tests::{Cluster, Http, Process, Shape};
use tokio::sync::watch;

use super::{Effort, Target, probes::Probe, report::Report, roles::Role};

/// How many thousand accounts there are before anybody is hostile.
const WARM: usize = 8;
/// The same where memory is judged: what is kept at hand has reached its bounds by then.
const WARM_LONG: usize = 64;
/// How often memory is looked at.
const GLANCE: Duration = Duration::from_millis(100);

pub(super) async fn against_one_process(effort: Effort) {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(&folder.path().join("data"));
    let target = Target { http: process.http(), processes: vec![("annals", process.id())] };
    run("one process", &target, effort).await;
}

pub(super) async fn against_a_cluster(effort: Effort) {
    let cluster = Cluster::start(Shape { commands: 1, projections: 1, queries: 1 });
    let processes = vec![
        ("command-service", cluster.commands[0].id().unwrap()),
        ("query-api", cluster.queries[0].id().unwrap()),
    ];
    let target = Target { http: cluster.http(0, 0), processes };
    run("the cluster", &target, effort).await;
}

async fn run(what: &str, target: &Target, effort: Effort) {
    more_file_handles();
    eprintln!("hostile to {what}: {:?} each, seed {}", effort.each, effort.seed);
    let user = target.http.user("Probe").await;
    let (_, token) = target.http.token_for(user, &["read", "write"]).await;
    let prober = target.http.with_token(Some(&token));
    target.http.settled().await;
    // Whatever a process needs for its work at all, it has taken by then.
    warm(&prober, if effort.is_long { WARM_LONG } else { WARM }).await;
    let mut faults = Vec::new();
    for role in Role::ALL {
        let report = act(role, target, &prober, effort).await;
        report.print();
        // What one leaves to be done is not the next one's doing.
        target.http.settled().await;
        faults.extend(report.faults(effort));
    }
    assert!(faults.is_empty(), "{what}: {faults:#?}");
}

/// What is kept at hand of new records grows with them up to a bound, whoever makes them: that is not
/// what a hostile caller costs.
async fn warm(prober: &Http, thousands: usize) {
    for batch in 0..thousands {
        let one = |number: usize| json!({ "type": "CreateAccount", "data": { "name": format!("Warm {batch} {number}") } });
        let list: Vec<_> = (0..1_000).map(one).collect();
        prober.post("/commands", &[], &json!(list)).await.ok();
    }
    prober.settled().await;
    let (stop, stopped) = watch::channel(false);
    let asking = Probe::ALL.map(|probe| tokio::spawn(probe.ask(prober.clone(), stopped.clone())));
    let mut waiting = stopped.clone();
    tokio::time::timeout(Duration::from_secs(1), waiting.changed()).await.ok();
    stop.send_replace(true);
    for asked in asking {
        asked.await.unwrap();
    }
}

/// One role, and what was seen meanwhile.
async fn act(role: Role, target: &Target, prober: &Http, effort: Effort) -> Report {
    let (stop, stopped) = watch::channel(false);
    let before: Vec<_> = target.processes.iter().map(|(_, id)| resident(*id)).collect();
    let asking = Probe::ALL.map(|probe| tokio::spawn(probe.ask(prober.clone(), stopped.clone())));
    let watching = tokio::spawn(watch_memory(target.processes.clone(), stopped.clone()));
    let timing = async {
        let mut waiting = stopped.clone();
        tokio::time::timeout(effort.each, waiting.changed()).await.ok();
        stop.send_replace(true);
    };
    let (done, ()) = tokio::join!(role.play(target, effort, &stopped), timing);
    let mut seen = Vec::new();
    for asked in asking {
        seen.push(asked.await.unwrap());
    }
    let most = watching.await.unwrap();
    let memory = target.processes.iter().zip(before.into_iter().zip(most));
    let memory = memory.map(|((name, _), (before, most))| (*name, before, most)).collect();
    let mut lines = 0;
    for url in [target.http.commands_url(), target.http.queries_url()] {
        let text = Http::new(url, "").get("/metrics").await.text();
        lines = lines.max(text.lines().count());
    }
    Report { role, done, seen, memory, lines }
}

/// The most that each process had, in MiB.
async fn watch_memory(
    processes: Vec<(&'static str, u32)>,
    stop: watch::Receiver<bool>,
) -> Vec<f64> {
    let mut glance = tokio::time::interval(GLANCE);
    let mut most = vec![0.0_f64; processes.len()];
    while !*stop.borrow() {
        glance.tick().await;
        for (most, (_, id)) in most.iter_mut().zip(&processes) {
            *most = most.max(resident(*id));
        }
    }
    most
}

/// What a process holds now, in MiB.
fn resident(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    let kib: f64 = line.trim().trim_end_matches(" kB").trim().parse().expect("a number");
    kib / 1_024.0
}

/// A hostile caller has as many connections as it likes.
fn more_file_handles() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let files = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: files.maximum, maximum: files.maximum };
    setrlimit(Resource::Nofile, raised).expect("the limit of this process may be raised");
}
