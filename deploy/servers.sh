# Starts the servers that a cluster stands on: PostgreSQL and NATS, from Debian's packages, on free
# loopback ports, with all data in a folder that is named. To be sourced, by a script with `set -u`.

# need <program> <Debian package ..>: installs the packages when the program is missing.
need() {
    local program="$1"
    shift
    if command -v "$program" >/dev/null 2>&1; then
        return
    fi
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        echo "annals: \`$program\` is needed: install $*" >&2
        exit 2
    fi
    echo "annals: installing $* for \`$program\`" >&2
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# postgres_program <name>: where a program of PostgreSQL's server is; Debian keeps them off the path.
postgres_program() {
    local found
    found="$(ls -d /usr/lib/postgresql/*/bin/"$1" 2>/dev/null | sort -V | tail -n 1)"
    if [ -z "$found" ]; then
        found="$(command -v "$1" || true)"
    fi
    printf '%s' "$found"
}

# need_postgres: installs PostgreSQL where it is missing, without a server of the system's own.
need_postgres() {
    if [ -n "$(postgres_program initdb)" ]; then
        return
    fi
    if [ "$(id -u)" -eq 0 ] && [ -d /etc ]; then
        mkdir -p /etc/postgresql-common/createcluster.d
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/annals.conf
    fi
    need initdb postgresql
    if [ -z "$(postgres_program initdb)" ]; then
        echo "annals: PostgreSQL is needed: install postgresql" >&2
        exit 2
    fi
}

# free_port: a port of the loopback interface that nobody listens on.
free_port() {
    local port
    for port in $(shuf -i 20000-32000 -n 200); do
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            printf '%s' "$port"
            return
        fi
    done
    echo "annals: no free port was found" >&2
    exit 1
}

# start_postgres <folder> [option ..]: makes the folder a database cluster where it is none, and
# starts a server on it, on POSTGRES_PORT or any free one. Sets POSTGRES_ID, the process, and
# POSTGRES_URL, the address of the database annals, whose login may create others. The password lies
# beside the folder, in postgres.password (mode 0600), as well.
start_postgres() {
    local folder="$1" port secret password log as=()
    shift
    if [ "$(id -u)" -eq 0 ]; then
        # PostgreSQL does not run as root. It takes this program's place: its process is the server.
        as=(setpriv --reuid=postgres --regid=postgres --init-groups)
    fi
    secret="$(dirname "$folder")/postgres.password"
    log="$(dirname "$folder")/postgres.log"
    if [ ! -e "$folder/PG_VERSION" ]; then
        mkdir -p "$folder"
        (umask 077 && head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$secret")
        if [ "$(id -u)" -eq 0 ]; then
            chown postgres "$folder" "$secret"
            # The folders above must let the server through, no more.
            chmod o+x "$(dirname "$folder")"
        fi
        "${as[@]}" "$(postgres_program initdb)" --pgdata="$folder" --username=postgres \
            --auth-host=scram-sha-256 --auth-local=scram-sha-256 --pwfile="$secret" \
            --encoding=UTF8 --locale=C.UTF-8 --data-checksums >"$log" 2>&1
    fi
    port="${POSTGRES_PORT:-$(free_port)}"
    password="$(cat "$secret")"
    : >>"$log"
    "${as[@]}" "$(postgres_program postgres)" -D "$folder" \
        -c listen_addresses=127.0.0.1 -c port="$port" -c unix_socket_directories='' \
        -c shared_buffers=256MB -c max_wal_size=4GB -c max_connections=200 "$@" >>"$log" 2>&1 &
    POSTGRES_ID=$!
    # By the environment: a command line is seen by everybody.
    local -x PGPASSWORD="$password" PGCONNECT_TIMEOUT=2
    local psql=("$(postgres_program psql)"
        -qtA -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$port" -U postgres)
    local tries=0
    until "${psql[@]}" -d postgres -c 'select 1' >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ "$tries" -gt 300 ] || ! kill -0 "$POSTGRES_ID" 2>/dev/null; then
            echo "annals: PostgreSQL did not start: see $log" >&2
            exit 1
        fi
        sleep 0.1
    done
    if ! "${psql[@]}" -d postgres -c "select 'there' from pg_database where datname = 'annals'" |
        grep -q there; then
        "${psql[@]}" -d postgres >/dev/null <<SQL
create role annals login createdb password '$password';
create database annals owner annals;
SQL
    fi
    POSTGRES_URL="postgres://annals:$password@127.0.0.1:$port/annals"
}

# start_nats <folder>: starts a NATS server with JetStream on a folder, on NATS_PORT or any free one, that
# takes nobody without a login. The login lies beside the folder, in nats.login (`user:password`, mode
# 0600). Sets NATS_ID, NATS_URL and NATS_LOGIN, that file.
start_nats() {
    local folder="$1" port log beside
    mkdir -p "$folder"
    beside="$(dirname "$folder")"
    log="$beside/nats.log"
    port="${NATS_PORT:-$(free_port)}"
    NATS_LOGIN="$beside/nats.login"
    if [ ! -s "$NATS_LOGIN" ]; then
        (umask 077 && printf 'annals:%s' "$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')" >"$NATS_LOGIN")
    fi
    # In a file: a command line is seen by everybody.
    (umask 077 && cat >"$beside/nats.conf") <<CONF
listen: "127.0.0.1:$port"
jetstream { store_dir: "$folder" }
authorization { user: annals, password: "$(cut -d: -f2 "$NATS_LOGIN")" }
CONF
    nats-server --config "$beside/nats.conf" >>"$log" 2>&1 &
    NATS_ID=$!
    NATS_URL="nats://127.0.0.1:$port"
    local tries=0
    until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
        tries=$((tries + 1))
        if [ "$tries" -gt 100 ] || ! kill -0 "$NATS_ID" 2>/dev/null; then
            echo "annals: nats-server did not start: see $log" >&2
            exit 1
        fi
        sleep 0.1
    done
}
