//! The servers that are measured: `pigeonhole serve` with and without routing, and the floor.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::cookies::Sealer;
use crate::options::Options;
use crate::outcome::Outcome;
use crate::population::FIRST_TENANT;
use crate::server_process::{Files, ServerCommand, ServerProcess};
use crate::shards::url_on;

const READY_TIMEOUT: Duration = Duration::from_secs(120);

/// Starts `pigeonhole serve` on the measured database with further settings, and waits until it is ready.
/// `before` is a program that runs it, with its arguments.
///
/// # Errors
/// The log of a server that does not start.
pub async fn start(
    options: &Options,
    sealer: &Sealer,
    name: &str,
    settings: &[(&str, &str)],
    before: &[String],
) -> Outcome<ServerProcess> {
    let data = options.folder.join(format!("data-{name}"));
    let mut environment: Vec<(String, String)> = [
        ("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"),
        ("BIND", "127.0.0.1:0"),
        ("ADMIN_BIND", "127.0.0.1:0"),
        // All load comes from one address, faster than people and scripts may send.
        ("CONNECTIONS_PER_ADDRESS", "20000"),
        ("CONNECTIONS_LIMIT", "20000"),
        ("LIMIT_REQUESTS", "none"),
        ("LIMIT_REQUESTS_PER_PERSON", "none"),
        ("ATTEMPTS_PER_ADDRESS", "1000000"),
        ("SIGN_UPS_PER_ADDRESS", "1000000"),
        ("DEMO_TENANT", "off"),
        ("RUST_LOG", "warn"),
        ("SECRET_KEY", &sealer.text),
        ("DATA_DIR", &data.to_string_lossy()),
        ("DATABASE_URL", &url_on(&options.nodes[0])),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    environment.retain(|(name, _)| !settings.iter().any(|(other, _)| other == name));
    environment.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let command = [before, &[options.binary.clone(), "serve".to_owned()]].concat();
    let given = ServerCommand {
        command,
        environment,
        // Outside the checkout, whose .env is the developer's.
        folder: options.folder.clone(),
        log: options.folder.join(format!("serve-{name}.log")),
        files: Files::Shell,
        addresses: 2,
    };
    let server = ServerProcess::start(&given).await?;
    until_ready(&server.base, &given.log).await?;
    Ok(server)
}

async fn until_ready(base: &str, log: &Path) -> Outcome<()> {
    let http = crate::http::client().no_proxy().timeout(Duration::from_secs(30)).build()?;
    let started = Instant::now();
    while started.elapsed() < READY_TIMEOUT {
        if http.get(format!("{base}/readyz")).send().await.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(format!("serve is not ready:\n{}", std::fs::read_to_string(log).unwrap_or_default()).into())
}

/// Starts the floor, which reads the placements of the seeded tenants.
///
/// # Errors
/// The log of a floor that does not start.
pub async fn start_floor(options: &Options) -> Outcome<ServerProcess> {
    let kind = if options.citus() { "citus" } else { "plain" };
    let given = ServerCommand {
        command: vec![
            options.floor.clone(),
            options.nodes[0].clone(),
            FIRST_TENANT.to_string(),
            kind.to_owned(),
        ],
        environment: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
        folder: options.folder.clone(),
        log: options.folder.join("floor.log"),
        files: Files::Shell,
        addresses: 1,
    };
    ServerProcess::start(&given).await
}
