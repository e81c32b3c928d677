#!/usr/bin/env bash
# Asks every operation of the OpenAPI document what it promises, with schemathesis: seeded and bounded.
#
#   tests/openapi.sh <binary> [<folder for the virtual environment>]
#
# ANNALS_TEST_POSTGRES  a PostgreSQL login that may create databases: the cluster's roles are asked, too.
# Exit code: 0 nothing was found, 1 something was, 77 Python or schemathesis cannot be had.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
binary="$(realpath "$1")"
venv="${2:-$root/target/openapi-venv}"
version=4.32.5
work="$(mktemp -d)"
started=()

finish() {
    local status=$? id
    for id in "${started[@]:-}"; do
        [ -z "$id" ] || { kill "$id" 2>/dev/null && wait "$id" 2>/dev/null; } || true
    done
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT

# The product refuses settings that it does not know: the tests' own stay out.
for name in $(compgen -e ANNALS_ || true); do
    [ "$name" = ANNALS_TEST_POSTGRES ] || unset "$name"
done

if ! "$venv/bin/st" --version 2>/dev/null | grep -qF "$version"; then
    if ! { python3 -m venv "$venv" && "$venv/bin/pip" install -q "schemathesis==$version"; } >"$work/venv" 2>&1; then
        echo "annals: Python or schemathesis $version cannot be had: $(tail -n 1 "$work/venv")" >&2
        exit 77
    fi
fi

# serve <name> <argument ..>: starts the product; its address is in SERVED.
serve() {
    local name="$1"
    shift
    (cd "$work" && exec "$binary" "$@" --listen 127.0.0.1:0) >"$work/$name.out" 2>"$work/$name.err" &
    started+=("$!")
    for _ in $(seq 1 300); do
        SERVED="$(sed -n '1s/.* serves //p' "$work/$name.out")"
        [ -z "$SERVED" ] || return 0
        kill -0 "$!" 2>/dev/null || break
        sleep 0.1
    done
    cat "$work/$name.err" >&2
    return 1
}

# ask <token file> <examples> <argument of schemathesis ..>: asks what is at SERVED.
failed=0
ask() {
    local token="$1" examples="$2"
    shift 2
    (
        cd "$work/openapi"
        # A backup would make folders of this machine by names that are drawn.
        "$venv/bin/st" --config-file schemathesis.toml run "$SERVED/openapi.json" \
            --header "Authorization: Bearer $(cat "$token")" --seed 7 --max-examples "$examples" \
            --exclude-checks positive_data_acceptance --exclude-path /admin/backup \
            --suppress-health-check all --workers 2 "$@"
    ) || failed=1
}

# What it remembers of a run stays beside its rules, so not in the project.
cp -r "$root/tests/openapi" "$work/openapi"
serve embedded --data-folder data
ask "$work/data/token" 6 --phases examples,coverage,fuzzing

if [ -n "${ANNALS_TEST_POSTGRES:-}" ] && command -v psql >/dev/null; then
    database="openapi_$$"
    psql -q "$ANNALS_TEST_POSTGRES" -c "create database $database"
    export ANNALS_POSTGRES="${ANNALS_TEST_POSTGRES%/*}/$database" ANNALS_SECRETS="$work/secrets"
    unset ANNALS_TEST_POSTGRES
    serve command-service command-service
    commands="$SERVED"
    serve projection-service projection-service
    serve query-api query-api
    ask "$work/secrets/token" 1 --phases examples,fuzzing \
        --exclude-path-regex '^/(processes|me|admin/.*|commands.*)$'
    SERVED="$commands"
    ask "$work/secrets/token" 1 --phases examples,fuzzing \
        --include-path-regex '^/(processes|me|attempts|commands.*|admin/verify)$'
fi
exit "$failed"
