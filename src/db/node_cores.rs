//! How many cores a database node has, and so how many calls it can work on at once.

use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config};

/// Gives the cores of the node that runs it, or the smaller share of them that its container may use; none
/// on other systems than Linux. No setting of PostgreSQL tells, and only an administrator may read the
/// kernel's files, so the function belongs to the administrator who runs the migrations. It takes no
/// arguments and reads two fixed files. Citus creates it on the other nodes too.
const CREATE: &str = r"DO $do$ BEGIN
    IF to_regprocedure('shared.node_cores()') IS NULL
       AND EXISTS (SELECT FROM pg_roles WHERE rolname = current_user AND rolsuper) THEN
        CREATE FUNCTION shared.node_cores() RETURNS integer
        LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
            SELECT least(
                (SELECT nullif(count(*), 0)
                 FROM regexp_matches(pg_read_file('/proc/cpuinfo', 0, 10000000, true), '^processor', 'gn')),
                (SELECT greatest(ceil(quota[1]::numeric / quota[2]::numeric), 1)
                 FROM regexp_matches(
                     pg_read_file('/sys/fs/cgroup/cpu.max', 0, 100, true), '^(\d+) (\d+)') AS quota)
            )::integer
        $function$;
        REVOKE ALL ON FUNCTION shared.node_cores() FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION shared.node_cores() TO pigeonhole_app;
    END IF;
EXCEPTION WHEN insufficient_privilege OR unique_violation OR duplicate_function THEN NULL;
END $do$";

/// Creates the function, where the user may and it does not exist.
pub(super) async fn create_function(client: &Client) -> Result<(), tokio_postgres::Error> {
    client.batch_execute(CREATE).await
}

/// How many calls the node at the other end can work on at once; none when it does not tell.
pub(super) async fn calls_at_once(
    client: &Client,
    config: &Config,
) -> Result<Option<usize>, tokio_postgres::Error> {
    let exists = "SELECT to_regprocedure('shared.node_cores()') IS NOT NULL";
    if !client.query_one(exists, &[]).await?.get::<_, bool>(0) {
        return Ok(None);
    }
    let cores: Option<i32> = client.query_one("SELECT shared.node_cores()", &[]).await?.get(0);
    Ok(cores.and_then(|cores| usize::try_from(cores).ok()).map(|cores| for_cores(cores, is_here(config))))
}

/// One more than the cores of this machine, so that none is idle while an answer travels. A call of another
/// machine leaves its core idle for about as long as it works, while messages travel and while the disk
/// writes; compare <https://github.com/brettwooldridge/HikariCP/wiki/About-Pool-Sizing>.
fn for_cores(cores: usize, here: bool) -> usize {
    if here { cores + 1 } else { 2 * cores + 1 }
}

/// Whether the node is on this machine, whose cores this process needs too.
fn is_here(config: &Config) -> bool {
    match config.get_hosts().first() {
        Some(Host::Tcp(host)) => {
            host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
        Some(Host::Unix(_)) => true,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_and_sockets_are_here() {
        for (url, here) in [
            ("postgresql://a@localhost:5432/b", true),
            ("postgresql://a@127.0.0.1:5432/b", true),
            ("postgresql://a@[::1]:5432/b", true),
            ("postgresql://a@%2Frun%2Fpostgresql/b", true),
            ("postgresql://a@10.0.0.7:5432/b", false),
            ("postgresql://a@coordinator:5432/b", false),
        ] {
            let config: Config = url.parse().expect("a URL");
            assert_eq!(is_here(&config), here, "{url}");
        }
    }
}
