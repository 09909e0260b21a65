# The tables of bin/bench. Sourced after bench-loads.sh.
# shellcheck shell=bash

# The median of column $2 of the results of load $1.
median() {
    awk -v column="$2" '{ print $column }' "$throwaway_folder/results.$1" | sort -g |
        awk '{ values[NR] = $1 } END { print (values[int((NR + 1) / 2)] + values[int((NR + 2) / 2)]) / 2 }'
}

errors_of() { awk '{ errors += $7 } END { print errors + 0 }' "$throwaway_folder/results.$1"; }

# A row of load $1, named $2, compared with load $3.
print_row() {
    local load=$1 name=$2
    awk -v name="$name" -v yardstick="$(median "$3" 1)" -v rate="$(median "$load" 1)" -v p50="$(median "$load" 2)" \
        -v p99="$(median "$load" 3)" -v bytes="$(median "$load" 4)" -v server="$(median "$load" 5)" \
        -v database="$(median "$load" 6)" -v errors="$(errors_of "$load")" 'BEGIN {
            printf "| %-22s | %10.0f | %8.2f | %6.2f | %6.2f | %9s | %9s | %11.0f | %6d |\n", name, rate, rate / yardstick,
                p50 / 1000, p99 / 1000, bytes ? sprintf("%.1f", bytes / 1024) : "", bytes ? sprintf("%.0f", server) : "",
                database, errors }'
}

print_head() {
    echo
    printf '| %-22s | %s |\n' "$connections connections" "requests/s | $1 | p50 ms | p99 ms | kB/answer | server µs | database µs | errors"
    echo "| ---------------------- | ---------: | -------: | -----: | -----: | --------: | --------: | ----------: | -----: |"
}

print_report() {
    print_head pgbench=1
    print_row select "pgbench, same SELECT" select
    print_row api "GET /api/notes" select
    print_row seen "the same, console open" select
    if has_load off; then print_row off "the same, routing off" select; fi
    print_row page "GET /notes" select
    print_row insert "pgbench, same INSERT" insert
    print_row post "POST /api/notes" insert
    echo
    print_goal api select 1 1.3 "GET /api/notes to pgbench's SELECT"
    print_goal page select 1 1.1 "GET /notes to pgbench's SELECT"
    print_goal post insert 1 0.9 "POST /api/notes to pgbench's INSERT"
    if has_load off; then print_goal api off 1 2 "routing on to routing off"; fi
    print_goal seen api 1 0.97 "GET /api/notes with the console open to without"
    print_circumstances
}

print_scale() {
    print_head "100k = 1"
    print_row small "GET /notes, 100000" small
    print_row large "GET /notes, $scale" small
    echo
    echo "- p50 at $scale notes to that at 100000: $(ratio large small 2) (goal: at most 1.3)"
    echo "- p99 at $scale notes to that at 100000: $(ratio large small 3) (goal: at most 1.3)"
    print_circumstances
}

has_load() { [[ " ${loads[*]} " == *" $1 "* ]]; }

ratio() { awk -v one="$(median "$1" "$3")" -v other="$(median "$2" "$3")" 'BEGIN { printf "%.2f", one / other }'; }

print_goal() { [[ $kind == plain ]] || echo "- $5: $(ratio "$1" "$2" "$3") (goal: at least $4)"; }

print_circumstances() {
    echo
    echo "Median of $rounds rounds of $seconds s; µs are processor time for each request."
    echo "Server's memory: $idle MB idle, $(memory VmRSS) MB loaded (at most $(memory VmHWM) MB). Binary: $(binary_size) MB."
    echo "Machine: $(nproc) cores$(processor), shared by load, server and database."
    echo "Database: $database; fsync on, synchronous_commit on, shared_buffers 128 MB; TCP on loopback."
    echo "$(date -u +%F), $("$binary" --version)"
}

binary_size() { awk -v bytes="$(stat -c %s "$binary")" 'BEGIN { printf "%.1f", bytes / 1048576 }'; }
processor() { sed -n 's/^model name\s*: \(.*\)/ of \1/p' /proc/cpuinfo | head -n 1; }
