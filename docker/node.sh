#!/usr/bin/env bash
# Starts a PostgreSQL of the cluster inside the Citus image: settings that moving shards needs, a list of who may
# connect, and a password file for the connections that nodes open to each other. Ends as the image's own entrypoint.
set -euo pipefail

secrets=${NODE_SECRETS:-/secrets/nodes}
# In memory; libpq takes a password file only when nobody else can read it.
passfile=/run/pigeonhole/pgpass
here=$(dirname "$(readlink -f "$0")")

escape() { sed 's/[\\:]/\\&/g' "$1"; }

write_passfile() {
    local superuser others
    superuser=$(escape "$secrets/postgres_password")
    others=$(escape "$secrets/node_password")
    umask 077
    # A node connects to the others as the role that a query runs as.
    printf '*:*:*:postgres:%s\n*:*:*:*:%s\n' "$superuser" "$others" >"$passfile.new"
    mv "$passfile.new" "$passfile"
}

# An unknown setting keeps PostgreSQL from starting, and some releases know this one.
knows_setting() {
    postgres --describe-config | cut -f1 | grep -qx "$1"
}

write_passfile
export PGPASSFILE=$passfile
export POSTGRES_PASSWORD_FILE=$secrets/postgres_password

settings=(
    listen_addresses="*"
    hba_file="$here/pg_hba.conf"
    password_encryption=scram-sha-256
    shared_preload_libraries=citus,pg_stat_statements
    max_connections=200
    # Each connection may hold a part of a distributed transaction, on the way out and on the way in.
    max_prepared_transactions=400
    # Moving shards needs these; with PostgreSQL's own values a rebalance never starts.
    wal_level=logical
    max_worker_processes=24
    max_replication_slots=24
    max_wal_senders=24
    max_logical_replication_workers=16
    citus.node_conninfo="sslmode=prefer keepalives_idle=5 keepalives_interval=2 keepalives_count=3"
    citus.node_connection_timeout=5s
    citus.enable_statistics_collection=off
    # What the console shows of statements that forgot their tenant.
    citus.enable_stat_counters=on
    # DETAIL lines quote rows, and what people wrote does not belong into a log.
    log_error_verbosity=terse
    shared_buffers="${SHARED_BUFFERS:-256MB}"
)
if knows_setting output_plugin_libraries; then
    settings+=("output_plugin_libraries=pgoutput,test_decoding,citus")
fi

arguments=()
for setting in "${settings[@]}"; do arguments+=(-c "$setting"); done
# Some versions of Compose hand over the image's own command.
[[ ${1:-} != postgres ]] || shift
exec docker-entrypoint.sh postgres "${arguments[@]}" "$@"
