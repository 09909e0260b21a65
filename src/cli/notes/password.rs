//! The password of a login. It comes from the terminal, without echo, or from one line of standard input:
//! never from an argument or the environment, which other processes of the machine can read.

use std::io::{self, BufRead, IsTerminal, Read};

use super::failure::ClientFailure;
use crate::settings::Secret;

/// The longest line that is read, in bytes. The server takes 1,024.
const LONGEST: u64 = 64 * 1024;

/// Asks for the password or reads it.
pub(super) fn ask() -> Result<Secret, ClientFailure> {
    let given =
        if io::stdin().is_terminal() { rpassword::prompt_password("Password: ") } else { read_line() };
    let password = given.map_err(|error| ClientFailure::of_system("reading the password", &error))?;
    if password.is_empty() {
        return Err(ClientFailure::other("No password was given, so nothing was sent."));
    }
    Ok(password.into())
}

fn read_line() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().take(LONGEST).read_line(&mut line)?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}
