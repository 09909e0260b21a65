//! Showing what will be done, and asking.

use std::io::{BufRead, IsTerminal, Write};

use super::Consent;

/// Shows the lines and asks whether to go on; without a terminal only --yes is an answer.
///
/// # Errors
/// When there is nobody to ask.
pub fn agreed(lines: &[String], consent: &Consent) -> anyhow::Result<bool> {
    super::say("This will be done:");
    for line in lines {
        super::say(&format!("    {line}"));
    }
    if consent.yes {
        return Ok(true);
    }
    anyhow::ensure!(std::io::stdin().is_terminal(), "nobody is here to be asked; say --yes to do it");
    print!("Go on? [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    let yes = ["y", "yes"].contains(&answer.trim().to_lowercase().as_str());
    if !yes {
        super::say("nothing was done");
    }
    Ok(yes)
}
