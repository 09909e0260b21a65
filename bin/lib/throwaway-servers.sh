# PostgreSQL servers for one test run. Sourced after common.sh.
# shellcheck shell=bash
#
# They listen on 127.0.0.1 and require no password: Citus nodes connect to each other as the user of the client,
# and every node would need the passwords for that. During the run every account of this machine can connect, and
# finds generated data. Do not run the tests on a machine with accounts that you do not trust.

throwaway_folder=
throwaway_pids=()
throwaway_ports=()
# Settings of the servers, such as fsync=on, that override those of launch_node.
throwaway_settings=()
initializations=()

# Starts one server (plain) or three (citus) with the programs in folder $1.
start_throwaway() {
    local bin=$1 kind=$2 count=1 node
    [[ $kind == plain ]] || count=3
    # The account that PostgreSQL runs as may have no access to root's TMPDIR.
    local parent=/tmp
    ((EUID == 0)) || parent=${TMPDIR:-/tmp}
    throwaway_folder=$(mktemp -d "$parent/pigeonhole-test.XXXXXX")
    chmod 711 "$throwaway_folder"
    for ((node = 0; node < count; node++)); do
        initialize_node "$bin" "$node" &
        initializations+=($!)
    done
    for node in "${initializations[@]}"; do wait "$node" || fail "initdb failed"; done
    initializations=()
    for ((node = 0; node < count; node++)); do start_node "$bin" "$node" "$kind"; done
    for ((node = 0; node < count; node++)); do prepare_node "$bin" "$node" "$kind"; done
    [[ $kind == plain ]] || join_nodes "$bin"
}

# Replaces this subshell by a command. Root uses another account, as PostgreSQL refuses to run as root.
exec_as_server_account() {
    cd /
    if ((EUID == 0)); then
        local account
        account=$(server_account)
        exec setpriv --reuid="$account" --regid="$(id -g "$account")" --clear-groups "$@"
    fi
    exec "$@"
}

server_account() {
    if id -u postgres >/dev/null 2>&1; then echo postgres; else echo nobody; fi
}

initialize_node() {
    local bin=$1 data=$throwaway_folder/node$2
    mkdir -m 700 "$data"
    ((EUID != 0)) || chown "$(server_account):" "$data"
    (exec_as_server_account env LC_ALL=C "$bin/initdb" --pgdata "$data" --username postgres \
        --auth trust --encoding UTF8 --locale C.UTF-8 --no-sync --no-instructions) \
        >"$data.log" 2>&1 || { cat "$data.log" >&2; return 1; }
}

start_node() {
    local bin=$1 node=$2 kind=$3 attempt
    for attempt in 1 2 3 4 5; do
        throwaway_ports[node]=$(free_port)
        launch_node "$bin" "$node" "$kind"
        if node_answers "$bin" "$node"; then return; fi
    done
    tail -n 20 "$throwaway_folder/node$node.log" >&2
    fail "the throw-away PostgreSQL did not start after $attempt attempts"
}

# Below the range of ephemeral ports, so that no client of a test takes the port first.
free_port() {
    local port
    while port=$((RANDOM % 12000 + 20000)); do
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
}

launch_node() {
    local bin=$1 node=$2 kind=$3 data=$throwaway_folder/node$2
    local -a settings=(
        port="${throwaway_ports[node]}" listen_addresses=127.0.0.1 unix_socket_directories=
        max_connections=300 max_prepared_transactions=200 timezone=UTC
        # The data need not survive a power failure.
        fsync=off full_page_writes=off
    )
    if [[ $kind == citus ]]; then
        local libraries=citus
        # A server does not start if a preloaded library is missing.
        ! has_extension "$bin" pg_stat_statements || libraries+=,pg_stat_statements
        settings+=(
            shared_preload_libraries="$libraries" wal_level=logical max_worker_processes=24
            citus.node_conninfo=sslmode=prefer citus.local_hostname=127.0.0.1
            citus.enable_statistics_collection=off citus.stat_tenants_track=all citus.enable_stat_counters=on
        )
    fi
    settings+=("${throwaway_settings[@]}")
    local -a arguments=()
    local setting
    for setting in "${settings[@]}"; do arguments+=(-c "$setting"); done
    # In its own session, so that Ctrl-C does not reach it: it is stopped after the tests.
    (exec_as_server_account setsid env LC_ALL=C "$bin/postgres" -D "$data" "${arguments[@]}") \
        >>"$data.log" 2>&1 </dev/null &
    throwaway_pids[node]=$!
}

node_answers() {
    local bin=$1 node=$2 tries
    for ((tries = 0; tries < 300; tries++)); do
        kill -0 "${throwaway_pids[node]}" 2>/dev/null || return 1
        if on_node "$bin" "$node" postgres 'SELECT 1' >/dev/null 2>&1; then return 0; fi
        sleep 0.1
    done
    return 1
}

# Runs SQL $4 in database $3 of a node, without the caller's settings for psql.
on_node() {
    env -u PGOPTIONS -u PGSERVICE -u PGSSLMODE "$1/psql" -X -q -A -t -v ON_ERROR_STOP=1 \
        -h 127.0.0.1 -p "${throwaway_ports[$2]}" -U postgres -d "$3" -c "$4"
}

prepare_node() {
    local bin=$1 node=$2 kind=$3
    on_node "$bin" "$node" postgres 'CREATE DATABASE pigeonhole' 2>>"$throwaway_folder/psql.log"
    [[ $kind == plain ]] || on_node "$bin" "$node" pigeonhole 'CREATE EXTENSION citus'
}

join_nodes() {
    local bin=$1 node
    on_node "$bin" 0 pigeonhole \
        "SELECT citus_set_coordinator_host('127.0.0.1', ${throwaway_ports[0]})" >/dev/null
    # Explicit group ids: the sequence of Citus may skip numbers, and our ids contain the group id.
    for node in 1 2; do
        on_node "$bin" 0 pigeonhole \
            "SELECT citus_add_node('127.0.0.1', ${throwaway_ports[node]}, groupid => $node)" >/dev/null
    done
}

stop_throwaway() {
    local pid tries
    for pid in "${throwaway_pids[@]}"; do kill -INT "$pid" 2>/dev/null || true; done
    for pid in "${throwaway_pids[@]}"; do
        for ((tries = 0; tries < 100; tries++)); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -QUIT "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    throwaway_pids=()
    # A running initdb would write to the folder again. It ends within a second.
    for pid in "${initializations[@]}"; do wait "$pid" 2>/dev/null || true; done
    [[ -z $throwaway_folder ]] || rm -rf "$throwaway_folder"
}

# "host:port,host:port,…", the coordinator first.
throwaway_addresses() {
    local IFS=,
    echo "${throwaway_ports[*]/#/127.0.0.1:}"
}
