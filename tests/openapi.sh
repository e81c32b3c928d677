#!/usr/bin/env bash
# Asks every operation of the OpenAPI document what it promises, with schemathesis: seeded and bounded, of the
# product as one process and as a cluster.
#
#   tests/openapi.sh <binary> [<folder for the virtual environment>]
#
# ANNALS_TEST_POSTGRES  a PostgreSQL login that may create databases: without it there is no cluster to ask.
# Exit code: 0 nothing was found, 1 something was, 77 Python, schemathesis or PostgreSQL cannot be had.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# shellcheck source=deploy/servers.sh
. "$root/deploy/servers.sh"
binary="$(realpath "$1")"
# A run changes the folder: the path holds wherever it is.
venv="$(realpath -m "${2:-$root/target/openapi-venv}")"
version=4.32.5
# Each operation is asked everything that follows from the limits of its parameters and fields, and so many
# cases that are drawn.
drawn=4
postgres="${ANNALS_TEST_POSTGRES:-}"
work="$(mktemp -d)"
started=()

# stop <process ids ..>: ends what this shell started, in order.
stop() {
    local id
    for id in "$@"; do
        kill "$id" 2>/dev/null && wait "$id" 2>/dev/null || true
    done
}
trap 'stop "${started[@]}"; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# skip <why>: what it cannot do is said, and is no failure.
skip() {
    echo "skipped: openapi.sh: $*"
    exit 77
}

# Debian keeps what a virtual environment needs in a package of its own.
if ! python3 -c 'import ensurepip' 2>/dev/null; then
    (need ensurepip python3 python3-venv) >"$work/need" 2>&1 ||
        skip "Python's virtual environments cannot be had: $(tail -n 1 "$work/need")"
fi
if ! "$venv/bin/st" --version 2>/dev/null | grep -qF "$version"; then
    { python3 -m venv --clear "$venv" && "$venv/bin/pip" install -q "schemathesis==$version"; } >"$work/venv" 2>&1 ||
        skip "schemathesis $version cannot be had: $(tail -n 1 "$work/venv")"
fi

# The product refuses settings that it does not know: the tests' own stay out.
for name in $(compgen -e ANNALS_ || true); do
    unset "$name"
done

# serve <name> <argument ..>: starts the product in a folder of that name; its address is in SERVED.
serve() {
    local name="$1"
    shift
    (cd "$work" && exec "$binary" "$@" --listen 127.0.0.1:0) >"$work/$name.out" 2>"$work/$name.err" &
    started+=("$!")
    for _ in $(seq 1 600); do
        SERVED="$(sed -n '1s/.* serves //p' "$work/$name.out")"
        [ -z "$SERVED" ] || return 0
        kill -0 "$!" 2>/dev/null || break
        sleep 0.1
    done
    echo "openapi: $name did not start:"
    cat "$work/$name.out" "$work/$name.err"
    return 1
}

# ask <name> <address> <argument of schemathesis ..>: asks what is served there; says what it found.
ask() {
    local name="$1" address="$2" log="$work/$1.log" status=0 begun="$SECONDS"
    shift 2
    # What it remembers of a run stays in a folder of its own, so not in the project.
    cp -r "$root/tests/openapi" "$work/$name.rules"
    (cd "$work/$name.rules" && timeout 1200 "$venv/bin/st" --no-color --config-file schemathesis.toml \
        run "$address/openapi.json" --header "Authorization: Bearer $(cat "$token")" --seed 7 \
        --max-examples "$drawn" --workers 1 --warnings off "$@") >"$log" 2>&1 || status=1
    local selected tested cases
    cases="$(sed -n 's/^ *\([0-9]*\) generated.*/\1/p' "$log")"
    selected="$(sed -n 's/^ *Selected: *\([0-9]*\).*/\1/p' "$log")"
    tested="$(sed -n 's/^ *Tested: *\([0-9]*\).*/\1/p' "$log")"
    if [ "$status" -eq 0 ] && [ "${tested:-0}" -gt 0 ] && [ "$tested" = "$selected" ]; then
        echo "openapi: $name: $tested operations, $cases cases, nothing was found in $((SECONDS - begun)) s"
        return 0
    fi
    echo "openapi: $name: ${tested:-no} of ${selected:-no} operations were asked, and something was found:"
    sed -n '/= \(FAILURES\|ERRORS\) =/,$p' "$log" | grep . | head -n 120
    grep -q '= \(FAILURES\|ERRORS\) =' "$log" || tail -n 20 "$log"
    return 1
}

# know <address of the commands> <address of the questions>: makes a record of each kind.
know() {
    OPENAPI_RECORDS="$("$venv/bin/python" "$root/tests/openapi/records.py" "$1" "$2" "$token")"
    export OPENAPI_RECORDS
}

embedded() {
    trap 'stop "${started[@]}"' EXIT
    token="$work/data/token"
    # Whatever name a backup is given, its folder is made below this one.
    serve embedded --data-folder data --backups "$work/backups"
    know "$SERVED" "$SERVED"
    ask embedded "$SERVED"
}

cluster() {
    trap 'stop "${started[@]}"' EXIT
    local commands questions database="openapi_$$" failed=0 writes='^/(commands.*|attempts|processes|me|admin/(verify|backup))$'
    token="$work/secrets/token"
    "$(postgres_program psql)" -qtA "$postgres" -c "create database $database" >/dev/null
    start_nats "$work/nats"
    started+=("$NATS_ID")
    export ANNALS_POSTGRES="${postgres%/*}/$database" ANNALS_SECRETS="$work/secrets"
    export ANNALS_NATS="$NATS_URL" ANNALS_NATS_PASSWORD_FILE="$NATS_LOGIN"
    serve command-service command-service
    commands="$SERVED"
    serve projection-service projection-service
    local rebuilds="$SERVED"
    serve query-api query-api
    questions="$SERVED"
    know "$commands" "$questions"
    # Links lead from one role to another: they are followed where one process has all.
    local phases=(--phases examples,coverage,fuzzing)
    ask command-service "$commands" "${phases[@]}" --include-path-regex "$writes" || failed=1
    ask projection-service "$rebuilds" "${phases[@]}" --include-path /admin/replay || failed=1
    ask query-api "$questions" "${phases[@]}" --exclude-path-regex '^/(commands.*|processes|me|admin/.*)$' || failed=1
    return "$failed"
}

# Both at a time, each with one worker: what is drawn, and in which order it is asked, is the same every time.
embedded >"$work/embedded.said" 2>&1 &
started+=("$!")
if [ -n "$postgres" ]; then
    cluster >"$work/cluster.said" 2>&1 &
    started+=("$!")
fi
failed=0
for id in "${started[@]}"; do
    wait "$id" || failed=1
done
started=()
cat "$work"/*.said
[ "$failed" -eq 0 ] || exit 1
[ -n "$postgres" ] || skip "the cluster was not asked: ANNALS_TEST_POSTGRES names no server"
