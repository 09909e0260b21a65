//! Single connections for migrations and checks, outside the pools.

use std::time::Duration;

use tokio_postgres::{Client, Config, NoTls};

/// The longest that opening a connection may take.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_millis(1500);

/// A database that cannot be reached. The text names the database and its address, never the password.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect to the database {database} at {address}: {reason}")]
pub struct ConnectError {
    database: String,
    address: String,
    reason: String,
}

/// Opens one connection as the user that `config` names.
///
/// # Errors
/// When there is no session within 5 seconds.
pub async fn connect(config: &Config) -> Result<Client, ConnectError> {
    let failed = |reason: String| failure(config, reason);
    let mut bounded = config.clone();
    bounded.connect_timeout(CONNECT_TIMEOUT).keepalives_idle(Duration::from_secs(5));
    match tokio::time::timeout(Duration::from_secs(5), bounded.connect(NoTls)).await {
        Err(_) => Err(failed("no answer within 5 seconds".to_owned())),
        Ok(Err(error)) => Err(failed(reason(&error))),
        Ok(Ok((client, connection))) => {
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    log::debug!("a database connection ended: {error}");
                }
            });
            Ok(client)
        }
    }
}

/// The same error for a session that exists but cannot be used.
pub(super) fn unusable(config: &Config, error: &tokio_postgres::Error) -> ConnectError {
    failure(config, reason(error))
}

fn failure(config: &Config, reason: String) -> ConnectError {
    ConnectError {
        database: config.get_dbname().unwrap_or_default().to_owned(),
        address: address(config),
        reason,
    }
}

fn address(config: &Config) -> String {
    use tokio_postgres::config::Host;
    let hosts: Vec<String> = config
        .get_hosts()
        .iter()
        .zip(config.get_ports().iter().chain(std::iter::repeat(&5432)))
        .map(|(host, port)| match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            Host::Unix(folder) => folder.display().to_string(),
        })
        .collect();
    hosts.join(", ")
}

/// The innermost cause of a failure: the outer errors only say that a connection failed.
pub(super) fn reason(error: &tokio_postgres::Error) -> String {
    if let Some(database) = error.as_db_error() {
        return database.message().to_owned();
    }
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

/// The same login at another address. A `Config` only adds hosts, so this builds a new one.
pub(crate) fn at(config: &Config, host: &str, port: u16) -> Config {
    let mut moved = Config::new();
    moved.host(host).port(port).ssl_mode(config.get_ssl_mode());
    if let Some(user) = config.get_user() {
        moved.user(user);
    }
    if let Some(password) = config.get_password() {
        moved.password(password);
    }
    if let Some(database) = config.get_dbname() {
        moved.dbname(database);
    }
    if let Some(options) = config.get_options() {
        moved.options(options);
    }
    moved
}
