//! The archive of an export: a Markdown file for each note, and one JSON of everything. A page of notes is in
//! memory at a time.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::mpsc;

use super::entry_list::EntryList;
use super::permission::Permission;
use super::source::{ExportRequest, ExportSource};
use super::zip_stream::{Archive, ExportError};
use super::{document, front_matter};
use crate::db::Database;
use crate::log_context::carry;
use crate::store::{ExportScope, ExportedNote};

const EVERYTHING: &str = "pigeonhole.json";
/// The time for a whole export, however slowly its client reads: 2 GiB at 300 KB a second.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(2 * 60 * 60);

/// The archive in chunks, written as fast as the client reads it, while `permission` is in force. `list` is
/// for the list of its files.
pub fn export(
    database: Database,
    request: ExportRequest,
    permission: impl Permission,
    list: EntryList,
) -> impl Stream<Item = Result<Bytes, io::Error>> + 'static {
    let (sender, receiver) = mpsc::channel(2);
    let complete = Arc::new(AtomicBool::new(false));
    let completed = Arc::clone(&complete);
    tokio::spawn(carry(async move {
        let written = async {
            let source = ExportSource::open(database, &request, permission).await?;
            write(&source, &request, Archive::new(&sender, list)).await
        };
        let written = tokio::time::timeout(EXPORT_TIMEOUT, written).await;
        match written.unwrap_or(Err(ExportError::TimedOut)) {
            Ok(()) => completed.store(true, Ordering::Release),
            Err(ExportError::ClientGone) => log::debug!("the client closed the connection during an export"),
            Err(error) => log::warn!("an export ended early: {error}"),
        }
    }));
    // An incomplete archive must end with an error, so that the client sees a failed download and not a short
    // one.
    futures_util::stream::unfold((receiver, complete), async |(mut receiver, complete)| {
        match receiver.recv().await {
            Some(chunk) => Some((Ok(chunk), (receiver, complete))),
            None if complete.swap(true, Ordering::AcqRel) => None,
            None => Some((Err(io::Error::other("the export ended early")), (receiver, complete))),
        }
    })
}

async fn write(
    source: &ExportSource<impl Permission>,
    request: &ExportRequest,
    mut archive: Archive<'_>,
) -> Result<(), ExportError> {
    let names = names(source, request).await?;
    let mut last: Option<ExportedNote> = None;
    loop {
        let mut page = source.notes_after(last.as_ref()).await?;
        for exported in &page {
            let author = names.get(&exported.note.author.number()).map_or("", String::as_str);
            let file = front_matter::write(exported, author, &request.tenant_name, request.tenant.number());
            archive.start_file(path(exported, author, request.scope), false)?;
            archive.write(file.as_bytes()).await?;
        }
        let Some(end) = page.pop() else { break };
        last = Some(end);
    }
    archive.start_file(EVERYTHING.to_owned(), true)?;
    document::write(source, request, &names, &mut archive).await?;
    archive.finish().await
}

/// The names of the authors by id: all users of the tenant, or the user whose notes are exported.
async fn names(
    source: &ExportSource<impl Permission>,
    request: &ExportRequest,
) -> Result<HashMap<i64, String>, ExportError> {
    let mut names = HashMap::new();
    if let ExportScope::User(user) = request.scope {
        names.insert(user.number(), request.username.clone());
        return Ok(names);
    }
    let mut last = None;
    loop {
        let mut page = source.users_after(last.as_ref()).await?;
        names.extend(page.iter().map(|user| (user.id, user.username.clone())));
        let Some(end) = page.pop() else { return Ok(names) };
        last = Some(end);
    }
}

/// Such as notes/2026-11-24-shopping-list-17.md. Deleted notes are in bin/. A tenant's archive has a folder
/// for each author.
fn path(exported: &ExportedNote, author: &str, scope: ExportScope) -> String {
    let note = &exported.note;
    let folder = if exported.deleted_at.is_some() { "bin" } else { "notes" };
    let author_folder = match scope {
        ExportScope::User(_) => String::new(),
        ExportScope::Tenant => format!("{}-{}/", slug(author), note.author),
    };
    let title = note.title.as_ref().map_or("note", |title| title.as_str());
    format!("{folder}/{author_folder}{}-{}-{}.md", note.created_at.format("%F"), slug(title), note.id)
}

/// Letters and digits that every file system accepts.
fn slug(text: &str) -> String {
    let words: Vec<String> = text
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let joined: String = words.join("-").chars().take(40).collect();
    if joined.is_empty() { "x".to_owned() } else { joined }
}
