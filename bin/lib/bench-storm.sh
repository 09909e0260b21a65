# bin/bench --storm: what one tenant sees while another sends far more than the servers can do. Sourced after
# bench-report.sh.
# shellcheck shell=bash

storm_pids=()

# Prepares the tenant that storms, number 1001, and finds one beside it on the same node.
prepare_storm() {
    local where=true
    env -u PGOPTIONS "$bin/psql" -X -q -h 127.0.0.1 -p "${throwaway_ports[0]}" -U postgres -d pigeonhole -f "$root/benches/storm.sql"
    [[ $kind == plain ]] || where="(SELECT nodename || nodeport FROM citus_shards WHERE table_name = 'notes'::regclass
        AND shardid = get_shard_id_for_distribution_column('notes', t)) = (SELECT nodename || nodeport FROM citus_shards
        WHERE table_name = 'notes'::regclass AND shardid = get_shard_id_for_distribution_column('notes', 1001))"
    neighbour=$(on_node "$bin" 0 pigeonhole "SELECT t FROM generate_series(1002, 1100) t WHERE $where ORDER BY t LIMIT 1")
    grep "^Bearer ph_1001_" "$throwaway_folder/all-tokens" >"$throwaway_folder/storm-lists"
    head -n 1 "$throwaway_folder/storm-lists" >"$throwaway_folder/storm-searches"
    grep "^Bearer ph_${neighbour}_" "$throwaway_folder/all-tokens" | head -n 1 >"$throwaway_folder/neighbour"
}

# The neighbour's list: alone, beside 20 searches, and beside the storm.
load_alone() { load_neighbour; }
load_searches() { beside_storm "searches 20 /api/notes?q=nowhere storm-searches"; }
load_storm() {
    beside_storm "searches $((10 * connections)) /api/notes?q=nowhere storm-searches" \
        "lists $((10 * connections)) /api/notes storm-lists"
}

# One connection, so that its times are those of single requests.
load_neighbour() {
    connections=1 script=paced load_http on /api/notes Authorization neighbour
}

# Measures the neighbour while each load "name connections path tokens" runs.
beside_storm() {
    local load name count path tokens
    storm_pids=()
    for load in "$@"; do
        read -r name count path tokens <<<"$load"
        wrk -t 1 -c "$count" -d "$((seconds + 4))s" --timeout 10s --latency -s "$root/benches/rotate.lua" "${addresses[on]}$path" \
            -- Authorization "$throwaway_folder/$tokens" >"$throwaway_folder/storm-$name-out" 2>&1 &
        storm_pids+=($!)
    done
    sleep 2
    load_neighbour
    wait "${storm_pids[@]}" || true
    for load in "$@"; do
        read -r name count path tokens <<<"$load"
        sed -n 's/^result //p' "$throwaway_folder/storm-$name-out" >>"$throwaway_folder/storm-$count-$name"
    done
    storm_pids=()
}

print_storm() {
    echo
    printf '| %-34s | %s |\n' "one connection of a tenant" "requests/s | p50 ms | p99 ms | errors"
    echo "| ---------------------------------- | ---------: | -----: | -----: | -----: |"
    print_neighbour alone "alone"
    print_neighbour searches "beside 20 searches"
    print_neighbour storm "beside the storm of another tenant"
    echo
    printf '| %-34s | %s |\n' "the tenant beside it" "requests/s | p50 ms | p99 ms | refused/s"
    echo "| ---------------------------------- | ---------: | -----: | -----: | --------: |"
    print_stormy 20-searches "20 searches at once"
    print_stormy "$((10 * connections))-searches" "storm: $((10 * connections)) searches at once"
    print_stormy "$((10 * connections))-lists" "storm: $((10 * connections)) lists at once"
    echo
    echo "- p99 beside 20 searches to p99 alone: $(ratio searches alone 3) (goal: at most 3)"
    echo "- p99 beside the storm to p99 alone: $(ratio storm alone 3) (goal: at most 3)"
    print_circumstances
}

print_neighbour() {
    printf '| %-34s | %10.0f | %6.2f | %6.2f | %6d |\n' "$2" "$(median "$1" 1)" "$(awk -v us="$(median "$1" 2)" 'BEGIN { print us / 1000 }')" \
        "$(awk -v us="$(median "$1" 3)" 'BEGIN { print us / 1000 }')" "$(errors_of "$1")"
}

# The sums of all rounds; the times are those of the last.
print_stormy() {
    awk -v name="$2" '{ requests += $1; us += $2; refused += $3; p50 = $4; p99 = $5 }
        END { printf "| %-34s | %10.0f | %6.0f | %6.0f | %9.0f |\n", name, requests * 1e6 / us, p50 / 1000, p99 / 1000, refused * 1e6 / us }' \
        "$throwaway_folder/storm-$1"
}
