#!/usr/bin/env bash
# A node is healthy if it answers over TCP, as the other nodes connect, and has the extension. `pg_isready` also
# succeeds during the first start, when only the image's own scripts may connect.
set -euo pipefail
export PGPASSFILE=/var/run/postgresql/pgpass PGCONNECT_TIMEOUT=3
query="SELECT extversion FROM pg_extension WHERE extname = 'citus'"
answer=$(psql -X -A -t -h "$(hostname)" -U postgres -d "${POSTGRES_DB:-tenant_db}" -c "$query")
[[ -n $answer ]]
