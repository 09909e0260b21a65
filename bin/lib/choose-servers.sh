# Chooses between plain PostgreSQL and Citus for the throw-away servers. Sourced after common.sh.
# shellcheck shell=bash

has_citus() { has_extension "$1" citus; }

# Sets rabbitmq to the path of rabbitmq-server, which is installed if possible; empty if it is not available.
choose_rabbitmq() {
    rabbitmq=/usr/lib/rabbitmq/bin/rabbitmq-server
    [[ -x $rabbitmq ]] || install_rabbitmq || true
    [[ ! -x $rabbitmq ]] || return 0
    warn "WITHOUT RABBITMQ, which is not installed: type  $(installation_of rabbitmq-server)"
    rabbitmq=
}

# Sets bin, kind (citus or plain) and why_plain. $1 is yes for plain servers. A version with Citus is preferred to
# a newer one without.
choose_servers() {
    local folder
    kind=plain
    why_plain="--plain was given"
    local -a folders
    mapfile -t folders < <(postgresql_folders)
    bin=${folders[0]}
    [[ $1 == no ]] || return 0
    # shellcheck disable=SC2034 # bin/test and bin/bench print it
    why_plain="the Citus extension is not installed"
    for folder in "${folders[@]}"; do
        if has_citus "$folder"; then
            kind=citus bin=$folder
            return 0
        fi
    done
}
