# Steps of bin/test-containers that inspect a running stack. Sourced after containers-stack.sh.
# shellcheck shell=bash

# Commands of an older guide, each followed by a pattern that its output must match.
old_commands=(
    '\dt' 'notes'
    '\dt shared.*' 'tenants'
    'SELECT * FROM citus_get_active_worker_nodes();' 'citus_worker_2 +\| +5432'
    'SELECT master_get_active_worker_nodes();' '\(citus_worker,5432\)'
    "SELECT master_add_node('citus_worker', 5432);" '[0-9]'
    'SELECT * FROM citus_tables;' 'notes +\| distributed'
    'SELECT * FROM citus_shards LIMIT 3;' 'shard_size'
    'SELECT * FROM citus_stat_shards LIMIT 3;' 'shard_size'
    'SELECT * FROM pg_dist_node;' 'citus_worker_2'
    'SELECT * FROM pg_dist_partition;' 'notes'
    'SELECT * FROM pg_dist_shard LIMIT 3;' 'shardminvalue'
    'SELECT * FROM pg_dist_placement LIMIT 3;' 'placementid'
    'SELECT * FROM pg_stat_activity;' 'pigeonhole'
    'SELECT * FROM citus_stat_tenants;' 'query_count_in_this_period'
    'SELECT query, calls, total_exec_time FROM pg_stat_statements ORDER BY total_exec_time DESC LIMIT 3;'
    'total_exec_time'
    'SELECT 1' '1'
)

step_old_guide() {
    local index answer
    for ((index = 0; index < ${#old_commands[@]}; index += 2)); do
        answer=$(psql_on citus_master -c "${old_commands[index]}")
        grep -qE -- "${old_commands[index + 1]}" <<<"$answer" || {
            echo "${old_commands[index]} answered: $answer"
            return 1
        }
    done
    psql_on citus_worker -c 'SELECT count(*) FROM pg_stat_statements;' >/dev/null
    compose logs citus_master >"$work/logs"
    grep -q 'database system is ready' "$work/logs"
    # At a reload PostgreSQL reports settings that differ between its file and its command line.
    must_fail grep -E 'contains errors|cannot be changed without restarting' "$work/logs"
    compose logs web >"$work/logs"
    grep -q 'listening\|serving\|pigeonhole' "$work/logs"
    check_console
    # In a terminal, output that is longer than the screen must not wait in a pager.
    check_terminal_output
    note "$((${#old_commands[@]} / 2)) statements"
}

check_terminal_output() {
    local words=(docker exec -it "$(container citus_master)")
    words+=(psql -U postgres -d tenant_db -c 'SELECT * FROM citus_shards')
    timeout 20 script -qec "stty rows 10 cols 80; ${words[*]@Q}" /dev/null </dev/null >"$work/terminal"
    grep -q 'rows)' "$work/terminal"
}

check_console() {
    local token address=http://localhost:$admin_port
    token=$(compose exec -T web cat /secrets/web/admin_token)
    [[ $(curl -s -o /dev/null -w '%{http_code}' "$address/") == 303 ]]
    # On standard input, since every account can read the arguments of a process.
    curl -sSf -H @- "$address/verdicts.json" <<<"Authorization: Bearer $token" >"$work/verdicts"
    curl -sSf -H @- "$address/metrics" <<<"Authorization: Bearer $token" >"$work/metrics"
    grep -q '^pigeonhole_' "$work/metrics"
    compose exec -T web pigeonhole console verdicts >/dev/null
}

step_hardening() {
    local name id service
    for id in $(docker ps -q --filter "label=com.docker.compose.project=$project"); do
        service=$(docker inspect -f '{{index .Config.Labels "com.docker.compose.service"}}' "$id")
        check_configuration "$id" "$service"
        check_first_process "$id" "$service"
    done
    [[ $(docker network inspect -f '{{.Internal}}' "${project}_cluster") == true ]]
    for service in citus_master citus_worker rabbitmq worker; do
        [[ $(docker inspect -f '{{len .HostConfig.PortBindings}}' "$(container "$service")") == 0 ]]
    done
    name=$(docker inspect -f '{{range .HostConfig.PortBindings}}{{range .}}{{.HostIp}} {{end}}{{end}}' \
        "$(container web)")
    [[ $name == '127.0.0.1 127.0.0.1 ' ]] || { echo "web is published at $name"; return 1; }
    # The image must not create an anonymous volume.
    name=$(docker inspect -f '{{range .Mounts}}{{if eq .Type "volume"}}{{println .Name}}{{end}}{{end}}' \
        "$(container citus_master)" | grep -v "^$project" | grep . || true)
    [[ -z $name ]] || { echo "citus_master has a volume without a name: $name"; return 1; }
}

# The restrictions in a container's configuration.
check_configuration() {
    local told wanted
    told=$(docker inspect -f '{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.Privileged}} ' "$1")
    told+=$(docker inspect -f '{{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}}' "$1")
    wanted='true false [ALL] [no-new-privileges:true]'
    [[ $told == "$wanted" ]] || { echo "$2: $told"; return 1; }
    told=$(docker inspect -f '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}' "$1")
    told+=$(docker inspect -f ' {{.HostConfig.LogConfig.Type}} {{.HostConfig.LogConfig.Config}}' "$1")
    wanted='^[1-9][0-9]* [1-9][0-9]* [1-9][0-9]* json-file map\[max-file:5 max-size:10m\]$'
    [[ $told =~ $wanted ]] || { echo "$2: $told"; return 1; }
    told=$(docker inspect -f '{{range .HostConfig.Ulimits}}{{.Name}} {{.Hard}}{{end}}' "$1")
    [[ $told == 'nofile 16384' ]] || { echo "$2: $told"; return 1; }
}

# The restrictions of a container's first process.
check_first_process() {
    local status
    status=$(docker exec "$1" cat /proc/1/status)
    grep -qP '^NoNewPrivs:\t1$' <<<"$status" || { echo "$2 may get new privileges"; return 1; }
    grep -qP '^Seccomp:\t2$' <<<"$status" || { echo "$2 has no seccomp"; return 1; }
    [[ $(grep -cP '^Cap(Prm|Eff|Bnd|Amb):\t0+$' <<<"$status") == 4 ]] || { echo "$2 has capabilities"; return 1; }
    must_fail grep -qP '^Uid:\t0\t' <<<"$status"
    must_fail docker exec "$1" touch /x 2>/dev/null
}

# All secrets in the volumes, one a line.
all_secrets() {
    docker run --rm --user 10001:10001 --network none --entrypoint sh -v "${project}_node_secrets:/a:ro" \
        -v "${project}_web_secrets:/b:ro" -v "${project}_broker_secrets:/c:ro" \
        -v "${project}_worker_secrets:/d:ro" "pigeonhole:$tag" -c \
        'for file in /a/postgres_password /a/node_password /a/web_password /b/secret_key /b/admin_token \
             /c/broker_password /d/secret_key; do cat "$file"; echo; done'
}

# Searches for secrets in the settings, environment, arguments and logs of all containers, and in the statements of
# pg_stat_statements. The build steps search the layers.
step_secrets() {
    local id service where=$work/searched
    all_secrets >"$work/secrets"
    chmod 600 "$work/secrets"
    [[ $(grep -cE '^[0-9a-f]{64,128}$' "$work/secrets") == 7 ]] || { echo "not seven secrets"; return 1; }
    mkdir -p "$where"
    for id in $(containers); do
        service=$(docker inspect -f '{{index .Config.Labels "com.docker.compose.service"}}' "$id")
        docker inspect "$id" >"$where/$service-settings"
        docker logs "$id" >"$where/$service-log" 2>&1
        if [[ $(docker inspect -f '{{.State.Running}}' "$id") == true ]]; then
            docker exec "$id" sh -c 'cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline; true' \
                >"$where/$service-processes" 2>/dev/null
            grep -qa 'PATH=' "$where/$service-processes"
        fi
    done
    for service in citus_master citus_worker citus_worker_2; do
        psql_on "$service" -Atc 'SELECT query FROM pg_stat_statements' >"$where/$service-statements"
        psql_on "$service" -Atc 'SELECT * FROM pg_settings' >"$where/$service-pg-settings"
        # PostgreSQL stores SCRAM verifiers, which do not reveal the password.
        psql_on "$service" -Atc "SELECT rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL" \
            >"$work/verifiers"
        must_fail grep -qv '^SCRAM-SHA-256\$' "$work/verifiers"
    done
    docker history --no-trunc "pigeonhole:$tag" >"$where/history"
    if grep -raF -l -f "$work/secrets" "$where"; then
        echo "a secret is in these"
        return 1
    fi
    note "6 secrets, $(find "$where" -type f | wc -l) places"
    rm -r "$where" "$work/secrets"
}
