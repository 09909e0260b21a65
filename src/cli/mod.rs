//! The command line: one file for each subcommand. The settings are read once and passed to it.

mod admin_address;
mod check;
mod cluster;
mod console;
mod cookie_key;
mod file_limit;
mod http_client;
mod limits;
mod log_limit;
mod logging;
mod messages;
mod migrate;
mod node_passwords;
mod notes;
mod output;
mod schema;
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
    command: PigeonholeCommand,
}

#[derive(Subcommand)]
enum PigeonholeCommand {
    /// Serve the application; without DATABASE_URL on an embedded PostgreSQL.
    #[command(after_help = settings::help())]
    Serve(serve::ServeArguments),
    /// Deliver shared notes from the outbox of DATABASE_URL to the inboxes; any number may run at once.
    #[command(after_help = settings::help())]
    Worker,
    /// Show messages that wait or have failed; replay or drop the failed ones.
    #[command(after_help = settings::help())]
    Messages(messages::MessagesCommand),
    /// Show what a tenant uses and may use, set that, and count it anew.
    #[command(after_help = settings::help())]
    Limits(limits::LimitsCommand),
    /// Bring the schema of DATABASE_URL up to date and exit; any number may run at once.
    #[command(after_help = settings::help())]
    Migrate,
    /// Fill DATABASE_URL with invented tenants, users and notes, for measurements.
    #[command(after_help = settings::help())]
    Seed(seed::SeedArguments),
    /// Create the missing secrets of a cluster of containers; values in the environment win.
    Secrets(secrets::SecretsArguments),
    /// Ask the application at BIND, or the worker at ADMIN_BIND, whether it is ready; exit code 0 means yes.
    /// For health checks.
    #[command(after_help = settings::help())]
    Check(check::CheckArguments),
    /// Print a page of the operator's console of the `serve` that runs at ADMIN_BIND.
    #[command(after_help = settings::help())]
    Console(console::ConsoleArguments),
    /// Write, read and search your notes on a server, from a terminal.
    #[command(after_help = notes::HELP)]
    Notes(notes::NotesCommand),
    /// Build, watch and grow a Citus cluster.
    #[command(subcommand, after_help = settings::help())]
    Cluster(cluster::ClusterCommand),
}

/// Runs the program. The exit code is 0 for success, 1 for an error and 2 for a wrong command line; `cluster
/// status` and `notes` have codes of their own.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = run(arguments.command);
    log::logger().flush();
    match result {
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

fn run(command: PigeonholeCommand) -> anyhow::Result<ExitCode> {
    if let PigeonholeCommand::Notes(command) = command {
        // A user's command: neither .env nor the server's settings concern it.
        return Ok(block_on(notes::run(command)));
    }
    settings::load_env_file()?;
    if let PigeonholeCommand::Secrets(arguments) = &command {
        // Before the settings are read, because some of them may not exist yet.
        secrets::run(arguments, settings::variable)?;
        return Ok(ExitCode::SUCCESS);
    }
    let settings = Settings::from_environment()?;
    let log = logging::start(&settings);
    match command {
        PigeonholeCommand::Serve(arguments) => block_on(serve::run(&settings, &arguments, &log))?,
        PigeonholeCommand::Worker => block_on(worker::run(&settings))?,
        PigeonholeCommand::Messages(arguments) => block_on(messages::run(&settings, arguments))?,
        PigeonholeCommand::Limits(command) => block_on(limits::run(&settings, command))?,
        PigeonholeCommand::Migrate => block_on(migrate::run(&settings))?,
        PigeonholeCommand::Seed(arguments) => seed::run(&settings, &arguments)?,
        PigeonholeCommand::Secrets(_) | PigeonholeCommand::Notes(_) => {}
        PigeonholeCommand::Check(arguments) => check::run(&settings, &arguments)?,
        PigeonholeCommand::Console(arguments) => console::run(&settings, &arguments)?,
        PigeonholeCommand::Cluster(command) => return block_on(cluster::run(&settings, command)),
    }
    Ok(ExitCode::SUCCESS)
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    actix_web::rt::System::new().block_on(work)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound() {
        super::command().debug_assert();
    }
}
