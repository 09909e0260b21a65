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

use anyhow::Context;
use clap::{CommandFactory, Parser, Subcommand};

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
    Serve(serve::Serve),
    /// Deliver what was shared, from the outbox of DATABASE_URL to the inboxes; any number may run at once.
    #[command(after_help = settings_help())]
    Worker,
    /// Say what waits to be delivered and what failed; try it again or give it up.
    #[command(after_help = settings_help())]
    Messages(messages::MessagesCommand),
    /// Bring the schema of DATABASE_URL up to date and exit; any number may run at once.
    #[command(after_help = settings_help())]
    Migrate,
    /// Fill DATABASE_URL with invented tenants, users and notes, to measure with.
    #[command(after_help = settings_help())]
    Seed(seed::Seed),
    /// Make the secrets of a cluster of containers, each once; what the environment gives wins.
    Secrets(secrets::Secrets),
    /// Ask the application at BIND, or the worker at ADMIN_BIND, whether it is ready; exit code 0 means yes.
    /// For health checks.
    #[command(after_help = settings_help())]
    Check(check::Check),
    /// Print a page of the operator's console of the `serve` that runs at ADMIN_BIND.
    #[command(after_help = settings_help())]
    Console(console::Ask),
    /// Build, watch and grow a Citus cluster.
    #[command(subcommand, after_help = settings_help())]
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
    read_env_file()?;
    if let Command::Secrets(wanted) = &command {
        // Before the settings, which ask for some of them.
        secrets::run(wanted, variable)?;
        return Ok(ExitCode::SUCCESS);
    }
    require_files()?;
    let settings = Settings::read(variable)?;
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

fn read_env_file() -> anyhow::Result<()> {
    match dotenvy::dotenv() {
        Ok(_) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        Err(error) => anyhow::bail!("the file .env cannot be read: {error}"),
    }
}

/// A variable, or what stands in the file that NAME_FILE names: what is in a file does not show in a process
/// list, in a crash report or in the description of a container.
fn variable(name: &str) -> Option<String> {
    set(name).or_else(|| std::fs::read_to_string(set(&format!("{name}_FILE"))?).ok())
}

/// A secret that was meant to be read and is not there must not turn into a default.
fn require_files() -> anyhow::Result<()> {
    for variable in VARIABLES {
        let name = format!("{}_FILE", variable.name);
        if let Some(path) = set(&name) {
            std::fs::File::open(&path)
                .with_context(|| format!("{name} names {path}, which cannot be read"))?;
        }
    }
    Ok(())
}

#[allow(clippy::disallowed_methods, reason = "this is the one place where the environment is read")]
fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

fn settings_help() -> String {
    let widest = VARIABLES.iter().map(|variable| variable.name.len()).max().unwrap_or_default();
    let mut help = "Settings, from the environment or a file .env in this folder or one above. NAME_FILE \
        names a file that \
                    holds the value of NAME:\n"
        .to_owned();
    for variable in VARIABLES {
        help.push_str(&format!(
            "  {:widest$}  {}\n  {:widest$}  [default: {}]\n",
            variable.name, variable.help, "", variable.default
        ));
    }
    help
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_sound() {
        super::command().debug_assert();
    }
}
