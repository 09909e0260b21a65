# Chooses the kind of throw-away servers. Sourced after common.sh.
# shellcheck shell=bash

# Whether the PostgreSQL in folder $1 has the Citus extension.
has_citus() {
    local shared libraries
    shared=$("$1/pg_config" --sharedir 2>/dev/null) ||
        shared=/usr/share/postgresql/$(postgresql_version "$1")
    libraries=$("$1/pg_config" --pkglibdir 2>/dev/null) || libraries=$1/../lib
    [[ -e $shared/extension/citus.control && -e $libraries/citus.so ]]
}

# Sets rabbitmq to the program that starts one, installed where that is possible, and to nothing elsewhere.
choose_rabbitmq() {
    rabbitmq=/usr/lib/rabbitmq/bin/rabbitmq-server
    [[ -x $rabbitmq ]] || install_rabbitmq || true
    [[ ! -x $rabbitmq ]] || return 0
    say "*** WITHOUT RABBITMQ, which is not installed: type  $(installation_of rabbitmq-server)"
    rabbitmq=
}

# Sets bin, kind (citus or plain) and why_plain; $1 is yes where plain servers are wanted. A version
# with Citus is preferred to a newer one without.
choose_servers() {
    local folder
    kind=plain
    why_plain="--plain was given"
    local -a folders
    mapfile -t folders < <(postgresql_folders)
    bin=${folders[0]}
    [[ $1 == no ]] || return 0
    # shellcheck disable=SC2034 # bin/test says it
    why_plain="the Citus extension is not installed"
    for folder in "${folders[@]}"; do
        if has_citus "$folder"; then
            kind=citus bin=$folder
            return 0
        fi
    done
}
