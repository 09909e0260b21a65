//! `notes add`, `notes edit` and `notes delete`.

use std::path::PathBuf;

use clap::Args;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::api_client::{ApiCall, ApiClient};
use super::failure::ClientFailure;
use super::reading::{ClientNote, note};
use super::unsaved_text::{UnsavedText, is_typed};
use super::{editor, login};
use crate::cli::output;

/// Arguments of `notes add`.
#[derive(Args)]
pub struct AddArguments {
    /// The title, up to 200 characters.
    #[arg(long)]
    title: Option<String>,
    /// The file with the text; without it standard input.
    file: Option<PathBuf>,
}

/// Arguments of `notes edit`.
#[derive(Args)]
pub struct EditArguments {
    /// The note's number.
    id: i64,
    /// The new title; without it the title stays.
    #[arg(long)]
    title: Option<String>,
    /// The version that the new text started from (`show --json` has it). Changes since then are merged, or
    /// the edit is refused. Without it the text replaces the current one.
    #[arg(long, value_name = "VERSION")]
    from_version: Option<i32>,
    /// The file with the new text; without it standard input, or on a terminal $VISUAL or $EDITOR.
    file: Option<PathBuf>,
}

/// Arguments of `notes delete`.
#[derive(Args)]
pub struct DeleteArguments {
    /// The note's number.
    id: i64,
}

#[derive(Deserialize)]
struct AddedNote {
    note_id: i64,
}

/// Stores a new note.
pub(super) async fn add(arguments: &AddArguments) -> Result<(), ClientFailure> {
    let file = arguments.file.as_deref();
    let client = match login::current() {
        // Before the user has typed a text.
        Err(failure) if is_typed(file) => return Err(failure),
        client => client,
    };
    let text = UnsavedText::of_new_note(file)?;
    let stored = or_interrupted(Interrupts::listen(), async {
        let mut body = json!({"content": text.content()?});
        if let Some(title) = &arguments.title {
            body["title"] = json!(title);
        }
        let call = ApiCall {
            idempotency_key: Some(text.key()),
            ..ApiCall::new(Method::POST, "/api/notes").body(body)
        };
        client?.send_repeatedly(&call).await?.success()?.json::<AddedNote>()
    })
    .await;
    let AddedNote { note_id } = text.settle(stored)?;
    output::line(&format!("Note {note_id} is stored."));
    Ok(())
}

/// Replaces the text of a note.
pub(super) async fn edit(arguments: &EditArguments) -> Result<(), ClientFailure> {
    let file = arguments.file.as_deref();
    if is_typed(file) {
        return edit_in_editor(&login::current()?, arguments).await;
    }
    let text = UnsavedText::of_edit(arguments.id, file)?;
    let stored = or_interrupted(Interrupts::listen(), async {
        let client = login::current()?;
        let current = note(&client, arguments.id).await?;
        let version = arguments.from_version.unwrap_or(current.version);
        replace(&client, arguments, &current, version, text.content()?).await
    })
    .await;
    let sent = text.content().unwrap_or_default().to_owned();
    tell(arguments.id, &text.settle(stored)?, &sent);
    Ok(())
}

/// Lets the user edit the current text. The file of the editor stays until the server has stored the text.
async fn edit_in_editor(client: &ApiClient, arguments: &EditArguments) -> Result<(), ClientFailure> {
    let current = note(client, arguments.id).await?;
    // Ctrl-C inside the editor belongs to the editor.
    let mut interrupts = Interrupts::listen();
    let (mut text, path) = UnsavedText::for_editor(arguments.id, &current.content)?;
    let edited = editor::open(&path).await;
    text.read_again()?;
    let changed = text.content().map_or(true, |content| !is_same_text(content, &current.content));
    if !changed && arguments.title.is_none() {
        text.discard();
        edited?;
        output::line("Nothing was changed.");
        return Ok(());
    }
    interrupts.forget();
    let stored = or_interrupted(interrupts, async {
        edited?;
        let content = as_edited(text.content()?, &current.content);
        let version = arguments.from_version.unwrap_or(current.version);
        replace(client, arguments, &current, version, content).await
    })
    .await;
    let sent = text.content().map(|content| as_edited(content, &current.content).to_owned());
    tell(arguments.id, &text.settle(stored)?, &sent.unwrap_or_default());
    Ok(())
}

/// Moves a note to the bin.
pub(super) async fn delete(arguments: &DeleteArguments) -> Result<(), ClientFailure> {
    let path = format!("/api/notes/{}", arguments.id);
    login::current()?.send(&ApiCall::new(Method::DELETE, &path)).await?.success()?;
    output::line(&format!("Note {} is in the bin.", arguments.id));
    Ok(())
}

async fn replace(
    client: &ApiClient,
    arguments: &EditArguments,
    current: &ClientNote,
    version: i32,
    content: &str,
) -> Result<ClientNote, ClientFailure> {
    // A PUT without a title removes it.
    let title = arguments.title.as_ref().or(current.title.as_ref());
    let body = json!({"content": content, "title": title, "version": version});
    let path = format!("/api/notes/{}", arguments.id);
    client.send(&ApiCall::new(Method::PUT, &path).body(body)).await?.success()?.json()
}

fn tell(id: i64, stored: &ClientNote, sent: &str) {
    let merged = if stored.content == sent { "" } else { ", merged with newer changes" };
    output::line(&format!("Note {id} is stored as version {}{merged}.", stored.version));
}

/// An editor adds a line end to a last line that has none.
fn as_edited<'a>(edited: &'a str, original: &str) -> &'a str {
    if original.ends_with('\n') { edited } else { edited.strip_suffix('\n').unwrap_or(edited) }
}

fn is_same_text(edited: &str, original: &str) -> bool {
    as_edited(edited, original) == original
}

/// Ctrl-C and SIGTERM, which do not end this process while it listens.
struct Interrupts(Option<(Signal, Signal)>);

impl Interrupts {
    fn listen() -> Self {
        let listen = || Some((signal(SignalKind::interrupt()).ok()?, signal(SignalKind::terminate()).ok()?));
        Self(listen())
    }

    /// Starts anew: a signal from the time of the editor was the editor's.
    fn forget(&mut self) {
        *self = Self::listen();
    }

    async fn next(&mut self) {
        match &mut self.0 {
            Some((interrupt, terminate)) => {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            }
            None => std::future::pending().await,
        }
    }
}

/// The result of the work, or a failure when the user ends the command, so that it says where the text is.
async fn or_interrupted<T>(
    mut interrupts: Interrupts,
    work: impl Future<Output = Result<T, ClientFailure>>,
) -> Result<T, ClientFailure> {
    tokio::select! {
        done = work => done,
        () = interrupts.next() => Err(ClientFailure::interrupted()),
    }
}
