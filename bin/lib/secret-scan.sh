# Finds and runs Kingfisher, which looks for secrets. Sourced after common.sh.
# shellcheck shell=bash

# MongoDB's scanner, distributed as a Python package that contains the program. No build contains it.
kingfisher_version=2.14.0

require_kingfisher() {
    local folder=$root/target/kingfisher
    kingfisher=$folder/kingfisher/bin/kingfisher
    [[ -x $kingfisher && $(cat "$folder/version" 2>/dev/null) == "$kingfisher_version" ]] && return 0
    # Not a virtual environment, as Debian's python3 lacks ensurepip.
    python3 -m pip --version >/dev/null 2>&1 || try_install python3-pip || return 1
    rm -rf "$folder"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target "$folder" \
        "kingfisher-bin==$kingfisher_version" >&2 || return 1
    echo "$kingfisher_version" >"$folder/version"
}

# In CI the checkout may belong to another account, which git otherwise refuses.
git_here() { git -c "safe.directory=*" -C "$root" "$@"; }

# Prints the options that skip the texts in .ci/not-secrets.txt, one a line.
known_texts() {
    # Each line is a text and its reason. Characters with a meaning in a regular expression are escaped.
    sed -E '/^(#|$)/d; s/[[:space:]].*//; s/[][(){}.*+?^$|\\]/\\&/g; s/.*/--skip-regex=^&$/' "$root/.ci/not-secrets.txt"
}

# Scans path $2, with further options. Nothing is sent to any service: --no-validate and --no-update-check.
find_secrets() {
    local what=$1 path=$2
    local -a skipped
    shift 2
    mapfile -t skipped < <(known_texts)
    say "looking for secrets in $what"
    "$kingfisher" scan "$path" "$@" "${skipped[@]}" --confidence low --redact --no-validate --no-update-check \
        --no-ignore >"$scanned/report" 2>&1 && return 0
    cat "$scanned/report" >&2
    return 1
}
