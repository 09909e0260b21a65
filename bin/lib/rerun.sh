# Runs the tests, and what failed once more by itself. Sourced after common.sh.
# shellcheck shell=bash
#
# A test that fails beside others and passes alone is flaky: it is named, so that it gets mended, and up to
# flaky_limit of them do not fail the run. One that fails twice does, and so do more than that.

flaky_limit=2
# With more failures than these it is no matter of single tests.
rerun_limit=10

# Runs `cargo test` with the options "$@" by way of `run`, and again what failed. Returns 0 when nothing
# failed but flaky tests within the limit.
run_tests() {
    local log status=0 name
    local -a failed=() flaky=() broken=()
    log=$(mktemp "$throwaway_folder/tests.XXXXXX")
    run_logged "$log" cargo test --locked --no-fail-fast "$@" || status=$?
    ((status != 0)) || return 0
    mapfile -t failed < <(failed_tests "$log")
    # A run that was stopped or did not compile names no test.
    ((${#failed[@]} > 0 && status != 124)) && failures_are_named "$log" || return "$status"
    if ((${#failed[@]} > rerun_limit)); then
        say "${#failed[@]} tests failed; so many are not run again"
        return "$status"
    fi
    for name in "${failed[@]}"; do
        say "once more, alone: $name"
        if RUST_TEST_THREADS=1 run cargo test --locked -- --exact "$name"; then
            flaky+=("$name")
        else
            broken+=("$name")
        fi
    done
    printf '\n'
    ((${#flaky[@]} == 0)) || printf 'FLAKY %s\n' "${flaky[@]}"
    ((${#broken[@]} == 0)) || printf 'FAILED TWICE %s\n' "${broken[@]}"
    if ((${#broken[@]} == 0 && ${#flaky[@]} <= flaky_limit)); then return 0; fi
    say "${#broken[@]} tests failed twice; ${#flaky[@]} are flaky, and up to $flaky_limit may be"
    return 1
}

# Runs the command "$2…" by way of `run`, and writes its standard output to file $1 and its standard error to $1.errors
# as well.
run_logged() {
    local log=$1 status=0 tees=()
    shift
    exec 3> >(exec tee "$log")
    tees+=("$!")
    exec 4> >(exec tee "$log.errors" >&2)
    tees+=("$!")
    run "$@" >&3 2>&4 3>&- 4>&- || status=$?
    exec 3>&- 4>&-
    # A daemon that a test has left behind may hold the pipe open for ever.
    local tries
    for ((tries = 0; tries < 50; tries++)); do
        kill -0 "${tees[@]}" 2>/dev/null || break
        sleep 0.1
    done
    kill "${tees[@]}" 2>/dev/null || true
    return "$status"
}

# Whether each test binary that failed has said which tests did: one that crashed has not, and names nothing to run again.
failures_are_named() {
    local results binaries
    results=$(grep -c '^test result: FAILED' "$1") || true
    binaries=$(grep -cE '^error: (doc)?test failed, to rerun pass' "$1.errors") || true
    ((results == binaries))
}

# Prints the names of the tests that failed in the output of `cargo test` in file $1. Each test binary has a section
# "failures:" with what the tests printed and then one with their names, of which the last before its result counts.
failed_tests() {
    awk '
        /^failures:$/ { count = 0; listing = 1; next }
        /^test result:/ { for (i = 1; i <= count; i++) print names[i]; count = 0; listing = 0; next }
        listing && /^    [^ ]+$/ { names[++count] = $1; next }
        listing && !/^$/ { count = 0 }
    ' "$1"
}
