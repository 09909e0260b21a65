# The Compose stack of bin/test-containers, and requests to it. Sourced after common.sh and throwaway-servers.sh.
# shellcheck shell=bash

# Fails if the command succeeds. After a plain "! command" bash would continue.
must_fail() {
    if "$@"; then
        echo "this must not succeed: $*"
        return 1
    fi
}

# Values for later steps, in files, since each step runs in a subshell.
store_value() { printf '%s' "$2" >"$work/kept/$1"; }
load_value() { cat "$work/kept/$1" 2>/dev/null || true; }
# The remark on the step in the table.
note() { printf '%s' "$*" >"$work/note"; }

# A copy of the files that Compose reads, so that a .env in the repository is neither used nor written.
make_project() {
    project=pigeonhole-test-$$
    work=$(mktemp -d "${TMPDIR:-/tmp}/pigeonhole-containers.XXXXXX")
    mkdir -p "$work/kept" "$work/log" "$work/project"
    cp -r "$root/docker-compose.yml" "$root/docker" "$work/project/"
    chmod -R a+rX "$work/project"
    tag=test-$$
    web_port=$(free_port)
    admin_port=$(free_port)
    store_value compose v2
    store_value tag "$tag"
    write_env none
}

# Writes .env: ports and images of this stack; with `old` also the settings of an older guide.
write_env() {
    {
        printf 'WEB_PUBLISH=127.0.0.1:%s\nADMIN_PUBLISH=127.0.0.1:%s\n' "$web_port" "$admin_port"
        printf 'PUBLIC_ORIGIN=http://localhost:%s\n' "$web_port"
        printf 'ADMIN_ORIGIN=http://localhost:%s\n' "$admin_port"
        printf 'CITUS_IMAGE=%s\nRABBITMQ_IMAGE=%s\n' "$citus_image" "$rabbitmq_image"
        if [[ $1 == old ]]; then
            printf 'DATABASE_URL=postgresql://postgres:mypass@citus_master:5432/tenant_db\n'
            printf 'FLASK_ENV=development\nSECRET_KEY=dev\n'
        fi
    } >"$work/project/.env"
}

# Without the caller's environment, which would override .env, except for the variables of the Docker client.
compose() {
    local -a words=(docker compose)
    [[ $(load_value compose) != v1 ]] || words=(docker-compose)
    (cd "$work/project" && env -i PATH="$PATH" HOME="${HOME:-/}" "${client_settings[@]}" \
        COMPOSE_PROJECT_NAME="$project" PIGEONHOLE_TAG="$(load_value tag)" "${words[@]}" "$@" </dev/null)
}

has_compose() {
    case $1 in
    v1) command -v docker-compose >/dev/null && [[ $(docker-compose version --short 2>/dev/null) == 1.* ]] ;;
    v2) docker compose version >/dev/null 2>&1 ;;
    esac
}

# The current container of a service. Compose may have recreated it.
container() {
    docker ps -aq --filter "label=com.docker.compose.project=$project" \
        --filter "label=com.docker.compose.service=$1" \
        --filter "label=com.docker.compose.oneoff=False" | sed -n 1p
}

containers() { docker ps -aq --filter "label=com.docker.compose.project=$project"; }

serving=(citus_master citus_worker citus_worker_2 rabbitmq web worker)

# Waits until the services are healthy, for $health_timeout seconds at most.
health_timeout=240
wait_healthy() {
    local service end=$((SECONDS + health_timeout)) state
    for service in "$@"; do
        until state=$(docker inspect -f '{{.State.Health.Status}}' "$(container "$service")" 2>/dev/null) &&
            [[ $state == healthy ]]; do
            if ((SECONDS > end)); then
                echo "$service is not healthy after $health_timeout s, but: $state"
                compose logs --tail 30 "$service"
                return 1
            fi
            sleep 0.5
        done
    done
}

# Removes containers, networks, volumes and their data.
take_down() {
    local -a left
    compose down -v --remove-orphans >/dev/null 2>&1 || true
    mapfile -t left < <(containers)
    ((${#left[@]} == 0)) || docker rm -f -v "${left[@]}" >/dev/null
    mapfile -t left < <(docker volume ls -q --filter "label=com.docker.compose.project=$project")
    ((${#left[@]} == 0)) || docker volume rm "${left[@]}" >/dev/null
    # Volumes created by a restore have no label.
    mapfile -t left < <(docker volume ls -q --filter "name=^${project}_")
    ((${#left[@]} == 0)) || docker volume rm "${left[@]}" >/dev/null
    mapfile -t left < <(docker network ls -q --filter "label=com.docker.compose.project=$project")
    ((${#left[@]} == 0)) || docker network rm "${left[@]}" >/dev/null
}

# Sends a request: method, path, and further arguments for curl. Prints the body, then the status on a line.
ask() {
    local method=$1 path=$2
    shift 2
    curl -sS --max-time 60 -X "$method" -w '\n%{http_code}\n' "http://localhost:$web_port$path" "$@"
}

# Like ask, but fails unless the status is $1. A busy server answers 503; the request is then repeated with the
# same Idempotency-Key.
expect() {
    local wanted=$1 tries answer key
    shift
    key=$(cat /proc/sys/kernel/random/uuid)
    for tries in 1 2 3 4 5 6; do
        answer=$(ask "$@" -H "Idempotency-Key: $key")
        [[ ${answer##*$'\n'} == 503 ]] || break
        sleep "$tries"
    done
    if [[ ${answer##*$'\n'} != "$wanted" ]]; then
        echo "$1 $2 answered: $answer (not $wanted)" >&2
        return 1
    fi
    printf '%s\n' "${answer%$'\n'*}"
}

json=(-H 'Content-Type: application/json')

# The value of field $1 in a flat JSON object.
field() { sed -n "s/.*\"$1\":\"\\{0,1\\}\\([^\",}]*\\).*/\\1/p"; }

bearer() { printf 'Authorization: Bearer %s' "$(load_value token)"; }

# The four API calls of the README, word for word.
four_calls() {
    local answer
    answer=$(expect 201 POST /api/register "${json[@]}" \
        -d '{"username":"testuser","password":"testpass","tenant_id":1}')
    [[ $answer == *'"message":"User registered successfully"'* ]]
    answer=$(expect 200 POST /api/login "${json[@]}" -d '{"username":"testuser","password":"testpass"}')
    store_value token "$(field token <<<"$answer")"
    answer=$(expect 201 POST /api/notes "${json[@]}" -H "$(bearer)" \
        -d '{"content":"This is a test note","tenant_id":1}')
    [[ $answer == *'"message":"Note created successfully"'* ]]
    store_value note "$(field note_id <<<"$answer")"
    answer=$(expect 200 GET /api/notes -H "$(bearer)")
    [[ $answer == *'"content":"This is a test note"'* ]]
}

# The note of the four calls, by its id, since lists are paged.
check_note() {
    local answer
    answer=$(expect 200 GET "/api/notes/$(load_value note)" -H "$(bearer)")
    [[ $answer == *'"content":"This is a test note"'* ]] || { echo "the note is missing: $answer"; return 1; }
}

# Shares a note. Only the worker delivers it, through RabbitMQ.
share() {
    local answer
    answer=$(expect 201 POST /api/notes "${json[@]}" -H "$(bearer)" -H 'Prefer: wait=20' \
        -d '{"content":"For all","share_with":"everyone"}')
    [[ $answer == *'"delivery":"acknowledged"'* ]] || { echo "not delivered: $answer"; return 1; }
}

# Writes a ZIP with one Markdown file with the text $1.
zip_of() {
    python3 - "$1" "$work/notes.zip" <<'PY'
import sys, zipfile
with zipfile.ZipFile(sys.argv[2], "w") as archive:
    archive.writestr("from-a-zip.md", sys.argv[1] + "\n")
PY
}

import_notes() {
    local answer
    zip_of "From a ZIP, $1"
    expect 200 POST /api/import -H 'Content-Type: application/zip' -H "$(bearer)" \
        --data-binary "@$work/notes.zip" >/dev/null
    answer=$(expect 200 GET /api/notes -H "$(bearer)")
    [[ $answer == *"From a ZIP, $1"* ]] || { echo "not imported: $answer"; return 1; }
}

# psql as superuser, as in an older guide.
psql_on() {
    local node=$1
    shift
    compose exec -T "$node" psql -U postgres -d tenant_db "$@"
}

on_cluster() { compose run --rm -T init cluster "$@"; }

# Checks reading, sharing and importing after the stack was changed; $1 names the change.
check_stack_works() {
    check_note
    share
    import_notes "after $1"
}
