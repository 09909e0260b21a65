# The servers, users and notes of bin/bench. Sourced after choose-servers.sh.
# shellcheck shell=bash

# By name: "on" has tenant routing, "off" sends every statement to the coordinator.
declare -A server_pids=() addresses=()
load_pid=

finish() {
    local status=$? name
    trap - EXIT INT TERM HUP
    stop "$load_pid"
    for name in "${!server_pids[@]}"; do stop "${server_pids[$name]}"; done
    stop_throwaway
    exit "$status"
}

stop() {
    [[ -n $1 ]] || return 0
    kill -TERM "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

require_programs() {
    require_cargo
    require_cc
    require_postgresql
    local program
    for program in wrk curl; do
        command -v "$program" >/dev/null || try_install "$program" ||
            fail "no $program found: type  $(installation_of "$program")"
    done
    choose_servers "$plain"
    pgbench=$bin/pgbench
    [[ -x $pgbench ]] || pgbench=$(command -v pgbench) || fail "no pgbench in $bin or on the PATH"
}

build() {
    cargo build --release --locked
    local target
    target=$(cargo metadata --no-deps --format-version 1 --locked |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
    binary=$target/release/pigeonhole
}

start_database() {
    # As in production: no setting may trade safety for speed.
    throwaway_settings=(fsync=on synchronous_commit=on full_page_writes=on shared_buffers=128MB)
    start_throwaway "$bin" "$kind"
    if [[ $kind == citus ]]; then
        database="$(on_node "$bin" 0 pigeonhole 'SELECT citus_version()' | cut -d' ' -f1,2) on"
        database+=" PostgreSQL $(postgresql_version "$bin"), coordinator and two workers"
    else
        database="plain PostgreSQL $(postgresql_version "$bin") ($why_plain)"
    fi
    say "$database"
}

# Starts a server under name $1 with further settings. It runs outside the checkout, whose .env is the developer's,
# and with an empty environment.
start_server() {
    local name=$1 out=$throwaway_folder/server-$1
    shift
    [[ -e $throwaway_folder/pigeonhole ]] || cp "$binary" "$throwaway_folder/pigeonhole"
    : >"$out.out"
    (
        cd "$throwaway_folder"
        exec env -i PATH="$PATH" BIND=127.0.0.1:0 CONNECTIONS_PER_ADDRESS=10000 LIMIT_REQUESTS=none LIMIT_REQUESTS_PER_PERSON=none \
            DEMO_TENANT=off RUST_LOG=warn DATA_DIR="$throwaway_folder/data-$name" \
            SECRET_KEY="$(head -c 64 /dev/urandom | base64 -w 0)" \
            DATABASE_URL="$(database_url)" "$@" ./pigeonhole serve
    ) >"$out.out" 2>"$out.log" &
    server_pids[$name]=$!
    local tries
    for ((tries = 0; tries < 300; tries++)); do
        addresses[$name]=$(sed -n 's/^http:\/\/localhost:/http:\/\/127.0.0.1:/p' "$out.out")
        if [[ -n ${addresses[$name]} ]] && curl -fs -o "$throwaway_folder/ready" "${addresses[$name]}/readyz"; then return; fi
        kill -0 "${server_pids[$name]}" 2>/dev/null || break
        sleep 0.1
    done
    cat "$out.log" >&2
    fail "pigeonhole serve did not start"
}

database_url() { echo "postgresql://postgres@127.0.0.1:${throwaway_ports[0]}/pigeonhole"; }

# Cookies can only come from real logins: each user signs up, and loads a page so that the flash message is gone.
sign_up() {
    local person jar
    for ((person = 1; person <= people; person++)); do
        jar=$throwaway_folder/jar$person
        curl -fsS -o "$throwaway_folder/answer" -c "$jar" "${addresses[on]}/register" --data-urlencode "username=walker$person" \
            --data-urlencode "password=walks through walls $person" --data-urlencode "tenant_name=Walkers $person"
        curl -fsS -o "$throwaway_folder/answer" -b "$jar" -c "$jar" "${addresses[on]}/dashboard"
        awk '$6 == "pigeonhole" { print "pigeonhole=" $7 }' "$jar"
    done >"$throwaway_folder/cookies"
    [[ $(wc -l <"$throwaway_folder/cookies") == "$people" ]] || fail "not every sign-up gave a cookie"
}

seed() {
    env -u PGOPTIONS -u PGSERVICE -u PGSSLMODE "$bin/psql" -X -q -A -t -h 127.0.0.1 -p "${throwaway_ports[0]}" \
        -U postgres -d pigeonhole -f "$root/benches/seed.sql" | sed 's/^/Bearer /' >"$throwaway_folder/all-tokens"
    [[ $(wc -l <"$throwaway_folder/all-tokens") == 600 ]] || fail "seeding did not give 600 tokens"
    head -n 500 "$throwaway_folder/all-tokens" >"$throwaway_folder/tokens"
    tail -n 100 "$throwaway_folder/all-tokens" >"$throwaway_folder/writers"
}

# Every cookie and as many tokens must return 20 notes, as wrk counts a redirect to the login page as success.
check_answers() {
    local value
    while read -r value; do
        expect_notes "${addresses[on]}/notes" "Cookie: $value" 'href="/notes/[0-9]+"'
    done <"$throwaway_folder/cookies"
    while read -r value; do
        expect_notes "${addresses[on]}/api/notes" "Authorization: $value" '"note_id"'
    done < <(head -n "$people" "$throwaway_folder/tokens")
}

expect_notes() {
    local found
    found=$(curl -fsS -H "$2" "$1" | grep -oE "$3" | sort | uniq -c | awk '{ notes += ($2 ~ /href/) ? 1 : $1 } END { print notes + 0 }')
    [[ $found == 20 ]] || fail "GET ${1#"${addresses[on]}"} showed $found of 20 notes"
}

# Adds notes in tenants of all sizes, and one user for every hundred notes.
seed_more() {
    say "seeding $1 notes"
    (
        cd "$throwaway_folder"
        exec env -i PATH="$PATH" DATA_DIR="$throwaway_folder/data-seed" DATABASE_URL="$(database_url)" ./pigeonhole seed \
            --tenants "$(($1 / 10000 + 1))" --users "$(($1 / 100))" --notes "$1"
    ) >"$throwaway_folder/seeded"
    on_node "$bin" 0 pigeonhole "VACUUM (ANALYZE) notes" 2>>"$throwaway_folder/psql.log"
}

# The cookies of the first 64 seeded users with more than a page of notes. All have one password.
log_in_seeded() {
    local password email jar=$throwaway_folder/jar
    password=$(sed -n 's/.* with the password \([a-z2-9]*\),.*/\1/p' "$throwaway_folder/seeded")
    on_node "$bin" 0 pigeonhole "SELECT email FROM shared.users u WHERE email IS NOT NULL AND
        (SELECT count(*) FROM notes n WHERE n.tenant_id = u.tenant_id AND n.user_id = u.id) > 20 ORDER BY u.id LIMIT 64" |
        while read -r email; do
            rm -f "$jar"
            curl -fsS -o "$throwaway_folder/answer" -c "$jar" "${addresses[on]}/login" \
                --data-urlencode "email=$email" --data-urlencode "password=$password"
            awk '$6 == "pigeonhole" { print "pigeonhole=" $7 }' "$jar"
        done >"$throwaway_folder/seeded-cookies"
    [[ $(wc -l <"$throwaway_folder/seeded-cookies") == 64 ]] || fail "not every login gave a cookie"
}
