//! Waits until the server can be used: it answers a query, and the application's database exists.

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

/// Returns when the server answers, or as soon as it has ended.
pub(super) async fn wait_until_ready(
    server: &Server,
    postmaster: &mut Postmaster,
) -> Result<(), EmbeddedError> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        if let Some(status) = postmaster.exit_status() {
            return Err(EmbeddedError::Ended {
                status: status.to_string(),
                log: server.log().to_owned(),
                lines: server.last_log_lines(),
            });
        }
        match timeout(ATTEMPT_TIMEOUT, query(server)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => log::trace!("PostgreSQL is not ready yet: {error}"),
            Err(_) => log::trace!("PostgreSQL is not ready yet"),
        }
        if Instant::now() > deadline {
            return Err(EmbeddedError::TimedOut { seconds: TIMEOUT.as_secs(), log: server.log().to_owned() });
        }
        sleep(POLL_INTERVAL).await;
    }
}

async fn query(server: &Server) -> Result<(), tokio_postgres::Error> {
    connect(server).await?.simple_query("SELECT 1").await?;
    Ok(())
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
