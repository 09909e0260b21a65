//! Writes the man pages and the shell completions of `pigeonhole` into a folder: `packaging FOLDER`.
//! bin/package calls it.

use std::fs::{self, File};
use std::path::Path;

use anyhow::Context;
use clap::Command;
use clap::builder::Resettable;
use clap_complete::{Shell, generate_to};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use pigeonhole::settings;

fn main() -> anyhow::Result<()> {
    let folder = std::env::args_os().nth(1).context("name the folder to write to")?;
    let (man, completions) = (Path::new(&folder).join("man"), Path::new(&folder).join("completions"));
    for folder in [&man, &completions] {
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut pigeonhole::cli::command(), "pigeonhole", &completions)?;
    }
    let mut command = pigeonhole::cli::command().disable_help_subcommand(true);
    command.build();
    write_pages(&command, &man)
}

/// A page for the command and for each of its subcommands.
fn write_pages(command: &Command, folder: &Path) -> anyhow::Result<()> {
    for subcommand in command.get_subcommands() {
        write_pages(subcommand, folder)?;
    }
    // The settings are a section of the main page, where `--help` repeats them for each subcommand.
    let page = Man::new(command.clone().after_help(Resettable::Reset))
        .manual("Pigeonhole")
        .source(format!("pigeonhole {}", env!("CARGO_PKG_VERSION")));
    let mut file = File::create(folder.join(page.get_filename()))?;
    page.render(&mut file)?;
    let mut rest = Roff::new();
    if command.get_name() == "pigeonhole" {
        add_settings(&mut rest);
    } else {
        rest.control("SH", ["SEE ALSO"]).text([bold("pigeonhole"), roman("(1), which lists the settings")]);
    }
    rest.to_writer(&mut file)?;
    Ok(())
}

fn add_settings(page: &mut Roff) {
    page.control("SH", ["ENVIRONMENT"]).text([roman(
        "The settings come from the environment or from the file .env in the current folder. \
         NAME_FILE names a file that holds the value of NAME.",
    )]);
    for setting in settings::descriptions() {
        page.control("TP", [])
            .text([bold(setting.name)])
            .text([roman(setting.help), roman(format!(" [default: {}]", setting.default))]);
    }
    page.control("SH", ["EXIT STATUS"]).text([roman(
        "0 when all went well, 1 when not, 2 for a wrong command line. cluster status: 0 fine, 1 warnings, \
         2 something is down. notes: 3 log in first, 4 no such note, 5 the note was changed in the meantime, \
         6 try again later.",
    )]);
    page.control("SH", ["FILES"])
        .control("TP", [])
        .text([bold("/etc/pigeonhole/pigeonhole.env")])
        .text([roman("The settings of the service of the Debian package.")])
        .control("TP", [])
        .text([bold("~/.config/pigeonhole")])
        .text([roman("The login of pigeonhole notes, and texts that it could not store.")]);
}
