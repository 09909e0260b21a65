#!/usr/bin/env bash
# Starts a PostgreSQL of the cluster inside the Citus image: settings that moving shards needs, a list of who
# may connect, and a password file for the connections that nodes open to each other. Ends as the server itself.
set -euo pipefail

secrets=${NODE_SECRETS:-/secrets/nodes}
# In memory, and a folder of the image: at a second start old releases of runc give a tmpfs the mode of the
# folder that they made for it at the first, and only root could write there.
run=${NODE_RUN:-/var/run/postgresql}
here=$(dirname "$(readlink -f "$0")")

# What the server has in its environment, each of its connections to another node has too, and libpq prefers
# such a password to the password file.
unset PGPASSWORD POSTGRES_PASSWORD

escape() { sed 's/[\\:]/\\&/g' "$1"; }

# libpq takes a password file only when no other account can read it.
write_passfile() (
    superuser=$(escape "$secrets/postgres_password")
    others=$(escape "$secrets/node_password")
    umask 077
    # A node connects to the others as the role that a query runs as.
    printf '*:*:*:postgres:%s\n*:*:*:*:%s\n' "$superuser" "$others" >"$run/pgpass.new"
    mv "$run/pgpass.new" "$run/pgpass"
)

# An unknown setting keeps PostgreSQL from starting, and some releases know this one.
knows_setting() {
    # Not grep -q: it ends at the first hit, and then the pipe breaks.
    postgres --describe-config | cut -f1 | grep -x "$1" >/dev/null
}

quote() { printf "'%s'" "${1//\'/\'\'}"; }

# In a file and not on the command line: at each reload PostgreSQL complains of what the two say differently.
write_settings() {
    {
        printf 'include %s\n' "$(quote "$PGDATA/postgresql.conf")" "$(quote "$here/postgresql.conf")"
        printf 'hba_file = %s\n' "$(quote "$here/pg_hba.conf")"
        printf 'shared_buffers = %s\n' "$(quote "${SHARED_BUFFERS:-256MB}")"
        if knows_setting output_plugin_libraries; then
            printf "output_plugin_libraries = 'pgoutput,test_decoding,citus'\n"
        fi
    } >"$run/postgresql.conf"
}

# The image takes half a folder for a whole one, so what a first start left that did not come to its end is
# made anew. No data can be in it: `init` joins only nodes that are healthy, and those have ended their first
# start.
make_database() {
    local unfinished=$PGDATA.unfinished
    [[ ! -e $unfinished ]] || rm -rf "$PGDATA"
    [[ ! -s $PGDATA/PG_VERSION ]] || return 0
    : >"$unfinished"
    # A process of its own, as the image's entry point leaves the administrator's password in the environment
    # of the server that it becomes.
    POSTGRES_PASSWORD_FILE=$secrets/postgres_password docker-ensure-initdb.sh postgres "$@"
    sync
    rm "$unfinished"
}

# PostgreSQL's own message for this names neither the image nor what to do.
require_version_of_tables() {
    local tables server
    [[ -s $PGDATA/PG_VERSION ]] || return 0
    tables=$(<"$PGDATA/PG_VERSION")
    server=$(postgres --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
    [[ $tables != "$server" ]] || return 0
    echo "The tables of this node are of PostgreSQL $tables, and this image has PostgreSQL $server. Set" \
        "CITUS_IMAGE in .env to the image with which the stack began; docs/docker.md says how to upgrade." >&2
    exit 1
}

# Some versions of Compose hand over the image's own command.
[[ ${1:-} != postgres ]] || shift
write_passfile
export PGPASSFILE=$run/pgpass
require_version_of_tables
write_settings
make_database -c "config_file=$run/postgresql.conf" "$@"
exec postgres -c "config_file=$run/postgresql.conf" "$@"
