//! The command line: one file for each subcommand. Each reads the settings once and hands them on.

mod check;
mod cluster;
mod logging;
mod migrate;
mod secret;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::settings::{Settings, VARIABLES};

/// Notes for many organizations at once, on Citus (distributed PostgreSQL).
#[derive(Parser)]
#[command(name = "pigeonhole", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the application; without DATABASE_URL on an embedded PostgreSQL.
    #[command(after_help = settings_help())]
    Serve,
    /// Bring the schema of DATABASE_URL up to date and exit; any number may run at once.
    #[command(after_help = settings_help())]
    Migrate,
    /// Ask the application at BIND whether it is ready; exit code 0 means yes. For health checks.
    #[command(after_help = settings_help())]
    Check,
    /// Build, watch and grow a Citus cluster.
    #[command(subcommand, after_help = settings_help())]
    Cluster(cluster::Command),
}

/// Runs the program and gives its exit code: 0 when all went well, 1 when not, 2 for a wrong command line; `cluster status` has its own.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("pigeonhole: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let settings = read_settings()?;
    logging::start(&settings);
    match command {
        Command::Serve => actix_web::rt::System::new().block_on(serve::run(&settings))?,
        Command::Migrate => actix_web::rt::System::new().block_on(migrate::run(&settings))?,
        Command::Check => check::run(&settings)?,
        Command::Cluster(command) => return actix_web::rt::System::new().block_on(cluster::run(&settings, command)),
    }
    Ok(ExitCode::SUCCESS)
}

fn read_settings() -> anyhow::Result<Settings> {
    match dotenvy::dotenv() {
        Ok(_) => {}
        Err(error) if error.not_found() => {}
        Err(error) => anyhow::bail!("the file .env cannot be read: {error}"),
    }
    #[allow(clippy::disallowed_methods, reason = "this is the one place where the environment is read")]
    Ok(Settings::read(|name| std::env::var(name).ok())?)
}

fn settings_help() -> String {
    let widest = VARIABLES.iter().map(|variable| variable.name.len()).max().unwrap_or_default();
    let mut help = "Settings, from the environment or a file .env in this folder or one above:\n".to_owned();
    for variable in VARIABLES {
        help.push_str(&format!("  {:widest$}  {}\n  {:widest$}  [default: {}]\n", variable.name, variable.help, "", variable.default));
    }
    help
}
