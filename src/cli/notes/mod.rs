//! `pigeonhole notes`: a client for users who write notes from a terminal. It uses the JSON API of a server
//! and reads none of the server's settings. docs/notes-client.md is its guide.

mod api_answer;
mod api_client;
mod display;
mod editor;
mod failure;
mod folder;
mod login;
mod login_file;
mod password;
mod reading;
mod server_url;
mod unsaved_text;
mod writing;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::output;

/// The part of the help below the options.
pub(super) const HELP: &str = "\
Exit codes:
  0  done
  1  another error
  2  the command line is wrong
  3  log in first, or the login does not allow this (401, 403)
  4  there is no such note (404)
  5  the note was changed in the meantime (409, 412)
  6  try again later (429, 503, no connection)

The login is kept in $XDG_CONFIG_HOME/pigeonhole or ~/.config/pigeonhole. A text that could not be
stored is kept there too, and the error says in which file.";

/// What to do.
#[derive(Args)]
pub struct NotesCommand {
    #[command(subcommand)]
    action: NotesAction,
}

#[derive(Subcommand)]
enum NotesAction {
    /// Log in. The password is asked for, or read from standard input: one line.
    Login(login::LoginArguments),
    /// End the session, and forget it.
    Logout,
    /// List your newest notes.
    List(reading::ListArguments),
    /// Print a note, without characters that a terminal takes as commands.
    Show(reading::ShowArguments),
    /// Store a new note.
    Add(writing::AddArguments),
    /// Replace the text of a note.
    Edit(writing::EditArguments),
    /// Move a note to the bin.
    Delete(writing::DeleteArguments),
}

/// Does it. A failure is one line on standard error, and the exit code says its kind.
pub async fn run(command: NotesCommand) -> ExitCode {
    let done = match &command.action {
        NotesAction::Login(arguments) => login::log_in(arguments).await,
        NotesAction::Logout => login::log_out().await,
        NotesAction::List(arguments) => reading::list(arguments).await,
        NotesAction::Show(arguments) => reading::show(arguments).await,
        NotesAction::Add(arguments) => writing::add(arguments).await,
        NotesAction::Edit(arguments) => writing::edit(arguments).await,
        NotesAction::Delete(arguments) => writing::delete(arguments).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::error_line(&format!("pigeonhole: {}", failure.sentence()));
            failure.exit_code()
        }
    }
}
