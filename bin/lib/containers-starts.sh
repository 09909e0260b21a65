# Steps of bin/test-containers that build, start and upgrade the stack. Sourced after containers-stack.sh.
# shellcheck shell=bash

# Seconds since $1 (a value of now) with one decimal.
now() { date +%s%N; }
since() { awk -v ns="$(($(now) - $1))" 'BEGIN { printf "%.1f", ns / 1e9 }'; }

megabytes() { awk -v bytes="$1" 'BEGIN { printf "%.1f", bytes / 1e6 }'; }

# A copy of the working tree with a .env, whose secret must not get into a layer.
make_context() {
    [[ ! -d $work/context ]] || return 0
    mkdir "$work/context"
    (cd "$root" && tar -c --exclude=./target --exclude=./.git .) | tar -C "$work/context" -x
    printf 'SECRET_KEY=%s\n' "$planted" >"$work/context/.env"
}
planted=a-planted-secret-that-no-layer-may-have

# Builds folder $2 as $3 with the builder $1.
build_with() {
    local -a arguments=(--build-arg "RUST_IMAGE=$rust_image" --build-arg "BASE_IMAGE=$base_image")
    arguments+=(--build-arg REVISION=test)
    if [[ $1 == legacy ]]; then
        DOCKER_BUILDKIT=0 docker build "${arguments[@]}" -t "$3" "$2"
    else
        DOCKER_BUILDKIT=1 docker buildx build --progress plain --load "${arguments[@]}" -t "$3" "$2"
    fi
}

build_and_check() {
    local size base
    make_context
    build_with "$1" "$work/context" "pigeonhole:$tag"
    size=$(docker image inspect -f '{{.Size}}' "pigeonhole:$tag")
    base=$(docker image inspect -f '{{.Size}}' "$base_image")
    note "$(megabytes "$size") MB, of which the base is $(megabytes "$base") MB"
    no_secret_in_layers
}

no_secret_in_layers() {
    docker history --no-trunc "pigeonhole:$tag" >"$work/history"
    must_fail grep -F "$planted" "$work/history"
    rm -rf "$work/layers"
    mkdir "$work/layers"
    docker save "pigeonhole:$tag" | tar -C "$work/layers" -x
    local layer
    while IFS= read -r -d '' layer; do
        # Some engines pack layers, others do not.
        if zcat -f "$layer" | grep -aqF "$planted"; then
            echo "the secret of .env is in $layer"
            return 1
        fi
    done < <(find "$work/layers" -type f -print0)
    rm -rf "$work/layers"
}

step_build_buildkit() {
    docker buildx version >/dev/null 2>&1 || { note "no buildx"; return "$skipped"; }
    build_and_check buildkit
}

step_build_legacy() { build_and_check legacy; }

# Starts an empty stack and makes the four calls. $1 is the version of Compose, $2 the kind of .env: none or old.
start() {
    has_compose "$1" || { note "no Compose $1"; return "$skipped"; }
    take_down
    store_value compose "$1"
    write_env "$2"
    local begun
    begun=$(now)
    compose up -d --no-build
    local up
    up=$(since "$begun")
    wait_healthy "${serving[@]}"
    check_completed secrets init
    four_calls
    share
    import_notes "start"
    note "up $up s, all healthy and the calls done $(since "$begun") s"
}

check_completed() {
    local service state
    for service in "$@"; do
        state=$(docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' "$(container "$service")")
        [[ $state == 'exited 0' ]] || { echo "$service: $state"; return 1; }
    done
}

step_start_v1() { start v1 none; }
step_start_v2() { start v2 none; }

step_start_v1_old_env() {
    start v1 old
    check_old_password
}

step_start_v2_old_env() {
    start v2 old
    check_old_password
}

# Over TCP, where pg_hba.conf requires the password.
check_old_password() {
    compose exec -T -e PGPASSWORD=mypass citus_master \
        psql -h citus_worker -U postgres -d tenant_db -Atc 'SELECT 1' | grep -x 1
    must_fail compose exec -T -e PGPASSWORD=wrong citus_master \
        psql -h citus_worker -U postgres -d tenant_db -Atc 'SELECT 1'
}

# Kills the node between initdb and CREATE DATABASE, while the server of its first start runs.
step_interrupted() {
    local tries name
    for tries in 1 2 3 4 5; do
        take_down
        write_env none
        compose up -d --no-build secrets
        docker wait "$(container secrets)" >/dev/null
        compose up -d --no-build --no-deps citus_worker
        name=$(container citus_worker)
        until docker exec "$name" test -e /var/lib/postgresql/pgdata/global/pg_control 2>/dev/null; do
            docker exec "$name" test -e /var/lib/postgresql/pgdata.unfinished 2>/dev/null || sleep 0.02
        done
        docker kill "$name" >/dev/null
        if ! docker logs "$name" 2>&1 | grep -qx 'CREATE DATABASE'; then break; fi
        echo "too late (try $tries)"
        tries=
    done
    [[ -n $tries ]]
    docker run --rm -v "${project}_citus_worker_data:/there:ro" "$base_image" test -e /there/pgdata/PG_VERSION
    docker run --rm -v "${project}_citus_worker_data:/there:ro" "$base_image" test -e /there/pgdata.unfinished
    local begun
    begun=$(now)
    compose up -d --no-build
    wait_healthy "${serving[@]}"
    four_calls
    must_fail docker run --rm -v "${project}_citus_worker_data:/there:ro" "$base_image" test -e /there/pgdata.unfinished
    note "up again $(since "$begun") s"
}

step_upgrade() {
    local older=$older_image
    if [[ -z $older ]]; then
        older=pigeonhole:$tag-older
        mkdir "$work/older"
        git -C "$root" archive "$older_commit" | tar -C "$work/older" -x
        build_with legacy "$work/older" "$older"
    fi
    docker tag "$older" "pigeonhole:$tag-before"
    take_down
    write_env none
    store_value tag "$tag-before"
    compose up -d --no-build
    wait_healthy "${serving[@]}"
    four_calls
    share
    store_value tag "$tag"
    local begun
    begun=$(now)
    compose up -d --no-build
    wait_healthy "${serving[@]}"
    check_stack_works upgrade
    [[ $(docker inspect -f '{{.Config.Image}}' "$(container web)") == "pigeonhole:$tag" ]]
    psql_on citus_master -Atc 'SELECT count(*) > 0 FROM citus_stat_shards' | grep -x t
    note "from $older, $(since "$begun") s"
}

step_restart_engine() {
    [[ -n $restart_engine ]] || { note "no --restart-engine"; return "$skipped"; }
    local begun end=$((SECONDS + 120))
    begun=$(now)
    bash -c "$restart_engine"
    until docker info >/dev/null 2>&1; do
        ((SECONDS < end)) || { echo "the engine does not come back"; return 1; }
        sleep 0.5
    done
    local engine
    engine=$(since "$begun")
    wait_healthy "${serving[@]}"
    check_stack_works engine
    note "engine $engine s, all healthy $(since "$begun") s"
}

# The Debian package is tested in a separate container.
step_package() { "$root/bin/test-package"; }
