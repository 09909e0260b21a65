# Tests of the Debian package in a container whose first process is systemd. Sourced after common.sh. The steps
# are joined by &&, as errexit has no effect in a function whose exit code is tested.
# shellcheck shell=bash
# shellcheck disable=SC2016 # Single-quoted scripts are expanded by a shell in the container.

package_image=pigeonhole-test-package
package_container=
package_token=

# Builds a local image on BASE_IMAGE with systemd and with PostgreSQL's programs, which the package recommends.
build_package_image() {
    local base=${BASE_IMAGE:-debian:bookworm-slim}
    docker build -q -t "$package_image" --build-arg "BASE_IMAGE=$base" - >&2 <<'DOCKERFILE'
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
# Slim images tell dpkg to leave out documentation. The tests read the package's documentation.
RUN rm -f /etc/dpkg/dpkg.cfg.d/docker* \
    && apt-get -q update \
    && mkdir -p /etc/postgresql-common/createcluster.d \
    && echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/none.conf \
    && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends \
       adduser bash-completion curl dbus man-db postgresql procps systemd systemd-sysv \
    && rm -rf /var/lib/apt/lists/*
STOPSIGNAL SIGRTMIN+3
CMD ["/lib/systemd/systemd"]
DOCKERFILE
}

# systemd mounts file systems and creates namespaces for its services, so it needs SYS_ADMIN and no seccomp
# filter, but not --privileged. SYS_PTRACE lets a test enter the namespace of the service. With control groups of
# version 1, systemd also needs its own hierarchy.
start_package_container() {
    local -a groups=()
    if [[ -d /sys/fs/cgroup/systemd ]]; then
        groups=(-v /sys/fs/cgroup/systemd:/sys/fs/cgroup/systemd:rw)
    else
        groups=(--cgroupns private)
    fi
    package_container=$(docker run -d --cap-add SYS_ADMIN --cap-add SYS_PTRACE \
        --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
        --tmpfs /run --tmpfs /run/lock "${groups[@]}" "$package_image")
    # "degraded" suffices: only a unit of the image itself has failed.
    retry_for 60 output_matches 'running|degraded' systemctl is-system-running
}

remove_package_container() {
    [[ -z $package_container ]] || docker rm -f "$package_container" >/dev/null 2>&1 || true
    package_container=
}

in_package() { docker exec "$package_container" "$@"; }
# Runs the script $1, which ends at the first failure. `not COMMAND` fails if the command succeeds.
in_package_sh() { docker exec "$package_container" sh -ec "not() { if \"\$@\"; then exit 1; fi; }; $1"; }

# Repeats the command $2… until it succeeds; fails after $1 seconds.
retry_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.2
    done
}

# Whether the output of $2… matches $1.
output_matches() {
    local said
    said=$(in_package "${@:2}" 2>/dev/null) || true
    [[ $said =~ ^($1)$ ]]
}

# Prints the expectation $1, runs the check $2…, and prints the service's state if the check fails.
expect_package() {
    say "package: $1"
    "${@:2}" && return 0
    say "package: FAILED: $1"
    [[ -z $package_container ]] ||
        in_package sh -c 'systemctl status --no-pager pigeonhole; journalctl -n 40 --no-pager' >&2 || true
    return 1
}

install_package() {
    in_package env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -y install --no-install-recommends "$@" /tmp/pigeonhole.deb >&2
}

is_ready() { in_package pigeonhole check >/dev/null 2>&1; }

# curl to the service, as the proxy of PUBLIC_ORIGIN would send it.
ask_package() { in_package curl -fsS -H 'Host: notes.example.org' -H 'Content-Type: application/json' "$@"; }

notes_are_there() {
    local notes
    notes=$(ask_package http://127.0.0.1:5000/api/notes -H "Authorization: Bearer $package_token") &&
        [[ $notes == *"kept by the package"* ]]
}

# The steps, in order. Each depends on the state after the one before it.

package_is_clean() {
    command -v lintian >/dev/null || try_install lintian || {
        warn "The PACKAGE IS NOT CHECKED BY LINTIAN: type  $(installation_of lintian)"
        return 0
    }
    lintian --fail-on error,warning "$1" >&2
}

package_waits_for_its_origin() {
    install_package &&
        in_package_sh '
            test "$(stat -c "%U:%G %a" /etc/pigeonhole/pigeonhole.env)" = "root:root 640"
            test "$(stat -c "%U:%G %a %s" /etc/pigeonhole/secret_key)" = "root:pigeonhole 640 128"
            test "$(getent passwd pigeonhole | cut -d: -f6,7)" = /var/lib/pigeonhole:/usr/sbin/nologin
            dpkg-query -W -f "\${Conffiles}" pigeonhole | grep -q /etc/pigeonhole/pigeonhole.env
            journalctl -u pigeonhole | grep -q "set PUBLIC_ORIGIN in /etc/pigeonhole/pigeonhole.env"' &&
        output_matches enabled systemctl is-enabled pigeonhole &&
        output_matches inactive systemctl is-active pigeonhole &&
        output_matches '' systemctl list-units --failed --no-legend
}

package_has_its_pages_and_completions() {
    in_package_sh '
        for page in pigeonhole pigeonhole-serve pigeonhole-cluster-add-worker; do
            LC_ALL=C.UTF-8 MANWIDTH=100 man --warnings "$page" 2>/tmp/warnings | grep -q "^SYNOPSIS"
            test ! -s /tmp/warnings
        done
        LC_ALL=C.UTF-8 man pigeonhole | grep -q PUBLIC_ORIGIN
        test -s /usr/share/zsh/vendor-completions/_pigeonhole
        test -s /usr/share/fish/vendor_completions.d/pigeonhole.fish' &&
        in_package bash -c '
            source /usr/share/bash-completion/bash_completion
            _completion_loader pigeonhole
            COMP_WORDS=(pigeonhole cluster add) COMP_CWORD=2
            $(complete -p pigeonhole | sed "s/.* -F \([^ ]*\).*/\1/") pigeonhole add cluster
            [[ " ${COMPREPLY[*]} " == *" add-worker "* ]]'
}

package_serves() {
    local account='{"username":"anna","password":"a good long password","tenant_name":"Packagers"}'
    in_package sed -i 's|^#PUBLIC_ORIGIN=|PUBLIC_ORIGIN=|' /etc/pigeonhole/pigeonhole.env &&
        in_package systemctl restart pigeonhole &&
        retry_for 90 is_ready &&
        in_package_sh '
            test "$(stat -c "%U:%G %a" /var/lib/pigeonhole)" = "pigeonhole:pigeonhole 700"
            test "$(ps -o user:20= -C pigeonhole,postgres | sort -u)" = pigeonhole
            test "$(ps -o pid= -C postgres | wc -l)" -gt 3' &&
        ask_package http://127.0.0.1:5000/api/register -d "$account" >/dev/null &&
        package_token=$(ask_package http://127.0.0.1:5000/api/login -d "$account" |
            sed 's/.*"token":"\([^"]*\)".*/\1/') &&
        ask_package http://127.0.0.1:5000/api/notes -H "Authorization: Bearer $package_token" \
            -d '{"content":"kept by the package"}' >/dev/null &&
        notes_are_there
}

# The restrictions of the unit must allow JIT compilation and parallel queries.
package_lets_postgresql_work() {
    in_package runuser -u pigeonhole -- \
        psql -X -q -h /var/lib/pigeonhole/run -U postgres -d pigeonhole -v ON_ERROR_STOP=1 -c '
        SET jit = on; SET jit_above_cost = 0; SET jit_inline_above_cost = 0; SET jit_optimize_above_cost = 0;
        SELECT sum(n * 2 + 1) FROM generate_series(1, 1000) AS n;
        SET min_parallel_table_scan_size = 0; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
        SELECT count(*) FROM pg_class WHERE relname <> repeat($$x$$, 3);' >/dev/null &&
        in_package_sh '
            not grep -E "PANIC|not permitted|Permission denied" /var/lib/pigeonhole/postgres.log'
}

# The service has no capabilities and can write to its own folder only.
package_is_confined() {
    in_package_sh '
        pid=$(systemctl show -P MainPID pigeonhole)
        grep -q "^NoNewPrivs:[[:space:]]*1" /proc/$pid/status
        grep -q "^CapBnd:[[:space:]]*0*$" /proc/$pid/status
        grep -q "^Seccomp:[[:space:]]*2" /proc/$pid/status
        inside() { nsenter -t "$pid" -m "$@"; }
        for folder in /usr /etc /var /opt /var/lib; do not inside touch $folder/x 2>/dev/null; done
        inside touch /var/lib/pigeonhole/x /tmp/x
        rm /var/lib/pigeonhole/x
        test ! -e /tmp/x' &&
        in_package systemd-analyze verify pigeonhole.service pigeonhole-migrate.service &&
        in_package systemd-analyze security --no-pager pigeonhole.service | sed -n 's/^→ //p' >&2 &&
        in_package systemd-analyze security --no-pager --threshold=20 pigeonhole.service >/dev/null
}

package_stops_and_restarts() {
    in_package systemctl stop pigeonhole &&
        output_matches success systemctl show -P Result pigeonhole &&
        nothing_runs &&
        in_package systemctl start pigeonhole &&
        retry_for 90 is_ready &&
        notes_are_there &&
        in_package systemctl kill -s KILL pigeonhole &&
        retry_for 30 is_restarted &&
        retry_for 90 is_ready &&
        notes_are_there
}

# pgrep matches no pattern of more than 15 characters.
nothing_runs() {
    in_package_sh '
        not pgrep -x postgres
        not pgrep -x pigeonhole'
}
is_restarted() { output_matches 1 systemctl show -P NRestarts pigeonhole; }

package_is_upgraded() {
    local before after
    before=$(in_package_sh 'sha256sum /etc/pigeonhole/*') &&
        install_package --reinstall &&
        after=$(in_package_sh 'sha256sum /etc/pigeonhole/*') &&
        [[ $before == "$after" ]] &&
        retry_for 90 is_ready &&
        notes_are_there
}

package_is_removed_and_comes_back() {
    in_package env DEBIAN_FRONTEND=noninteractive apt-get -q -y remove pigeonhole >&2 &&
        nothing_runs &&
        in_package_sh '
            test ! -e /usr/bin/pigeonhole
            test -s /etc/pigeonhole/secret_key
            test -s /etc/pigeonhole/pigeonhole.env
            test -d /var/lib/pigeonhole/pgdata' &&
        install_package &&
        retry_for 90 is_ready &&
        notes_are_there
}

package_uses_a_given_database() {
    in_package_sh '
        pg_createcluster "$(ls /usr/lib/postgresql)" main --start >/dev/null
        runuser -u postgres -- psql -X -q -c "CREATE ROLE notes LOGIN CREATEROLE PASSWORD \$\$of its own\$\$" \
            -c "CREATE DATABASE notes OWNER notes"
        database="@localhost:5432/notes"
        sed -i -e "s|^#DATABASE_URL=.*|DATABASE_URL=postgresql://notes:of%20its%20own$database|" \
            -e "s|^#WEB_PASSWORD=.*|WEB_PASSWORD=of-the-service|" /etc/pigeonhole/migrate.env
        sed -i "s|^#DATABASE_URL=.*|DATABASE_URL=postgresql://pigeonhole_web:of-the-service$database|" \
            /etc/pigeonhole/pigeonhole.env
        systemctl stop pigeonhole
        systemctl start pigeonhole-migrate
        systemctl start pigeonhole' &&
        retry_for 90 is_ready &&
        in_package_sh '
            not pgrep -u pigeonhole -x postgres
            runuser -u postgres -- psql -X -A -t -d notes -c "SELECT count(*) FROM notes" | grep -qx 0
            systemctl stop pigeonhole
            pg_dropcluster --stop "$(ls /usr/lib/postgresql)" main'
}

package_is_purged() {
    in_package env DEBIAN_FRONTEND=noninteractive apt-get -q -y purge pigeonhole >&2 &&
        nothing_runs &&
        in_package_sh '
            test ! -e /var/lib/pigeonhole
            test ! -e /etc/pigeonhole
            test -z "$(find /etc /usr /lib/systemd /var/lib -name "pigeonhole*")"
            getent passwd pigeonhole' &&
        output_matches '' systemctl list-units --failed --no-legend
}

# Runs all steps with the package $1.
test_package() {
    expect_package "lintian finds no error and no warning" package_is_clean "$1" &&
        build_package_image &&
        start_package_container &&
        docker cp "$1" "$package_container:/tmp/pigeonhole.deb" >/dev/null &&
        expect_package "after installation it waits for PUBLIC_ORIGIN" package_waits_for_its_origin &&
        expect_package "it has man pages and completions" package_has_its_pages_and_completions &&
        expect_package "with PUBLIC_ORIGIN it serves with an embedded PostgreSQL" package_serves &&
        expect_package "PostgreSQL works retry_for the restrictions of the unit" package_lets_postgresql_work &&
        expect_package "the service is restricted to its account and folder" package_is_confined &&
        expect_package "it stops, starts and restarts after kill -9" package_stops_and_restarts &&
        expect_package "an upgrade keeps settings, key and notes" package_is_upgraded &&
        expect_package "removal keeps settings and notes" package_is_removed_and_comes_back &&
        expect_package "with DATABASE_URL it migrates and serves that database" package_uses_a_given_database &&
        expect_package "a purge removes everything but the account" package_is_purged
}
