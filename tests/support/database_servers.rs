//! Creating and dropping databases on several servers, and a report of what the servers are doing when a test
//! hangs.

use std::time::Duration;

use tokio_postgres::SimpleQueryMessage;

use super::database::{try_connect, url_of_database};
use super::environment;

/// Attempts to drop a database; whatever blocks the drop ends within seconds.
const TRIES: u32 = 100;

/// Shards of a table. The default of Citus, 32, takes several times as long to create and to drop and shows
/// nothing more.
pub const SHARDS: u32 = 8;

/// Creates the database `name` on the server of this superuser's URL.
pub async fn create_on(server: &str, name: &str) {
    let client = try_connect(server).await.expect("a connection");
    client.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("a database");
    if environment::on_citus() {
        client
            .batch_execute(&format!("ALTER DATABASE {name} SET citus.shard_count = {SHARDS}"))
            .await
            .expect("few shards");
    }
}

/// Drops the database `name` on these servers. The superuser's URLs name another database.
///
/// A two-phase commit that the drop interrupts would stay prepared on a worker for ever and block every later
/// replication slot of that server, also those of other databases. Prepared transactions are therefore rolled
/// back first.
///
/// Fails the test if a server keeps the database.
pub fn drop_everywhere(servers: Vec<String>, name: String) {
    let work = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            for server in &servers {
                drop_on(server, &name).await;
            }
        });
    });
    let dropped = work.join();
    assert!(dropped.is_ok() || std::thread::panicking(), "a test's database stays behind");
}

pub async fn drop_on(server: &str, name: &str) {
    let mut reason = String::new();
    for _ in 0..TRIES {
        match try_drop(server, name).await {
            Ok(()) => return,
            Err(error) => reason = format!("{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    panic!("{name} on {server} cannot be dropped: {reason}");
}

async fn try_drop(server: &str, name: &str) -> Result<(), tokio_postgres::Error> {
    let client = try_connect(server).await?;
    let exists = client.query("SELECT FROM pg_database WHERE datname = $1", &[&name]).await?;
    if exists.is_empty() {
        return Ok(());
    }
    remove_blockers(server, name).await?;
    client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await
}

/// Removes what would block the drop: prepared transactions and subscriptions.
async fn remove_blockers(server: &str, name: &str) -> Result<(), tokio_postgres::Error> {
    let inside = try_connect(&url_of_database(server, name)).await?;
    for row in inside.query("SELECT gid FROM pg_prepared_xacts WHERE database = $1", &[&name]).await? {
        inside.batch_execute(&format!("ROLLBACK PREPARED '{}'", row.get::<_, &str>(0))).await?;
    }
    let subscriptions = "SELECT subname::text FROM pg_subscription s \
        JOIN pg_database d ON d.oid = s.subdbid WHERE datname = $1";
    for row in inside.query(subscriptions, &[&name]).await? {
        let subscription: &str = row.get(0);
        for step in [
            "ALTER SUBSCRIPTION {} DISABLE",
            "ALTER SUBSCRIPTION {} SET (slot_name = NONE)",
            "DROP SUBSCRIPTION {}",
        ] {
            inside.batch_execute(&step.replace("{}", subscription)).await?;
        }
    }
    Ok(())
}

/// Activity, prepared transactions and replication slots of each server, for the message of a test that timed
/// out.
pub async fn server_activity(servers: &[String]) -> String {
    let mut report = String::new();
    for server in servers {
        report += &format!("\n--- {server}\n");
        for query in [
            "SELECT pid, datname, usename, application_name, state, wait_event, now() - xact_start AS age,
                backend_xid, backend_xmin,
                    left(query, 160) AS query FROM pg_stat_activity WHERE xact_start IS NOT NULL
                    OR backend_xid IS NOT NULL",
            "SELECT gid, database, prepared FROM pg_prepared_xacts",
            "SELECT slot_name, database, active, active_pid, xmin, catalog_xmin FROM pg_replication_slots",
        ] {
            report += &match query_text(server, query).await {
                Ok(rows) => rows,
                Err(error) => format!("{error:?}\n"),
            };
        }
    }
    report
}

async fn query_text(server: &str, query: &str) -> Result<String, tokio_postgres::Error> {
    let mut lines = String::new();
    for message in try_connect(server).await?.simple_query(query).await? {
        if let SimpleQueryMessage::Row(row) = message {
            let fields: Vec<String> = row
                .columns()
                .iter()
                .enumerate()
                .map(|(index, column)| format!("{}={}", column.name(), row.get(index).unwrap_or("-")))
                .collect();
            lines += &format!("{}\n", fields.join(" "));
        }
    }
    Ok(lines)
}
