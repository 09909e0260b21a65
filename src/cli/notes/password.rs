//! The password of a login. It comes from the terminal, without echo, or from one line of standard input:
//! never from an argument or the environment, which other processes of the machine can read.

use std::io::{self, BufRead, ErrorKind, IsTerminal, Read};
use std::time::Duration;

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use tokio::signal::unix::{SignalKind, signal};

use super::failure::ClientFailure;
use crate::cli::output;
use crate::settings::Secret;

/// The longest line that is read, in bytes. The server takes 1,024.
const LONGEST: u64 = 64 * 1024;
/// The exit code of a shell for a program that was interrupted: 128 and the number of SIGINT.
const INTERRUPTED: i32 = 130;
const END_OF_PROMPT: Duration = Duration::from_secs(1);

/// Asks for the password or reads it.
pub(super) async fn ask() -> Result<Secret, ClientFailure> {
    let given = if io::stdin().is_terminal() { prompt().await } else { read_line() };
    let password = given.map_err(|error| ClientFailure::of_system("reading the password", &error))?;
    if password.is_empty() {
        return Err(ClientFailure::other("No password was given, so nothing was sent."));
    }
    Ok(password.into())
}

/// The terminal stops to echo before the prompt is shown, so that no early letter is seen. Ctrl-C would end
/// the program while it does not echo, and leave it so.
async fn prompt() -> io::Result<String> {
    let before = tcgetattr(io::stdin())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(io::stdin(), OptionalActions::Now, &silent)?;
    let mut typed = tokio::task::spawn_blocking(|| rpassword::prompt_password("Password: "));
    let typed = tokio::select! {
        typed = &mut typed => typed.map_err(io::Error::other)?,
        _ = interrupt.recv() => {
            // After a typed Ctrl-C it ends by itself, and sets the terminal a last time.
            let _ = tokio::time::timeout(END_OF_PROMPT, &mut typed).await;
            Err(ErrorKind::Interrupted.into())
        }
    };
    tcsetattr(io::stdin(), OptionalActions::Now, &before)?;
    if typed.as_ref().is_err_and(|error| error.kind() == ErrorKind::Interrupted) {
        output::error_line("");
        std::process::exit(INTERRUPTED);
    }
    typed
}

fn read_line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().take(LONGEST).read_line(&mut line)?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}
