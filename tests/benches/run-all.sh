#!/usr/bin/env bash
# Measures both deployments in one go, and beside them, interleaved, the yardsticks and peers of
# another folder. Every line goes into one folder; the tables are made from all of them at the end.
#
#   tests/benches/run-all.sh [folder of results]        default: target/bench-results
#
# ANNALS_BENCH  a folder with a run-all.sh that takes YARDS, PEERS, SECS, RUNS and PERF_WORK and leaves
#               results/<yardstick>.jsonl and results/peer-<peer>.jsonl; without it ours run alone
# ROUNDS        how often all of it is run (default 1); the tables show the middle of the rounds
# SECS          how long each load runs (default 4)
# RUNS          how often the yardsticks and peers of that folder repeat each load (default 1)
# YARDS, PEERS  which of that folder's, in the order below without them; " " for none
# Exit code: 0 all of ours was measured, 1 something failed, 2 something is missing.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
cd "$root"
# shellcheck source=deploy/servers.sh
. deploy/servers.sh

results="${1:-${CARGO_TARGET_DIR:-target}/bench-results}"
mkdir -p "$results"
results="$(cd "$results" && pwd)"
if compgen -G "$results/*.jsonl" >/dev/null; then
    echo "annals: $results holds results already: name another folder" >&2
    exit 2
fi
rounds="${ROUNDS:-1}"
export SECS="${SECS:-4}" RUNS="${RUNS:-1}"
yards="${YARDS:-disk sqlite http pg nats}"
peers="${PEERS:-umadb cqrs-es emmett-postgresql eventsourcing message-db emmett-sqlite}"

if ! command -v cargo >/dev/null 2>&1; then
    echo "annals: \`cargo\` is needed: install Rust 1.95 or later" >&2
    exit 2
fi
need_postgres
need nats-server nats-server
need setpriv util-linux

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
bench=""
if [ -n "${ANNALS_BENCH:-}" ]; then
    bench="$(cd "$ANNALS_BENCH" && pwd)"
    if [ ! -f "$bench/run-all.sh" ]; then
        echo "annals: $bench has no run-all.sh" >&2
        exit 2
    fi
    if [ ! -w "$bench" ]; then
        cp -r "$bench" "$scratch/bench"
        chmod -R u+w "$scratch/bench"
        bench="$scratch/bench"
    fi
fi

measure() {
    cargo bench --locked --package tests --bench benches -- "$@"
}

# ours <part>: what cargo says about building stays visible, what failed too.
failed=0
ours() {
    local file="$results/$round-ours-$1.jsonl"
    if ! measure --seconds "$SECS" --only "$1" >"$scratch/out"; then
        echo "annals: $1 was not measured" >&2
        failed=1
    fi
    grep '^{' "$scratch/out" >"$file" || true
    echo "round $round: ours, $1: $(wc -l <"$file") lines" >&2
}

# theirs <yards> <peers>: runs that folder's own script for these alone, and keeps what it leaves.
theirs() {
    local name file
    if [ -z "$bench" ]; then
        return
    fi
    # A name must not be empty, or that script runs all it knows.
    if ! YARDS="${1:- }" PEERS="${2:- }" bash "$bench/run-all.sh" >"$scratch/theirs" 2>&1; then
        echo "annals: $1$2 failed: $(tail -n 1 "$scratch/theirs")" >&2
    fi
    name="${1:-peer-$2}"
    file="$results/$round-$name.jsonl"
    if [ -f "$bench/results/$name.jsonl" ]; then
        cp "$bench/results/$name.jsonl" "$file"
        rm -f "$bench/results/$name.jsonl"
        echo "round $round: $name: $(grep -c '"peer"' "$file" || true) lines" >&2
    fi
}

# is_wanted <name> <list>
is_wanted() {
    [[ " $2 " == *" $1 "* ]]
}

yard() {
    if is_wanted "$1" "$yards"; then
        theirs "$1" ""
    fi
}

measure --table >/dev/null # builds
for round in $(seq "$rounds"); do
    yard disk
    ours embedded
    yard sqlite
    yard http
    yard pg
    ours cluster
    yard nats
    ours processes
    ours overload
    for name in $yards; do
        is_wanted "$name" "disk sqlite http pg nats" || theirs "$name" ""
    done
    for name in $peers; do
        theirs "" "$name"
    done
done

{
    if [ -n "$bench" ] && [ -f "$bench/summarize.py" ]; then
        python3 "$bench/summarize.py" "$results"/*.jsonl || true
    fi
    measure --table "$results"/*.jsonl 2>/dev/null
} | tee "$results/tables.txt"
exit "$failed"
