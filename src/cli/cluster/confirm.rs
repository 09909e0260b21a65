//! Asks the operator before a change.

use std::io::{BufRead, IsTerminal};

use super::arguments::ConfirmationArguments;
use super::output;

/// Shows the lines and asks whether to go on. Returns the operator's answer, or true for `--yes`.
///
/// # Errors
/// When there is no terminal to ask on.
pub(super) fn confirmed(lines: &[String], arguments: &ConfirmationArguments) -> anyhow::Result<bool> {
    output::line("This will be done:");
    for line in lines {
        output::line(&format!("    {line}"));
    }
    if arguments.yes {
        return Ok(true);
    }
    anyhow::ensure!(std::io::stdin().is_terminal(), "there is no terminal to ask on; say --yes to do it");
    output::part("Go on? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    let yes = ["y", "yes"].contains(&answer.trim().to_lowercase().as_str());
    if !yes {
        output::line("nothing was done");
    }
    Ok(yes)
}
