//! `pigeonhole seed`: fills a database with invented data.

use anyhow::Context;
use clap::Args;
use tokio_postgres::Config;

use super::output;
use crate::auth::{HashTurn, Hasher};
use crate::db;
use crate::domain::NewPassword;
use crate::seed::{self, SeedOptions};
use crate::settings::Settings;

/// Arguments of `seed`.
#[derive(Args)]
pub struct SeedArguments {
    /// Tenants; a few of them hold most of the notes.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    tenants: u32,
    /// Users of all tenants together, at least one for each.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    users: u32,
    /// Notes of all users together.
    #[arg(long, default_value_t = 100_000)]
    notes: u64,
    /// Database connections that work at a time.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=32))]
    connections: u8,
    /// Do it in production as well.
    #[arg(long)]
    yes: bool,
}

/// Fills DATABASE_URL and prints how to log in.
///
/// # Errors
/// One line that says what failed.
pub fn run(settings: &Settings, arguments: &SeedArguments) -> anyhow::Result<()> {
    anyhow::ensure!(
        arguments.yes || !settings.production(),
        "this is production; invented rows are added there only with --yes"
    );
    anyhow::ensure!(
        arguments.users >= arguments.tenants,
        "each tenant needs a user: --users must not be less than --tenants"
    );
    let config = settings.database.url.as_ref().context("seed needs DATABASE_URL, of an administrator")?;
    // Several threads, unlike the other subcommands: generating rows uses more than one core.
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    runtime.block_on(fill(config, settings.server.bcrypt_cost, arguments))
}

async fn fill(config: &Config, bcrypt_cost: u32, arguments: &SeedArguments) -> anyhow::Result<()> {
    let missing = db::pending(config).await?;
    anyhow::ensure!(missing.is_empty(), "the schema is not there or old; run `pigeonhole migrate` first");
    let (password, password_hash) = random_password(bcrypt_cost).await?;
    let options = SeedOptions {
        tenants: arguments.tenants,
        users: arguments.users,
        notes: arguments.notes,
        connections: arguments.connections.into(),
        password_hash,
    };
    let seeded = seed::fill(config, options).await?;
    let per_second = arguments.notes as f64 / seeded.notes_elapsed.as_secs_f64().max(0.001);
    output::line(&format!(
        "added {} tenants, {} users and {} notes in {:.1} s ({per_second:.0} notes/s)",
        arguments.tenants,
        arguments.users,
        arguments.notes,
        seeded.elapsed.as_secs_f64()
    ));
    output::line(&format!(
        "the largest is tenant {} with {} notes",
        seeded.largest_tenant, seeded.largest_notes
    ));
    output::line(&format!(
        "log in there as {} with the password {password}, which all users have",
        seeded.email
    ));
    Ok(())
}

/// A random password and its hash.
async fn random_password(bcrypt_cost: u32) -> anyhow::Result<(String, String)> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnopqrstuvwxyz2345678";
    let mut bytes = [0; 20];
    getrandom::fill(&mut bytes).map_err(std::io::Error::from)?;
    let password: String = bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    let parsed = NewPassword::parse(&password).ok().context("making a password")?;
    let hash = Hasher::with_cost(bcrypt_cost)
        .hash(HashTurn::Address([127, 0, 0, 1].into()), &parsed)
        .await
        .context("hashing the password")?;
    Ok((password, hash))
}
