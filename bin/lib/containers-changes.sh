# Steps of bin/test-containers that change a running stack. Sourced after containers-starts.sh.
# shellcheck shell=bash

# Restarts each service and notes the time until it is healthy.
step_restarts() {
    local service begun times=
    for service in "${serving[@]}"; do
        begun=$(now)
        docker restart "$(container "$service")" >/dev/null
        wait_healthy "$service"
        times+="$service $(since "$begun"), "
    done
    check_stack_works restarts
    note "s until healthy: ${times%, }"
}

# The restart policy restarts a process that dies. A container ended by `docker kill` stays down, as docs/docker.md
# says.
step_kills() {
    local service id begun times=
    for service in "${serving[@]}"; do
        id=$(container "$service")
        local before
        before=$(docker inspect -f '{{.RestartCount}}' "$id")
        begun=$(now)
        as_root kill -9 "$(docker inspect -f '{{.State.Pid}}' "$id")"
        until (($(docker inspect -f '{{.RestartCount}}' "$id") > before)); do
            (($(now) - begun < 60000000000)) || { echo "$service does not come back"; return 1; }
            sleep 0.1
        done
        wait_healthy "$service"
        times+="$service $(since "$begun"), "
    done
    check_stack_works kills
    docker kill "$(container worker)" >/dev/null
    sleep 2
    [[ $(docker inspect -f '{{.State.Running}}' "$(container worker)") == false ]]
    compose up -d --no-build
    wait_healthy "${serving[@]}"
    note "s until healthy: ${times%, }"
}

step_more_workers() {
    compose up -d --no-build --scale worker=2
    wait_healthy worker
    share
    compose up -d --no-build --scale worker=1
    share
}

# The third worker of the compose file, as docs/docker.md says.
step_third_worker() {
    local begun moved
    printf 'COMPOSE_PROFILES=worker_3\n' >>"$work/project/.env"
    compose up -d --no-build
    wait_healthy citus_worker_3
    on_cluster add-worker citus_worker_3:5432 --yes
    begun=$(now)
    on_cluster rebalance --yes
    moved=$(since "$begun")
    psql_on citus_master -Atc 'SELECT nodename, count(*) FROM citus_shards GROUP BY 1 ORDER BY 1' \
        >"$work/spread"
    grep -E '^citus_worker_3\|[1-9]' "$work/spread"
    check_stack_works rebalance
    # After `down`, init may run before the third worker is up.
    compose down
    compose up -d --no-build
    wait_healthy "${serving[@]}" citus_worker_3
    check_stack_works down
    on_cluster status | head -20
    note "rebalance $moved s; shards: $(tr '\n' ' ' <"$work/spread")"
}

step_remove_third_worker() {
    local begun
    begun=$(now)
    on_cluster drain citus_worker_3:5432 --yes
    on_cluster remove-worker citus_worker_3:5432 --yes
    note "drained and removed in $(since "$begun") s"
    compose rm -s -f citus_worker_3
    sed -i '/^COMPOSE_PROFILES=/d' "$work/project/.env"
    docker volume rm "${project}_citus_worker_3_data" >/dev/null
    compose up -d --no-build
    wait_healthy "${serving[@]}"
    check_stack_works removal
}

read_secret() {
    docker run --rm --user 10001:10001 --network none --entrypoint cat \
        -v "${project}_${1%s}_secrets:/there:ro" "pigeonhole:$tag" "/there/$2"
}

# Removes the file of a secret and recreates the stack, as docs/docker.md says. The new secret must differ.
replace_secret() {
    local folder=$1 file=$2 before begun
    before=$(read_secret "$folder" "$file")
    begun=$(now)
    compose run --rm -T --no-deps --entrypoint rm secrets -f "/secrets/$folder/$file"
    compose up -d --no-build --force-recreate
    wait_healthy "${serving[@]}"
    [[ $(read_secret "$folder" "$file") != "$before" ]]
    check_stack_works "$file"
    changes+="$file $(since "$begun"), "
}

step_passwords() {
    changes=
    replace_secret nodes web_password
    replace_secret nodes node_password
    replace_secret web secret_key
    change_broker
    change_administrator
    note "s until healthy: ${changes%, }"
}

change_broker() {
    local before begun
    before=$(read_secret broker broker_password)
    begun=$(now)
    compose run --rm -T --no-deps --entrypoint rm secrets -f /secrets/broker/broker_password
    compose rm -s -f rabbitmq worker
    docker volume rm "${project}_rabbitmq_data" >/dev/null
    compose up -d --no-build --force-recreate
    wait_healthy "${serving[@]}"
    [[ $(read_secret broker broker_password) != "$before" ]]
    check_stack_works broker
    changes+="broker $(since "$begun"), "
}

# psql asks for the password twice, and reads standard input if there is no terminal.
change_administrator() {
    local begun new
    new=of-the-administrator-$RANDOM$RANDOM
    begun=$(now)
    printf '%s\n%s\n' "$new" "$new" |
        docker exec -i "$(container citus_master)" psql -U postgres -d tenant_db -c '\password postgres' \
            >/dev/null
    printf 'POSTGRES_PASSWORD=%s\n' "$new" >>"$work/project/.env"
    compose up -d --no-build --force-recreate
    wait_healthy "${serving[@]}"
    [[ $(read_secret nodes postgres_password) == "$new" ]]
    check_stack_works administrator
    changes+="administrator $(since "$begun"), "
}

# The volumes in the backup command of docs/docker.md.
backed_up_volumes() {
    sed -n 's/^for volume in \(.*\); do$/\1/p' "$root/docs/docker.md"
}

step_backup() {
    local -a volumes
    read -ra volumes < <(backed_up_volumes)
    ((${#volumes[@]} > 5)) || { echo "docs/docker.md names no volumes"; return 1; }
    if grep -q worker_3 "$work/project/.env"; then volumes+=(citus_worker_3_data); fi
    on_cluster backup-point nightly --yes
    local begun volume
    begun=$(now)
    mkdir -p "$work/backup"
    compose stop
    for volume in "${volumes[@]}"; do
        docker run --rm -v "${project}_$volume:/from:ro" -v "$work/backup:/to" "$base_image" \
            tar -C /from --numeric-owner -czf "/to/$volume.tar.gz" .
    done
    local saved
    saved=$(since "$begun")
    compose down -v
    [[ -z $(docker volume ls -q --filter "name=^${project}_") ]]
    begun=$(now)
    for volume in "${volumes[@]}"; do
        docker run --rm -v "${project}_$volume:/to" -v "$work/backup:/from:ro" "$base_image" \
            tar -C /to --numeric-owner -xzf "/from/$volume.tar.gz"
    done
    compose up -d --no-build
    wait_healthy "${serving[@]}"
    check_stack_works restore
    note "saved $saved s, $(du -sh "$work/backup" | cut -f1); restored and healthy $(since "$begun") s"
    rm -r "$work/backup"
}
