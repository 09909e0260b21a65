# Functions that all commands in bin/ source: messages, and finding and installing programs.
# shellcheck shell=bash

# shellcheck disable=SC2034 # the sourcing scripts use it
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
# Prints what is not tested, one line for each argument, so that a partial run is not mistaken for a complete one.
warn() {
    local line stars="******************************************************************************"
    say "$stars"
    for line in "$@"; do say "*** $line"; done
    say "$stars"
}
fail() {
    say "$*"
    exit 1
}

# The command that installs these packages.
installation_of() {
    local sudo="sudo "
    ((EUID != 0)) || sudo=
    echo "${sudo}apt-get install --no-install-recommends $*"
}

require_cargo() {
    # rustup installs cargo here. A shell that is older than the installation does not have it in its PATH.
    command -v cargo >/dev/null || PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"
    command -v cargo >/dev/null || fail "cargo is missing: install it from https://rustup.rs"
}

# Rust links with cc. The allocator is C, and is built with make.
require_cc() {
    command -v cc >/dev/null && command -v make >/dev/null && return
    try_install gcc libc6-dev make || fail "no C compiler or no make found: type  $(installation_of gcc libc6-dev make)"
}

may_install() {
    command -v apt-get >/dev/null || return 1
    ((EUID == 0)) || sudo -n true 2>/dev/null
}

as_root() {
    if ((EUID == 0)); then "$@"; else sudo -n "$@"; fi
}

# Installs Debian packages if this account may; else returns 1.
try_install() {
    may_install || return 1
    say "installing $*"
    apt_install "$@" || { as_root apt-get -q update >&2 && apt_install "$@"; }
}

apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
        install --no-install-recommends "$@" >&2 </dev/null
}

# Prints the folders with a usable server, the newest version first.
postgresql_folders() {
    local folder version path_folder
    local -a folders=() path_folders
    for version in 18 17 16 15; do
        folders+=("/usr/lib/postgresql/$version/bin" "/usr/pgsql-$version/bin")
    done
    if command -v pg_config >/dev/null; then folders+=("$(pg_config --bindir)"); fi
    IFS=: read -ra path_folders <<<"$PATH"
    for path_folder in "${path_folders[@]}"; do
        folder=$(readlink -f "$path_folder/postgres") && folders+=("$(dirname "$folder")")
    done
    [[ -z ${PG_BIN_DIR:-} ]] || folders=("$PG_BIN_DIR")
    for folder in "${folders[@]}"; do
        version=$(postgresql_version "$folder") || continue
        if [[ $version == 1[5-8] ]]; then printf '%s\n' "$folder"; fi
    done | awk '!seen[$0]++'
}

# Prints the major version of the server in folder $1.
postgresql_version() {
    [[ -x $1/postgres && -x $1/initdb ]] || return 1
    "$1/postgres" --version 2>/dev/null | sed -n 's/.*(PostgreSQL) \([0-9]*\).*/\1/p'
}

# Whether the PostgreSQL in folder $1 has the extension $2.
has_extension() {
    local shared libraries
    shared=$("$1/pg_config" --sharedir 2>/dev/null) ||
        shared=/usr/share/postgresql/$(postgresql_version "$1")
    libraries=$("$1/pg_config" --pkglibdir 2>/dev/null) || libraries=$1/../lib
    [[ -e $shared/extension/$2.control && -e $libraries/$2.so ]]
}

require_postgresql() {
    [[ -z $(postgresql_folders) ]] || return 0
    [[ -z ${PG_BIN_DIR:-} ]] ||
        fail "PG_BIN_DIR=$PG_BIN_DIR holds no PostgreSQL 15 to 18: correct it or unset it"
    install_postgresql || fail "no PostgreSQL 15 to 18 found: type  $(installation_of postgresql)"
    [[ -n $(postgresql_folders) ]] ||
        fail "apt-get has no PostgreSQL 15 to 18 here: see https://www.postgresql.org/download/"
}

# Installs the programs only. By default Debian's package also creates a cluster and starts a service.
install_postgresql() {
    may_install || return 1
    local is_new=yes status=0
    ! dpkg -s postgresql-common >/dev/null 2>&1 || is_new=no
    local folder=/etc/postgresql-common/createcluster.d
    local setting=$folder/pigeonhole.conf
    local had_folder=no
    [[ ! -d $folder ]] || had_folder=yes
    as_root mkdir -p "$folder" || return 1
    echo "create_main_cluster = false" | as_root tee "$setting" >/dev/null || return 1
    try_install postgresql || status=1
    # Only the first installation creates a cluster, so the setting is not needed any more.
    as_root rm -f "$setting"
    [[ $had_folder == yes ]] || as_root rmdir --ignore-fail-on-non-empty "$folder"
    [[ $is_new == no ]] || disable_postgresql_service
    return "$status"
}

disable_postgresql_service() {
    if [[ -d /run/systemd/system ]]; then as_root systemctl stop postgresql.service || true; fi
    as_root deb-systemd-helper disable postgresql.service >/dev/null 2>&1 || true
    as_root update-rc.d postgresql disable >/dev/null 2>&1 || true
}

# By default Debian's package starts a broker and a port mapper.
install_rabbitmq() { install_without_services rabbitmq-server rabbitmq-server.service epmd.service epmd.socket; }

# promtool is part of the server's package.
install_promtool() { install_without_services prometheus prometheus.service; }

# Installs package $1 for its programs only: the units "${@:2}" are not started, neither now nor at boot.
install_without_services() {
    may_install || return 1
    local policy=/usr/sbin/policy-rc.d had_policy=yes status=0
    if [[ ! -e $policy ]]; then
        had_policy=no
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null || return 1
        as_root chmod 755 "$policy"
    fi
    try_install "$1" || status=1
    [[ $had_policy == yes ]] || as_root rm -f "$policy"
    local unit
    for unit in "${@:2}"; do
        if [[ -d /run/systemd/system ]]; then as_root systemctl stop "$unit" || true; fi
        as_root deb-systemd-helper disable "$unit" >/dev/null 2>&1 || true
    done
    as_root update-rc.d "$1" disable >/dev/null 2>&1 || true
    return "$status"
}
