//! Standard output and standard error of all commands. `println!` panics when the reader has closed the pipe,
//! which would end `serve` and leave its PostgreSQL running, so nothing in this crate uses it: `src/lib.rs`
//! and `clippy.toml` forbid it.

#![allow(clippy::disallowed_methods, reason = "this is the one place that writes to the standard streams")]

use std::io::{self, IsTerminal, Write};

use anyhow::Context;

/// Prints the result of a command that only prints.
///
/// # Errors
/// When it cannot be written, for example to a full disk. A closed pipe, as of `head`, is no error.
pub(super) fn answer(text: &str) -> anyhow::Result<()> {
    match write(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("writing to standard output")
        }
        _ => Ok(()),
    }
}

/// Prints a line about the work of a command. The work goes on if the line cannot be written.
pub(super) fn line(text: &str) {
    let _ = write(format!("{text}\n").as_bytes());
}

/// As [`line()`], without a line end: for a question or a progress bar.
pub(super) fn part(text: &str) {
    let _ = write(text.as_bytes());
}

/// Whether the output goes to a terminal.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Prints a line to standard error.
pub(super) fn error_line(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn write(bytes: &[u8]) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(bytes)?;
    output.flush()
}
