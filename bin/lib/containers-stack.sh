# The stack of bin/test-containers, with a name and ports of its own. Sourced after common.sh and throwaway.sh.
# shellcheck shell=bash

# Fails where a command does not; bash goes on after a plain "! command".
refused() {
    if "$@"; then
        echo "this must not succeed: $*"
        return 1
    fi
}

# $work holds what a step leaves for later ones, as each runs in a process of its own.
keep() { printf '%s' "$2" >"$work/kept/$1"; }
kept() { cat "$work/kept/$1" 2>/dev/null || true; }
# What the table says of the step beside its time.
note() { printf '%s' "$*" >"$work/note"; }

# A copy of what Compose reads, so that a .env in the repository plays no part and none is written there.
make_project() {
    project=pigeonhole-test-$$
    work=$(mktemp -d "${TMPDIR:-/tmp}/pigeonhole-containers.XXXXXX")
    mkdir -p "$work/kept" "$work/log" "$work/project"
    cp -r "$root/docker-compose.yml" "$root/docker" "$work/project/"
    chmod -R a+rX "$work/project"
    tag=test-$$
    web_port=$(free_port)
    admin_port=$(free_port)
    keep compose v2
    keep tag "$tag"
    write_env none
}

# What stands in .env: of our own what keeps it apart from other stacks, and for `old` that of an older guide.
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

# Nothing of the caller's environment but what the engine's client needs: it would win over .env.
compose() {
    local -a words=(docker compose)
    [[ $(kept compose) != v1 ]] || words=(docker-compose)
    (cd "$work/project" && env -i PATH="$PATH" HOME="${HOME:-/}" "${client_settings[@]}" \
        COMPOSE_PROJECT_NAME="$project" PIGEONHOLE_TAG="$(kept tag)" "${words[@]}" "$@" </dev/null)
}

has_compose() {
    case $1 in
    v1) command -v docker-compose >/dev/null && [[ $(docker-compose version --short 2>/dev/null) == 1.* ]] ;;
    v2) docker compose version >/dev/null 2>&1 ;;
    esac
}

# The container of a service; another one after Compose made it anew.
container() {
    docker ps -aq --filter "label=com.docker.compose.project=$project" \
        --filter "label=com.docker.compose.service=$1" \
        --filter "label=com.docker.compose.oneoff=False" | sed -n 1p
}

containers() { docker ps -aq --filter "label=com.docker.compose.project=$project"; }

serving=(citus_master citus_worker citus_worker_2 rabbitmq web worker)

# Waits until the services are healthy, and for $patience seconds at most.
patience=240
wait_healthy() {
    local service end=$((SECONDS + patience)) state
    for service in "$@"; do
        until state=$(docker inspect -f '{{.State.Health.Status}}' "$(container "$service")" 2>/dev/null) &&
            [[ $state == healthy ]]; do
            if ((SECONDS > end)); then
                echo "$service is not healthy after $patience s, but: $state"
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
    # Volumes that a restore made have no label.
    mapfile -t left < <(docker volume ls -q --filter "name=^${project}_")
    ((${#left[@]} == 0)) || docker volume rm "${left[@]}" >/dev/null
    mapfile -t left < <(docker network ls -q --filter "label=com.docker.compose.project=$project")
    ((${#left[@]} == 0)) || docker network rm "${left[@]}" >/dev/null
}

# Asks the application: method, path, and further words for curl. Prints the answer, then its status on a line.
ask() {
    local method=$1 path=$2
    shift 2
    curl -sS --max-time 60 -X "$method" -w '\n%{http_code}\n' "http://localhost:$web_port$path" "$@"
}

# As ask, and fails unless the status is $1. A busy machine answers 503, try again in a moment: so this does, with
# a key by which the application knows a repetition.
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

# The value of a field of a flat JSON object that has it once.
field() { sed -n "s/.*\"$1\":\"\\{0,1\\}\\([^\",}]*\\).*/\\1/p"; }

bearer() { printf 'Authorization: Bearer %s' "$(kept token)"; }

# The four calls of the README, as they stand there.
four_calls() {
    local answer
    answer=$(expect 201 POST /api/register "${json[@]}" \
        -d '{"username":"testuser","password":"testpass","tenant_id":1}')
    [[ $answer == *'"message":"User registered successfully"'* ]]
    answer=$(expect 200 POST /api/login "${json[@]}" -d '{"username":"testuser","password":"testpass"}')
    keep token "$(field token <<<"$answer")"
    answer=$(expect 201 POST /api/notes "${json[@]}" -H "$(bearer)" \
        -d '{"content":"This is a test note","tenant_id":1}')
    [[ $answer == *'"message":"Note created successfully"'* ]]
    keep note "$(field note_id <<<"$answer")"
    answer=$(expect 200 GET /api/notes -H "$(bearer)")
    [[ $answer == *'"content":"This is a test note"'* ]]
}

# The note of the four calls, by its number: a list ends after some.
note_there() {
    local answer
    answer=$(expect 200 GET "/api/notes/$(kept note)" -H "$(bearer)")
    [[ $answer == *'"content":"This is a test note"'* ]] || { echo "the note is missing: $answer"; return 1; }
}

# Through RabbitMQ, as web hands nothing out by itself.
share() {
    local answer
    answer=$(expect 201 POST /api/notes "${json[@]}" -H "$(bearer)" -H 'Prefer: wait=20' \
        -d '{"content":"For all","share_with":"everyone"}')
    [[ $answer == *'"delivery":"acknowledged"'* ]] || { echo "not delivered: $answer"; return 1; }
}

# A ZIP with one Markdown file, whose text is $1.
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

# psql as the administrator, as an older guide writes it.
psql_on() {
    local node=$1
    shift
    compose exec -T "$node" psql -U postgres -d tenant_db "$@"
}

on_cluster() { compose run --rm -T init cluster "$@"; }

# All of it once more, after something was done to the stack: $1 says what, in one word.
still_there() {
    note_there
    share
    import_notes "after $1"
}
