//! How programs of PostgreSQL are run: in a neutral folder, with a clean environment, under the right account
//! and in a process group of their own.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use super::account::ServerAccount;

const KEPT_VARIABLES: [&str; 3] = ["PATH", "LD_LIBRARY_PATH", "TMPDIR"];

/// Prepares a command that postgresql_commands has built.
pub(super) fn detached(mut command: Command, account: Option<&ServerAccount>) -> Command {
    // PGPORT, PGOPTIONS, LC_* and similar variables would change what the server does.
    command.env_clear();
    for name in KEPT_VARIABLES {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
        .env("LC_ALL", "C")
        // The account may not be allowed to enter the current folder.
        .current_dir("/")
        .stdin(Stdio::null())
        // Ctrl-C on the terminal reaches the whole foreground group, but PostgreSQL must stop after us.
        .process_group(0);
    if let Some(account) = account {
        account.apply_to(&mut command);
    }
    command
}
