# Runs the tests, and repeats each failed test alone. Sourced after common.sh.
# shellcheck shell=bash
#
# A test that fails beside others and passes alone is flaky. Flaky tests are printed; up to flaky_limit of them do
# not fail the run. A test that fails twice does.

flaky_limit=2
# More failures than this have one common cause, and are not repeated.
rerun_limit=10

# Runs `cargo test` with the options "$@" through `run`, and repeats failed tests. Returns 0 if at most flaky_limit
# tests were flaky and none failed twice.
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
        say "${#failed[@]} tests failed; these are too many to repeat"
        return "$status"
    fi
    for name in "${failed[@]}"; do
        say "repeated alone: $name"
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

# Runs the command "$2…" through `run`, and copies its standard output to file $1 and its standard error to
# $1.errors.
run_logged() {
    local log=$1 status=0 tees=()
    shift
    exec 3> >(exec tee "$log")
    tees+=("$!")
    exec 4> >(exec tee "$log.errors" >&2)
    tees+=("$!")
    run "$@" >&3 2>&4 3>&- 4>&- || status=$?
    exec 3>&- 4>&-
    # A daemon that outlives its test may keep the pipe open for ever.
    local tries
    for ((tries = 0; tries < 50; tries++)); do
        kill -0 "${tees[@]}" 2>/dev/null || break
        sleep 0.1
    done
    kill "${tees[@]}" 2>/dev/null || true
    return "$status"
}

# Whether each failed test binary has named its failed tests. One that crashed has not.
failures_are_named() {
    local results binaries
    results=$(grep -c '^test result: FAILED' "$1") || true
    binaries=$(grep -cE '^error: (doc)?test failed, to rerun pass' "$1.errors") || true
    ((results == binaries))
}

# Prints the names of the failed tests in the output of `cargo test` in file $1. Each test binary prints a section
# "failures:" with the output of the tests, and then one with their names. The last one before its result counts.
failed_tests() {
    awk '
        /^failures:$/ { count = 0; listing = 1; next }
        /^test result:/ { for (i = 1; i <= count; i++) print names[i]; count = 0; listing = 0; next }
        listing && /^    [^ ]+$/ { names[++count] = $1; next }
        listing && !/^$/ { count = 0 }
    ' "$1"
}
