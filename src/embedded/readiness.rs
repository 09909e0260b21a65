//! Waits until the server can be used: it answers a query, it has replayed its log, and the application's
//! database exists.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::{Client, NoTls};

use super::error::EmbeddedError;
use super::options::{DATABASE, SUPERUSER};
use super::server::{Postmaster, Server};

/// Recovery after a crash may take this long.
const TIMEOUT: Duration = Duration::from_secs(60);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Returns when the server answers and may write, or as soon as it has ended. A server that replays an
/// archived log, as after a restore, answers already and is waited for without a limit: the log may be long.
pub(super) async fn wait_until_ready(
    server: &Server,
    postmaster: &mut Postmaster,
) -> Result<(), EmbeddedError> {
    let mut deadline = Instant::now() + TIMEOUT;
    let mut recovering = false;
    loop {
        if let Some(status) = postmaster.exit_status() {
            return Err(EmbeddedError::Ended {
                status: status.to_string(),
                log: server.log().to_owned(),
                lines: server.last_log_lines(),
            });
        }
        match timeout(ATTEMPT_TIMEOUT, is_recovering(server)).await {
            Ok(Ok(false)) => return Ok(()),
            Ok(Ok(true)) => {
                if !std::mem::replace(&mut recovering, true) {
                    log::info!("PostgreSQL replays its log; see {}", server.log().display());
                }
                deadline = Instant::now() + TIMEOUT;
            }
            Ok(Err(error)) => log::trace!("PostgreSQL is not ready yet: {error}"),
            Err(_) => log::trace!("PostgreSQL is not ready yet"),
        }
        if Instant::now() > deadline {
            return Err(EmbeddedError::TimedOut { seconds: TIMEOUT.as_secs(), log: server.log().to_owned() });
        }
        sleep(POLL_INTERVAL).await;
    }
}

/// Whether the server is in recovery and so refuses to write.
async fn is_recovering(server: &Server) -> Result<bool, tokio_postgres::Error> {
    Ok(connect(server).await?.query_one("SELECT pg_is_in_recovery()", &[]).await?.get(0))
}

/// Creates the application's database if it does not exist.
pub(super) async fn ensure_database(server: &Server) -> Result<(), EmbeddedError> {
    create_database(server).await.map_err(EmbeddedError::Database)
}

async fn create_database(server: &Server) -> Result<(), tokio_postgres::Error> {
    let client = connect(server).await?;
    let known = client.query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&DATABASE]).await?;
    if known.is_none() {
        client.batch_execute(&format!("CREATE DATABASE {DATABASE}")).await?;
    }
    Ok(())
}

/// The maintenance database is named after the superuser and always exists.
async fn connect(server: &Server) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = server.config(SUPERUSER).connect(NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            log::trace!("a connection to PostgreSQL ended: {error}");
        }
    });
    Ok(client)
}
