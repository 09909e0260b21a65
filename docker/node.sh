#!/usr/bin/env bash
# Starts a PostgreSQL node inside the Citus image: writes settings for shard moves, pg_hba.conf, and a password file
# for connections between nodes. At its end the script replaces itself by the server.
set -euo pipefail

secrets=${NODE_SECRETS:-/secrets/nodes}
# A tmpfs at a folder of the image. Old releases of runc give a tmpfs, at the second start, the mode of the folder
# that they created at the first; only root could write to it.
run=${NODE_RUN:-/var/run/postgresql}
here=$(dirname "$(readlink -f "$0")")

# libpq uses PGPASSWORD from the server's environment for connections to other nodes, and prefers it to the
# password file.
unset PGPASSWORD POSTGRES_PASSWORD

escape() { sed 's/[\\:]/\\&/g' "$1"; }

# libpq ignores a password file that other accounts can read.
write_passfile() (
    superuser=$(escape "$secrets/postgres_password")
    others=$(escape "$secrets/node_password")
    umask 077
    # A node connects to the others as the role that a query runs as.
    printf '*:*:*:postgres:%s\n*:*:*:*:%s\n' "$superuser" "$others" >"$run/pgpass.new"
    mv "$run/pgpass.new" "$run/pgpass"
)

# Only some releases have this setting, and an unknown setting prevents the start.
knows_setting() {
    # Not grep -q, which ends at the first match and breaks the pipe.
    postgres --describe-config | cut -f1 | grep -x "$1" >/dev/null
}

quote() { printf "'%s'" "${1//\'/\'\'}"; }

# In a file and not on the command line: at each reload PostgreSQL reports settings that differ between the two.
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

# The image would accept the incomplete folder of an interrupted first start, so that folder is created again. It
# cannot contain data: `init` adds only healthy nodes, which have completed their first start.
make_database() {
    local unfinished=$PGDATA.unfinished
    [[ ! -e $unfinished ]] || rm -rf "$PGDATA"
    [[ ! -s $PGDATA/PG_VERSION ]] || return 0
    : >"$unfinished"
    # In a separate process, because the image's entry point would leave the superuser's password in the
    # environment of the server.
    POSTGRES_PASSWORD_FILE=$secrets/postgres_password docker-ensure-initdb.sh postgres "$@"
    sync
    rm "$unfinished"
}

# PostgreSQL's own message names neither the image nor a remedy.
require_version_of_tables() {
    local tables server
    [[ -s $PGDATA/PG_VERSION ]] || return 0
    tables=$(<"$PGDATA/PG_VERSION")
    server=$(postgres --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
    [[ $tables != "$server" ]] || return 0
    echo "The tables of this node are of PostgreSQL $tables, and this image has PostgreSQL $server. Set" \
        "CITUS_IMAGE in .env to the image that created them; docs/docker.md says how to upgrade." >&2
    exit 1
}

# Some versions of Compose pass the image's own command as arguments.
[[ ${1:-} != postgres ]] || shift
write_passfile
export PGPASSFILE=$run/pgpass
require_version_of_tables
write_settings
make_database -c "config_file=$run/postgresql.conf" "$@"
exec postgres -c "config_file=$run/postgresql.conf" "$@"
