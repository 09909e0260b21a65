//! The command line: one file for each subcommand. Each reads the settings once and hands them on.

mod admin_address;
mod check;
mod cluster;
mod console;
mod cookie_key;
mod logging;
mod messages;
mod migrate;
mod node_passwords;
mod output;
mod secrets;
mod seed;
mod serve;
mod stop;
mod worker;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::settings::{self, Settings};

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
    #[command(after_help = settings::help())]
    Serve(serve::Serve),
    /// Deliver what was shared, from the outbox of DATABASE_URL to the inboxes; any number may run at once.
    #[command(after_help = settings::help())]
    Worker,
    /// Say what waits to be delivered and what failed; try it again or give it up.
    #[command(after_help = settings::help())]
    Messages(messages::MessagesCommand),
    /// Bring the schema of DATABASE_URL up to date and exit; any number may run at once.
    #[command(after_help = settings::help())]
    Migrate,
    /// Fill DATABASE_URL with invented tenants, users and notes, to measure with.
    #[command(after_help = settings::help())]
    Seed(seed::Seed),
    /// Make the secrets of a cluster of containers, each once; what the environment gives wins.
    Secrets(secrets::Secrets),
    /// Ask the application at BIND, or the worker at ADMIN_BIND, whether it is ready; exit code 0 means yes.
    /// For health checks.
    #[command(after_help = settings::help())]
    Check(check::Check),
    /// Print a page of the operator's console of the `serve` that runs at ADMIN_BIND.
    #[command(after_help = settings::help())]
    Console(console::Ask),
    /// Build, watch and grow a Citus cluster.
    #[command(subcommand, after_help = settings::help())]
    Cluster(cluster::Command),
}

/// Runs the program and gives its exit code: 0 when all went well, 1 when not, 2 for a wrong command line;
/// `cluster status` has its own.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            output::error_line(&format!("pigeonhole: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The description of the command line, for man pages and shell completions.
pub fn command() -> clap::Command {
    Arguments::command()
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    settings::load_env_file()?;
    if let Command::Secrets(wanted) = &command {
        // Before the settings, which ask for some of them.
        secrets::run(wanted, settings::variable)?;
        return Ok(ExitCode::SUCCESS);
    }
    let settings = Settings::from_environment()?;
    logging::start(&settings);
    match command {
        Command::Serve(arguments) => {
            actix_web::rt::System::new().block_on(serve::run(&settings, &arguments))?
        }
        Command::Worker => actix_web::rt::System::new().block_on(worker::run(&settings))?,
        Command::Messages(wanted) => {
            actix_web::rt::System::new().block_on(messages::run(&settings, wanted))?
        }
        Command::Migrate => actix_web::rt::System::new().block_on(migrate::run(&settings))?,
        Command::Seed(wanted) => seed::run(&settings, &wanted)?,
        Command::Secrets(_) => {}
        Command::Check(arguments) => check::run(&settings, &arguments)?,
        Command::Console(asked) => console::ask(&settings, &asked)?,
        Command::Cluster(command) => {
            return actix_web::rt::System::new().block_on(cluster::run(&settings, command));
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound() {
        super::command().debug_assert();
    }
}
