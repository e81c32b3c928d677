#!/usr/bin/env bash
# Runs the whole product as a cluster on this machine, without containers: PostgreSQL, NATS and one
# process for each role, on free loopback ports, all data in one folder. Ends with Ctrl-C.
#
#   deploy/run-cluster.sh [folder]          default: annals-cluster
#
# ANNALS_BINARY        the program to run; without it `cargo build --release` makes it
# ANNALS_ORGANIZATION  .. and every other setting (see .env.sample) reach the services.
# <folder>/cluster.env holds the addresses, to be read by another shell: . <folder>/cluster.env
# Exit code: 0 ended as asked, 1 something failed, 2 something is missing.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=deploy/servers.sh
. "$here/servers.sh"

folder="${1:-annals-cluster}"
mkdir -p "$folder"
# To pass, for the database's user, and no more: the passwords in it are files of mode 0600.
chmod go-rw "$folder"
folder="$(cd "$folder" && pwd)"
exec 9>"$folder/lock"
if ! flock -n 9; then
    echo "annals: a cluster runs in $folder already" >&2
    exit 1
fi

services=() # process ids, in the order in which they are ended
servers=()

finish() {
    local status=$?
    trap - EXIT INT TERM
    local id
    for id in "${services[@]:-}"; do
        if [ -n "$id" ]; then
            kill -TERM "$id" 2>/dev/null || true
        fi
    done
    for id in "${services[@]:-}"; do
        if [ -n "$id" ]; then
            wait "$id" 2>/dev/null || true
        fi
    done
    for id in "${servers[@]:-}"; do
        if [ -n "$id" ]; then
            # To PostgreSQL it means: end now, in order.
            kill -INT "$id" 2>/dev/null || true
            wait "$id" 2>/dev/null || true
        fi
    done
    rm -f "$folder/cluster.env"
    exit "$status"
}
trap finish EXIT
trap 'exit 0' INT TERM

binary="${ANNALS_BINARY:-}"
# It is this script's own: the services refuse names that are no setting of theirs.
unset ANNALS_BINARY
if [ -z "$binary" ]; then
    if ! command -v cargo >/dev/null 2>&1; then
        echo "annals: \`cargo\` is needed: install Rust 1.95 or later" >&2
        exit 2
    fi
    (cd "$here/.." && cargo build --release --locked --bin annals) 9>&-
    binary="$(cd "$here/.." && pwd)/${CARGO_TARGET_DIR:-target}/release/annals"
    if [ ! -x "$binary" ]; then
        binary="${CARGO_TARGET_DIR}/release/annals"
    fi
fi
need_postgres
need nats-server nats-server
need setpriv util-linux

# The locks of this shell are no affair of the servers.
start_postgres "$folder/postgres" 9>&-
servers+=("$POSTGRES_ID")
start_nats "$folder/nats" 9>&-
servers+=("$NATS_ID")
# Passwords go by the environment, where only the owner of a process sees them.
export ANNALS_POSTGRES="$POSTGRES_URL" ANNALS_NATS="$NATS_URL"
export ANNALS_NATS_PASSWORD_FILE="$NATS_LOGIN" ANNALS_SECRETS="$folder/secrets"

# role <name> <port>: starts one and waits until it says where it serves. Sets ROLE_ID and ROLE_URL.
role() {
    local name="$1" out="$folder/$1.out"
    : >"$out"
    "$binary" "$name" --listen "127.0.0.1:$2" >"$out" 2>>"$folder/$name.log" 9>&- &
    ROLE_ID=$!
    services+=("$ROLE_ID")
    local tries=0
    until grep -q ' serves ' "$out"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 600 ] || ! kill -0 "$ROLE_ID" 2>/dev/null; then
            echo "annals: $name did not start: $(tail -n 1 "$folder/$name.log")" >&2
            exit 1
        fi
        sleep 0.1
    done
    ROLE_URL="$(sed -n '1s/.* serves //p' "$out")"
}

role command-service "$(free_port)"
commands="$ROLE_URL"
role projection-service "$(free_port)"
projection="$ROLE_URL"
role query-api "$(free_port)"
queries="$ROLE_URL"

token="$folder/secrets/token"
(
    umask 077
    cat >"$folder/cluster.env" <<ENV
COMMANDS=$commands QUERIES=$queries PROJECTION=$projection
export ANNALS_POSTGRES=$ANNALS_POSTGRES ANNALS_NATS=$ANNALS_NATS ANNALS_SECRETS=$ANNALS_SECRETS
export ANNALS_NATS_PASSWORD_FILE=$ANNALS_NATS_PASSWORD_FILE
export ANNALS_TOKEN_FILE=$token ANNALS_URL=$commands ANNALS_QUERIES_URL=$queries
TOKEN=\$(cat $token)
ENV
)
cat <<TEXT
annals runs as a cluster, all data in $folder
  command-service     $commands
  query-api           $queries
  projection-service  $projection
  PostgreSQL          127.0.0.1:${ANNALS_POSTGRES##*:}
  NATS                ${NATS_URL#nats://}
  logs                $folder/*.log

Try next, in another terminal (then go on with the walk through in README.md):
  export COMMANDS=$commands QUERIES=$queries TOKEN=\$(cat $token)
  curl -s -H "Authorization: Bearer \$TOKEN" -H 'Content-Type: application/json' \\
    -d '{"name":"Contoso"}' \$COMMANDS/commands/CreateAccount
  curl -s -H "Authorization: Bearer \$TOKEN" \$QUERIES/accounts
Operator's commands: . $folder/cluster.env; $binary demo; $binary replay --url \$PROJECTION
Ctrl-C ends everything; the next start goes on with the same data.
TEXT

# Until one of them ends, or somebody says so.
wait -n "${services[@]}" "${servers[@]}" || true
echo "annals: a process of the cluster has ended: see $folder/*.log" >&2
exit 1
