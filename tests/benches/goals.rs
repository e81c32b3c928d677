//! The goals of the design, each with what was reached in this run.
//!
//! A goal whose yardstick, or whose peer, was not part of the run is left out.

use Figure::{Mib, P50, P99, PerSecond};

use crate::{
    names::{
        BARE_POSTGRES, BARE_SQLITE, CLUSTER, COLD_START, COMMANDS, CREATE, ECHO, EMBEDDED, FLUSH,
        IDLE, LISTS, PAGES_PARSED, PEAK, PUBLISH, QUESTIONS, RELAY, REPLAY, REVENUE, TIMELINE,
        YARDSTICK, as_of, visible,
    },
    overload::CALLERS,
    report::Line,
    table::{median, number},
};

/// What is looked at in a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Figure {
    PerSecond,
    P50,
    P99,
    Mib,
}

/// A figure: the best of those peers. A workload that ends in `..` need only begin so.
struct Pick(&'static [&'static str], String, u64, Figure);

/// Something to be reached.
struct Goal {
    what: &'static str,
    ours: Pick,
    /// Ours is divided by the sum of these, if there are any.
    theirs: Vec<Pick>,
    ambitious: f64,
    floor: f64,
}

const US: (&[&str], &[&str]) = (&[EMBEDDED], &[CLUSTER]);
const BARE: &[&str] = &[YARDSTICK];
const SQLITE: &[&str] = &["sqlite"];
const POSTGRES: &[&str] = &["postgres"];
const UMADB: &[&str] = &["umadb"];
const POSTGRES_PEERS: &[&str] = &[
    "cqrs-es+postgres-es",
    "emmett-postgresql",
    "message-db",
    "eventsourcing-postgres",
    "disintegrate",
];

fn pick(peers: &'static [&'static str], workload: &str, at_once: u64, figure: Figure) -> Pick {
    Pick(peers, workload.to_owned(), at_once, figure)
}

fn goal(what: &'static str, ours: Pick, theirs: Vec<Pick>, ambitious: f64, floor: f64) -> Goal {
    Goal { what, ours, theirs, ambitious, floor }
}

fn commands() -> Vec<Goal> {
    let (embedded, cluster) = US;
    let create = |peers, at_once, figure| pick(peers, CREATE, at_once, figure);
    let bare = |workload, at_once| vec![pick(BARE, workload, at_once, PerSecond)];
    let naive = pick(&["axum-sqlite"], "/contacts", 64, P99);
    let round_trip = vec![pick(BARE, FLUSH, 1, P50), pick(BARE, ECHO, 1, P50)];
    let best = |peers| vec![pick(peers, "append1..", 64, PerSecond)];
    let one = create(embedded, 64, PerSecond);
    let other = create(cluster, 64, PerSecond);
    let loaded = create(embedded, 256, PerSecond);
    vec![
        goal("SQLite, 64 at once, to the group commit", one, bare(BARE_SQLITE, 64), 0.7, 0.5),
        goal("SQLite, 256 at once, to the group commit", loaded, bare(BARE_SQLITE, 256), 0.65, 0.5),
        goal("PostgreSQL, 64 at once, to unnest", other, bare(BARE_POSTGRES, 64), 0.7, 0.5),
        goal("SQLite, 64, to the echo", create(embedded, 64, PerSecond), bare(ECHO, 64), 0.28, 0.2),
        goal("SQLite, 64, to UmaDB", create(embedded, 64, PerSecond), best(UMADB), 1.6, 1.2),
        goal("PostgreSQL, 64, to UmaDB", create(cluster, 64, PerSecond), best(UMADB), 1.6, 1.2),
        goal(
            "PostgreSQL, 64, to the best peer on PostgreSQL",
            create(cluster, 64, PerSecond),
            best(POSTGRES_PEERS),
            7.0,
            4.0,
        ),
        goal("SQLite, one, p50 to flush + echo", create(embedded, 1, P50), round_trip, 2.0, 3.0),
        goal("SQLite, 64, p99 to naive", create(embedded, 64, P99), vec![naive], 1.25, 2.0),
    ]
}

fn bulk() -> Vec<Goal> {
    let (embedded, cluster) = US;
    let lists = |peers| pick(peers, LISTS, 1, PerSecond);
    let replay = |peers| pick(peers, REPLAY, 1, PerSecond);
    let relay = pick(cluster, RELAY, 1, PerSecond);
    let of = |peers, workload| vec![pick(peers, workload, 1, PerSecond)];
    let raw = of(SQLITE, "read in global order, pages of 1000, default I/O, raw..");
    let parsed = of(SQLITE, "read in global order, pages of 1000, default I/O, JSON..");
    let batch = of(SQLITE, "append events/s, 1024 per transaction, synchronous=FULL..");
    let copy = of(POSTGRES, "append events/s, COPY BINARY..");
    let unnest = of(POSTGRES, "append events/s, UNNEST 1024..");
    let pages = of(BARE, PAGES_PARSED);
    vec![
        goal("import, SQLite, to 1,024 per transaction", lists(embedded), batch, 0.85, 0.7),
        goal("import, PostgreSQL, to COPY", lists(cluster), copy, 0.6, 0.5),
        goal("import, PostgreSQL, to unnest of 1,024", lists(cluster), unnest, 0.9, 0.7),
        goal("import per second, SQLite", lists(embedded), Vec::new(), 10_000.0, 10_000.0),
        goal("import per second, PostgreSQL", lists(cluster), Vec::new(), 10_000.0, 10_000.0),
        goal("replay, SQLite, to a raw reading", replay(embedded), raw, 0.25, 0.18),
        goal("replay, SQLite, to a parsed reading", replay(embedded), parsed, 0.85, 0.6),
        goal("replay, SQLite, to UmaDB", replay(embedded), of(UMADB, "replay of.."), 1.4, 1.0),
        goal("replay, PostgreSQL, to pages of 10,000 parsed", replay(cluster), pages, 1.8, 1.2),
        goal(
            "replay, PostgreSQL, to the best peer on it",
            replay(cluster),
            of(POSTGRES_PEERS, "replay of.."),
            0.8,
            0.5,
        ),
        goal("replay per second, SQLite", replay(embedded), Vec::new(), 50_000.0, 50_000.0),
        goal("replay per second, PostgreSQL", replay(cluster), Vec::new(), 50_000.0, 50_000.0),
        goal("relay, to a bare publisher", relay, of(BARE, PUBLISH), 0.75, 0.5),
    ]
}

fn waiting() -> Vec<Goal> {
    let (embedded, cluster) = US;
    let shown = |peers, rate, figure| pick(peers, &visible(rate), 256, figure);
    let page = |peers, figure| pick(peers, TIMELINE, 1, figure);
    let past = |peers, workload| pick(peers, &as_of(workload), 1, P50);
    let now = |peers, workload| vec![pick(peers, workload, 1, P50)];
    let alone = Vec::new;
    vec![
        goal("visible, 500/s, cluster, p50 ms", shown(cluster, 500, P50), alone(), 5.0, 10.0),
        goal("visible, 500/s, cluster, p99 ms", shown(cluster, 500, P99), alone(), 25.0, 50.0),
        goal("visible, 2,000/s, embedded, p99 ms", shown(embedded, 2_000, P99), alone(), 5.0, 5.0),
        goal("visible, 2,000/s, cluster, p99 ms", shown(cluster, 2_000, P99), alone(), 20.0, 20.0),
        goal("timeline page, embedded, p99 ms", page(embedded, P99), alone(), 5.0, 10.0),
        goal("timeline page, cluster, p99 ms", page(cluster, P99), alone(), 5.0, 10.0),
        goal(
            "timeline as of to now, embedded",
            past(embedded, TIMELINE),
            now(embedded, TIMELINE),
            2.0,
            2.0,
        ),
        goal(
            "timeline as of to now, cluster",
            past(cluster, TIMELINE),
            now(cluster, TIMELINE),
            2.0,
            2.0,
        ),
        goal(
            "revenue as of to now, embedded",
            past(embedded, REVENUE),
            now(embedded, REVENUE),
            2.0,
            2.0,
        ),
        goal(
            "revenue as of to now, cluster",
            past(cluster, REVENUE),
            now(cluster, REVENUE),
            2.0,
            2.0,
        ),
    ]
}

fn processes() -> Vec<Goal> {
    let roles = [
        (EMBEDDED, "annals", 105.0, 168.0),
        (CLUSTER, "command-service", 50.0, 80.0),
        (CLUSTER, "projection-service", 50.0, 80.0),
        (CLUSTER, "query-api", 50.0, 80.0),
    ];
    let of = |peer: &str| if peer == EMBEDDED { US.0 } else { US.1 };
    let goals = roles.into_iter().flat_map(|(peer, role, ambitious, floor)| {
        let named = |prefix: &str, at_once, figure| {
            pick(of(peer), &format!("{prefix}{role}"), at_once, figure)
        };
        [
            goal("MiB idle", named(IDLE, 0, Mib), Vec::new(), 30.0, 60.0),
            goal(
                "MiB at most, 256 connections",
                named(PEAK, 256, Mib),
                Vec::new(),
                ambitious,
                floor,
            ),
            goal("ms from start to 200", named(COLD_START, 1, P50), Vec::new(), 200.0, 500.0),
        ]
    });
    goals.collect()
}

/// What is left of the peak when five times as much is asked for, how soon the rest is refused, and
/// the memory it takes.
fn overloaded() -> Vec<Goal> {
    let kinds = [(US.0, COMMANDS), (US.1, COMMANDS), (US.0, QUESTIONS), (US.1, QUESTIONS)];
    let goals = kinds.into_iter().flat_map(|(peers, names)| {
        let of = |workload, figure| pick(peers, workload, CALLERS as u64, figure);
        let peak = |figure| vec![of(names.peak, figure)];
        [
            goal(
                "goodput at 5x, to the peak",
                of(names.good, PerSecond),
                peak(PerSecond),
                0.9,
                0.8,
            ),
            goal("refused at 5x, p99 ms", of(names.shed, P99), Vec::new(), 20.0, 50.0),
            goal("MiB at 5x, to before", of(names.good, Mib), peak(Mib), 1.2, 1.5),
        ]
    });
    goals.collect()
}

/// The goals of which everything was measured.
pub(crate) fn of(lines: &[Line]) -> String {
    let mut text = String::from(
        "\n| goal | of | figure | yardstick | ratio | ambitious | floor | reached |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    let all = [commands(), bulk(), waiting(), processes(), overloaded()];
    for goal in all.iter().flatten() {
        text += &row(lines, goal).unwrap_or_default();
    }
    text
}

fn row(lines: &[Line], goal: &Goal) -> Option<String> {
    let Goal { what, ours, theirs, ambitious, floor } = goal;
    let figure = best(lines, ours)?;
    let mut yardstick = None;
    for their in theirs {
        yardstick = Some(yardstick.unwrap_or_default() + best(lines, their)?);
    }
    let value = yardstick.map_or(figure, |yardstick| figure / yardstick);
    let holds = |limit: f64| if ours.3 == PerSecond { value >= limit } else { value <= limit };
    let reached = match (holds(*ambitious), holds(*floor)) {
        (true, _) => "ambitious",
        (false, true) => "floor",
        (false, false) => "no",
    };
    let decimals = if ours.3 == PerSecond { 0 } else { 2 };
    let (shown, other) = (number(Some(figure), decimals), number(yardstick, decimals));
    let ratio = number(yardstick.map(|_| value), 2);
    let (of, workload) = (ours.0[0], &ours.1);
    let row = format!(
        "| {what} | {of}: {workload} | {shown} | {other} | {ratio} | {ambitious} | {floor} | {reached} |\n"
    );
    Some(row)
}

/// The middle of the runs of the best of the peers.
fn best(lines: &[Line], Pick(peers, workload, at_once, figure): &Pick) -> Option<f64> {
    let is_meant = |name: &str| match workload.strip_suffix("..") {
        Some(begin) => name.starts_with(begin),
        None => name == workload,
    };
    let of = |peer: &str| {
        let lines = lines.iter().filter(|line| line.peer == peer && line.concurrency == *at_once);
        median(
            lines
                .filter(|line| is_meant(&line.workload))
                .filter_map(|line| match figure {
                    PerSecond => line.per_second,
                    P50 => line.p50_ms,
                    P99 => line.p99_ms,
                    Mib => line.peak_mb,
                })
                .collect(),
        )
    };
    let all = peers.iter().filter_map(|peer| of(peer));
    let better: fn(f64, f64) -> f64 = if *figure == PerSecond { f64::max } else { f64::min };
    all.reduce(better)
}
