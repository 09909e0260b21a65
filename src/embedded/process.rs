//! Commands as PostgreSQL wants them: a neutral folder, a clean environment, the right account,
//! and a process group of their own.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use super::account::Account;

const KEPT_VARIABLES: [&str; 3] = ["PATH", "LD_LIBRARY_PATH", "TMPDIR"];

/// Prepares a command that postgresql_commands has built.
pub(super) fn detached(mut command: Command, account: Option<&Account>) -> Command {
    // PGPORT, PGOPTIONS, LC_* and the like of whoever starts us would change what the server does.
    command.env_clear();
    for name in KEPT_VARIABLES {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
        .env("LC_ALL", "C")
        // The folder we were started in may be closed to the account.
        .current_dir("/")
        .stdin(Stdio::null())
        // Ctrl-C on the terminal reaches the whole foreground group; PostgreSQL stops when we say so.
        .process_group(0);
    if let Some(account) = account {
        account.take_over(&mut command);
    }
    command
}
