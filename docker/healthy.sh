#!/usr/bin/env bash
# Healthy is a node that answers, over TCP as the other nodes will ask it, and has the extension: `pg_isready` says yes
# during the first start as well, when only the image's own scripts may connect.
set -euo pipefail
export PGPASSFILE=/var/run/postgresql/pgpass PGCONNECT_TIMEOUT=3
query="SELECT extversion FROM pg_extension WHERE extname = 'citus'"
answer=$(psql -X -A -t -h "$(hostname)" -U postgres -d "${POSTGRES_DB:-tenant_db}" -c "$query")
[[ -n $answer ]]
