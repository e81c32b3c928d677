#!/usr/bin/env bash
# Runs every test of the project and ends with one line that counts them.
#
#   tests/run.sh [argument of `cargo test` ..]
#
# With arguments only what they choose runs, and not `openapi.sh`, which is no test of cargo's.
#
# ANNALS_DATA    the folder of reference data (default: ../shared/data beside the project);
#                what needs it and does not find it is counted as skipped, by name.
# Exit code: 0 all passed, 1 something failed, 2 something the tests need is missing.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"
# shellcheck source=deploy/servers.sh
. deploy/servers.sh

work="$(mktemp -d)"
started=() # process ids of the servers that this run started

finish() {
    local status=$?
    local id
    for id in "${started[@]:-}"; do
        if [ -n "$id" ]; then
            # To PostgreSQL it means: end now, in order.
            kill -INT "$id" 2>/dev/null || true
            wait "$id" 2>/dev/null || true
        fi
    done
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# suite <command ..>: runs one test command; its output stays visible and is kept to be counted.
failed_suites=0
suite() {
    if ! "$@" 2>&1 | tee -a "$work/log"; then
        failed_suites=$((failed_suites + 1))
    fi
}

if ! command -v cargo >/dev/null 2>&1; then
    echo "annals: the tests need \`cargo\`: install Rust 1.95 or later" >&2
    exit 2
fi
need cc gcc libc6-dev # the bundled SQLite and the ciphers are C
need_postgres
need nats-server nats-server # tests that break it start their own
need setpriv util-linux      # PostgreSQL does not run as root
need ip iproute2             # faults between processes cut networks of their own
need nft nftables            # and this is what cuts them

data="${ANNALS_DATA:-../shared/data}"
if [ -d "$data" ]; then
    data="$(cd "$data" && pwd)"
fi
export ANNALS_DATA="$data"
# A test that cannot run appends `skipped: <name>: <why>` here: libtest hides what it prints.
export ANNALS_SKIPPED="$work/skipped"
: >"$ANNALS_SKIPPED"
: >"$work/log"

start_postgres "$work/postgres"
started+=("$POSTGRES_ID")
# Its login may create databases: every test has one of its own.
export ANNALS_TEST_POSTGRES="$POSTGRES_URL"

suite cargo test --workspace --locked --no-fail-fast "$@"
# The same journeys and bad input, from the same source, on the three services with PostgreSQL and NATS.
ANNALS_DEPLOYMENT=cluster suite cargo test --package tests --test end_to_end --test bad_input --locked --no-fail-fast "$@"

# Whether the OpenAPI document is true: one test more, where none in particular is asked for.
failed_openapi=0
asked_openapi=0
if [ "$#" -eq 0 ]; then
    asked_openapi=1
    target="${CARGO_TARGET_DIR:-target}"
    said=0
    suite cargo build --package deploy --bin annals --locked
    tests/openapi.sh "$target/debug/annals" "$target/openapi-venv" 2>&1 | tee "$work/openapi" || said="${PIPESTATUS[0]}"
    case "$said" in
    0) ;;
    77) grep '^skipped: ' "$work/openapi" >>"$ANNALS_SKIPPED" ;;
    *) failed_openapi=1 ;;
    esac
fi

# `test result: ok. 12 passed; 0 failed; 0 ignored; ..`, one line per test binary.
read -r passed failed ignored < <(awk '
    /^test result:/ {
        for (i = 2; i <= NF; i++) {
            if ($i == "passed;") passed += $(i - 1)
            if ($i == "failed;") failed += $(i - 1)
            if ($i == "ignored;") ignored += $(i - 1)
        }
    }
    END { print passed + 0, failed + 0, ignored + 0 }' "$work/log")
skipped="$(grep -c '^skipped: ' "$ANNALS_SKIPPED" || true)"
sort "$ANNALS_SKIPPED"
passed=$((passed + asked_openapi - failed_openapi))

if [ "$failed_suites" -gt 0 ] && [ "$failed" -eq 0 ]; then
    echo "annals: a test binary did not build or did not finish" >&2
    failed=1
fi
failed=$((failed + failed_openapi))
status=0
if [ "$failed" -gt 0 ]; then
    status=1
    # What each failed test said last, where whoever sees the end of the output sees it.
    awk '
        /^failures:$/ { telling = !telling; next }
        telling && /^---- .* stdout ----$/ { name[++tests] = $2; next }
        telling && tests && NF { text[tests, ++lines[tests]] = $0 }
        END {
            for (test = 1; test <= tests; test++) {
                print "failed: " name[test]
                first = lines[test] > 80 ? lines[test] - 79 : 1
                for (line = first; line <= lines[test]; line++) print "    " text[test, line]
            }
        }' "$work/log"
    if [ "$failed_openapi" -gt 0 ]; then
        echo "failed: openapi.sh"
        tail -n 200 "$work/openapi" | sed 's/^/    /'
    fi
elif [ "$((passed + ignored))" -eq 0 ]; then
    echo "annals: no test ran" >&2
    status=1
fi
# libtest counts a test that skipped itself as passed.
echo "annals: $((passed - skipped)) passed, $failed failed, $((skipped + ignored)) skipped"
exit "$status"
