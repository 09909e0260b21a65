//! Showing what will be done, and asking.

use std::io::{BufRead, IsTerminal};

use super::{Consent, output};

/// Shows the lines and asks whether to go on; without a terminal only --yes is an answer.
///
/// # Errors
/// When there is nobody to ask.
pub fn agreed(lines: &[String], consent: &Consent) -> anyhow::Result<bool> {
    output::line("This will be done:");
    for line in lines {
        output::line(&format!("    {line}"));
    }
    if consent.yes {
        return Ok(true);
    }
    anyhow::ensure!(std::io::stdin().is_terminal(), "nobody is here to be asked; say --yes to do it");
    output::part("Go on? [y/N] ");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    let yes = ["y", "yes"].contains(&answer.trim().to_lowercase().as_str());
    if !yes {
        output::line("nothing was done");
    }
    Ok(yes)
}
