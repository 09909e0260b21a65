# The loads of bin/bench and how they are measured. Sourced after bench-setup.sh.
# shellcheck shell=bash

# In the background, so that Ctrl-C takes effect at once; with a timeout.
run() {
    timeout $((seconds + 20)) "$@" &
    load_pid=$!
    local status=0
    wait "$load_pid" || status=$?
    load_pid=
    return $status
}

# Clock ticks of these processes, including ended children and running ones (the backends of a postmaster).
ticks_of() {
    { cat /proc/[0-9]*/stat 2>/dev/null || true; } | sed 's/^\([0-9]*\) (.*) /\1 /' | awk -v wanted="$*" '
        BEGIN { split(wanted, list, " "); for (i in list) is_wanted[list[i]] = 1 }
        $1 in is_wanted { ticks += $13 + $14 + $15 + $16 }
        $3 in is_wanted { ticks += $13 + $14 }
        END { print ticks + 0 }'
}

# The field $1 (VmRSS, VmHWM) of the server's memory in MB.
memory() { awk -v field="$1:" '$1 == field { printf "%.1f", $2 / 1024 }' "/proc/${server_pids[on]}/status"; }

# Runs load $1 and appends "rate p50 p99 bytes server_cpu database_cpu errors" to its results. Times are in
# microseconds.
measure() {
    local name=$1 server database hz
    hz=$(getconf CLK_TCK)
    server=$(ticks_of "${server_pids[@]}") database=$(ticks_of "${throwaway_pids[@]}")
    local requests microseconds errors p50 p99 bytes
    read -r requests microseconds errors p50 p99 bytes < <("load_$name") || fail "$name gave no result"
    server=$(($(ticks_of "${server_pids[@]}") - server)) database=$(($(ticks_of "${throwaway_pids[@]}") - database))
    awk -v n="$requests" -v us="$microseconds" -v server="$server" -v database="$database" -v hz="$hz" \
        -v rest="$errors" -v p50="$p50" -v p99="$p99" -v bytes="$bytes" 'BEGIN {
            if (n == 0) { n = 1; rest += 1 }
            print n * 1e6 / us, p50, p99, bytes / n, server * 1e6 / hz / n, database * 1e6 / hz / n, rest }' \
        >>"$throwaway_folder/results.$name"
}

# Loads print "requests microseconds errors p50 p99 bytes".
load_select() { load_pgbench list; }
load_insert() { load_pgbench insert; }
load_api() { load_http on /api/notes Authorization tokens; }
load_seen() {
    watch_console &
    local watcher=$!
    load_api
    kill "$watcher"
    wait "$watcher" || true
}
load_off() { load_http off /api/notes Authorization tokens; }
load_page() { load_http on /notes Cookie cookies; }
load_post() { load_http on /api/notes Authorization writers "$root/benches/note.json"; }
load_small() { load_http on /notes Cookie seeded-cookies; }
load_large() { load_http on /notes Cookie seeded-cookies; }

# Polls three pages of the console, as three open browsers do.
watch_console() {
    local console page
    console=$(sed -n "s/^operator's console: //p" "$throwaway_folder/server-on.out")
    while true; do
        for page in verdicts shards tenants; do curl -fs -o "$throwaway_folder/console-$page" "$console/$page" || true; done
        sleep 5
    done
}

load_pgbench() {
    local log=$throwaway_folder/pgbench status=0 failed count
    rm -f "$log".*
    run "$pgbench" -h 127.0.0.1 -p "${throwaway_ports[0]}" -U postgres -n -M prepared -c "$connections" -j 1 -T "$seconds" \
        -l --log-prefix="$log" -f "$root/benches/$1.sql" pigeonhole >"$log-out" 2>&1 || status=1
    failed=$(sed -n 's/^number of failed transactions: \([0-9]*\).*/\1/p' "$log-out")
    ((status == 0)) || cat "$log-out" >&2
    count=$(cat "$log".* | wc -l)
    cat "$log".* | with_waiting $((seconds * 1000000 * connections / (count + 1))) | sort -n >"$log-times"
    # The rate of pgbench excludes connecting, as a server with a pool does not connect either.
    awk -v count="$count" -v errors=$((${failed:-1} + status)) -v rate="$(sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$log-out")" \
        -v times="$(wc -l <"$log-times")" '
        NR == int((times + 1) / 2) { p50 = $1 }
        NR == int(times * 0.99 + 0.5) { p99 = $1 }
        END { print count, (rate > 0) ? count * 1e6 / rate : 1, errors, p50, p99, 0 }' "$log-times"
}

# The times in a log of pgbench, corrected for coordinated omission as wrk does: a connection that waits long
# sends nothing meanwhile, so the requests that it would have sent every $1 microseconds count as waiting too.
with_waiting() {
    awk -v every="$1" '{ print $3; if ($3 > 2 * every) for (left = $3 - every; left > every; left -= every) print left }'
}

# With script=paced each connection pauses between its requests.
load_http() {
    local script=${script:-rotate}
    run wrk -t 1 -c "$connections" -d "${seconds}s" --timeout 5s --latency -s "$root/benches/$script.lua" "${addresses[$1]}$2" -- \
        "$3" "$throwaway_folder/$4" "${@:5}" >"$throwaway_folder/wrk-out" 2>&1 || cat "$throwaway_folder/wrk-out" >&2
    sed -n 's/^result //p' "$throwaway_folder/wrk-out"
}

# Measures these loads, in rounds.
measure_all() {
    local round load rest=$seconds
    say "warming up, then $rounds rounds of $# times $seconds seconds"
    seconds=3
    for load in "$@"; do "load_$load" >"$throwaway_folder/warm-up"; done
    seconds=$rest
    for ((round = 1; round <= rounds; round++)); do
        for load in "$@"; do measure "$load"; done
        [[ -n $scale || $storm == yes ]] || check_answers
    done
}
