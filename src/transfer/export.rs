//! The archive of an export: a Markdown file for each note, and one JSON of everything. A page of notes is in
//! memory at a time.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::mpsc::{self, Sender};

use super::source::{Exported, Source};
use super::zip_stream::{Archive, ExportError};
use super::{document, front_matter};
use crate::db::Database;
use crate::store::{LeavingNote, Scope};

const EVERYTHING: &str = "pigeonhole.json";

/// The archive, chunk by chunk. It is made as fast as it is taken.
pub fn export(
    database: Database,
    exported: Exported,
) -> impl Stream<Item = Result<Bytes, io::Error>> + 'static {
    let (sender, receiver) = mpsc::channel(2);
    let whole = Arc::new(AtomicBool::new(false));
    let reached_its_end = Arc::clone(&whole);
    tokio::spawn(async move {
        let source = Source { database, tenant: exported.tenant, scope: exported.scope };
        let result = write(&source, &exported, &sender).await;
        match result {
            Ok(()) => reached_its_end.store(true, Ordering::Release),
            Err(ExportError::ClientGone) => log::debug!("an export was not waited for"),
            Err(error) => log::warn!("an export ended early: {error}"),
        }
    });
    // However it ended, what is not whole must not look like it: a download that breaks off is seen, a short
    // one is not.
    futures_util::stream::unfold((receiver, whole), async |(mut receiver, whole)| {
        match receiver.recv().await {
            Some(chunk) => Some((Ok(chunk), (receiver, whole))),
            None if whole.swap(true, Ordering::AcqRel) => None,
            None => Some((Err(io::Error::other("the export ended early")), (receiver, whole))),
        }
    })
}

async fn write(source: &Source, exported: &Exported, sender: &Sender<Bytes>) -> Result<(), ExportError> {
    let mut archive = Archive::new(sender);
    let names = names(source, exported).await?;
    let mut last: Option<LeavingNote> = None;
    loop {
        let mut page = source.notes_after(last.as_ref()).await?;
        for leaving in &page {
            let author = names.get(&leaving.note.author.number()).map_or("", String::as_str);
            archive.start_file(&path(leaving, author, exported.scope), false)?;
            archive
                .write(
                    front_matter::write(leaving, author, &exported.tenant_name, exported.tenant.number())
                        .as_bytes(),
                )
                .await?;
        }
        let Some(end) = page.pop() else { break };
        last = Some(end);
    }
    archive.start_file(EVERYTHING, true)?;
    document::write(source, exported, &names, &mut archive).await?;
    archive.finish().await
}

/// Who wrote what: only the asker's own name where only own notes leave.
async fn names(source: &Source, exported: &Exported) -> Result<HashMap<i64, String>, ExportError> {
    let mut names = HashMap::new();
    if let Scope::Of(user) = exported.scope {
        names.insert(user.number(), exported.username.clone());
        return Ok(names);
    }
    let mut last = None;
    loop {
        let mut page = source.people_after(last.as_ref()).await?;
        names.extend(page.iter().map(|person| (person.id, person.username.clone())));
        let Some(end) = page.pop() else { return Ok(names) };
        last = Some(end);
    }
}

/// notes/2026-11-24-shopping-list-17.md; what is in the bin lies in bin/, and a tenant's archive has a folder
/// for each author.
fn path(leaving: &LeavingNote, author: &str, scope: Scope) -> String {
    let note = &leaving.note;
    let folder = if leaving.deleted_at.is_some() { "bin" } else { "notes" };
    let person = match scope {
        Scope::Of(_) => String::new(),
        Scope::Everybody => format!("{}-{}/", slug(author), note.author),
    };
    let title = note.title.as_ref().map_or("note", |title| title.as_str());
    format!("{folder}/{person}{}-{}-{}.md", note.created_at.format("%F"), slug(title), note.id)
}

/// Letters and digits that every file system takes.
fn slug(text: &str) -> String {
    let words: Vec<String> = text
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let joined: String = words.join("-").chars().take(40).collect();
    if joined.is_empty() { "x".to_owned() } else { joined }
}
