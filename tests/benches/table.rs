//! Both deployments side by side, each beside its yardstick.

use crate::{
    goals,
    names::{
        ALONE, BARE_POSTGRES, BARE_SQLITE, CLUSTER, COMMANDS, CREATE, ECHO, EMBEDDED, ONE_SERVICE,
        PAGES_PARSED, PAGES_RAW, PUBLISH, QUESTIONS, RELAY, REPLAY, TWO_SERVICES, VERIFY,
        YARDSTICK,
    },
    report::Line,
};

/// What a workload of a deployment is held against: a line of that peer with as many at once.
const AGAINST: [(&str, &str, &str, &str); 13] = [
    (EMBEDDED, CREATE, YARDSTICK, BARE_SQLITE),
    (CLUSTER, CREATE, YARDSTICK, BARE_POSTGRES),
    (CLUSTER, ONE_SERVICE, YARDSTICK, BARE_POSTGRES),
    (CLUSTER, TWO_SERVICES, CLUSTER, ONE_SERVICE),
    (CLUSTER, ALONE, YARDSTICK, BARE_POSTGRES),
    (CLUSTER, VERIFY, YARDSTICK, PAGES_RAW),
    (EMBEDDED, REPLAY, EMBEDDED, VERIFY),
    (CLUSTER, REPLAY, YARDSTICK, PAGES_PARSED),
    (CLUSTER, RELAY, YARDSTICK, PUBLISH),
    (EMBEDDED, COMMANDS.good, EMBEDDED, COMMANDS.peak),
    (CLUSTER, COMMANDS.good, CLUSTER, COMMANDS.peak),
    (EMBEDDED, QUESTIONS.good, EMBEDDED, QUESTIONS.peak),
    (CLUSTER, QUESTIONS.good, CLUSTER, QUESTIONS.peak),
];

/// A figure of several runs: the one in the middle.
#[derive(Clone, Copy, Debug)]
struct Cell {
    per_second: Option<f64>,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    peak_mb: Option<f64>,
}

/// Yardsticks, then what was measured on both deployments, then the goals.
pub(crate) fn of(lines: &[Line]) -> String {
    let mut text = String::from(
        "\n| yardstick | at once | per second [least .. most] | p50 ms | p99 ms |\n|---|---|---|---|---|\n",
    );
    for (workload, at_once) in rows(lines, &[YARDSTICK]) {
        if let Some(cell) = cell(lines, YARDSTICK, workload, at_once) {
            let spread = spread(lines, YARDSTICK, workload, at_once);
            let (p50, p99) = (number(cell.p50_ms, 2), number(cell.p99_ms, 2));
            text += &format!("| {workload} | {at_once} | {spread} | {p50} | {p99} |\n");
        }
    }
    text += "\n| | at once | embedded: per second | p50 ms | p99 ms | to its yardstick | peak MiB \
             | cluster: per second | p50 ms | p99 ms | to its yardstick | peak MiB |\n\
             |---|---|---|---|---|---|---|---|---|---|---|---|\n";
    for (workload, at_once) in rows(lines, &[EMBEDDED, CLUSTER]) {
        let sides = [EMBEDDED, CLUSTER].map(|peer| side(lines, peer, workload, at_once));
        text += &format!("| {workload} | {at_once} | {} | {} |\n", sides[0], sides[1]);
    }
    text + &echoes(lines) + &goals::of(lines)
}

/// The workloads of those peers, in the order in which they were first measured.
fn rows<'a>(lines: &'a [Line], peers: &[&str]) -> Vec<(&'a str, u64)> {
    let mut rows = Vec::new();
    for line in lines.iter().filter(|line| peers.contains(&line.peer.as_str())) {
        let row = (line.workload.as_str(), line.concurrency);
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows
}

/// The columns of one deployment.
fn side(lines: &[Line], peer: &str, workload: &str, at_once: u64) -> String {
    let Some(cell) = cell(lines, peer, workload, at_once) else {
        return " | | | | ".to_owned();
    };
    let against = AGAINST.iter().find(|(who, what, ..)| (*who, *what) == (peer, workload));
    let other = against.and_then(|(_, _, who, what)| self::cell(lines, who, what, at_once));
    let ratio = other.and_then(|other| Some(cell.per_second? / other.per_second?));
    [
        number(cell.per_second, 0),
        number(cell.p50_ms, 2),
        number(cell.p99_ms, 2),
        number(ratio, 2),
        number(cell.peak_mb, 0),
    ]
    .join(" | ")
}

/// How near commands come to an echo.
fn echoes(lines: &[Line]) -> String {
    let mut text = String::new();
    for (workload, at_once) in rows(lines, &[YARDSTICK]) {
        if workload != ECHO {
            continue;
        }
        let of = |peer, workload| cell(lines, peer, workload, at_once)?.per_second;
        let ratio = |peer| Some(of(peer, CREATE)? / of(YARDSTICK, ECHO)?);
        let (embedded, cluster) = (number(ratio(EMBEDDED), 2), number(ratio(CLUSTER), 2));
        text += &format!("\n{CREATE}, to the echo, {at_once} at once: {embedded}, {cluster}");
    }
    text + "\n"
}

fn cell(lines: &[Line], peer: &str, workload: &str, at_once: u64) -> Option<Cell> {
    let of =
        |figure: fn(&Line) -> Option<f64>| median(figures(lines, peer, workload, at_once, figure));
    let cell = Cell {
        per_second: of(|line| line.per_second),
        p50_ms: of(|line| line.p50_ms),
        p99_ms: of(|line| line.p99_ms),
        peak_mb: of(|line| line.peak_mb),
    };
    let is_there = cell.per_second.or(cell.p50_ms).or(cell.peak_mb).is_some();
    is_there.then_some(cell)
}

fn figures(
    lines: &[Line],
    peer: &str,
    workload: &str,
    at_once: u64,
    figure: fn(&Line) -> Option<f64>,
) -> Vec<f64> {
    let mine = lines.iter().filter(|line| {
        (&*line.peer, &*line.workload, line.concurrency) == (peer, workload, at_once)
    });
    mine.filter_map(figure).collect()
}

fn spread(lines: &[Line], peer: &str, workload: &str, at_once: u64) -> String {
    let all = figures(lines, peer, workload, at_once, |line| line.per_second);
    let (least, most) = all
        .iter()
        .fold((f64::MAX, 0.0_f64), |(least, most), figure| (least.min(*figure), most.max(*figure)));
    let middle = number(median(all.clone()), 0);
    if all.len() < 2 { middle } else { format!("{middle} [{least:.0} .. {most:.0}]") }
}

/// The one in the middle.
pub(crate) fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}

/// A number as the tables show it; nothing where there is none.
pub(crate) fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(String::new, |value| format!("{value:.decimals$}"))
}
