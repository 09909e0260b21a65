//! Writing an archive while it is sent: what is in memory is a page of notes and the list of files, which a
//! ZIP has at its end.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::mpsc::{self, Sender};
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use super::source::Source;
use super::{document, front_matter};
use crate::db::{Database, DbError};
use crate::domain::TenantId;
use crate::store::{LeavingNote, Scope};

/// Compressed bytes are handed on when there are this many.
const CHUNK: usize = 64 * 1024;
const EVERYTHING: &str = "pigeonhole.json";

/// Why an archive ends early. Whoever downloads it sees that it is broken, as its end is missing.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExportError {
    #[error("the database: {0}")]
    Database(#[from] DbError),
    #[error("the archive: {0}")]
    Archive(#[from] zip::result::ZipError),
    #[error("the archive: {0}")]
    Writing(#[from] io::Error),
    #[error("the archive: {0}")]
    Json(#[from] serde_json::Error),
    #[error("whoever asked went away")]
    Gone,
}

/// Who exports what.
pub struct Exported {
    /// The tenant.
    pub tenant: TenantId,
    /// The tenant's name.
    pub tenant_name: String,
    /// Whose notes.
    pub scope: Scope,
    /// The name of who asks.
    pub username: String,
}

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
            Err(ExportError::Gone) => log::debug!("an export was not waited for"),
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
            archive.begin(&path(leaving, author, exported.scope))?;
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
    archive.begin(EVERYTHING)?;
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

/// A ZIP whose bytes go to whoever downloads it.
pub(super) struct Archive<'a> {
    zip: ZipWriter<StreamWriter<Pipe>>,
    pipe: Pipe,
    sender: &'a Sender<Bytes>,
}

#[derive(Clone, Default)]
struct Pipe(Arc<Mutex<Vec<u8>>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> Archive<'a> {
    fn new(sender: &'a Sender<Bytes>) -> Self {
        let pipe = Pipe::default();
        Self { zip: ZipWriter::new_stream(pipe.clone()), pipe, sender }
    }

    fn begin(&mut self, path: &str) -> Result<(), ExportError> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .large_file(path == EVERYTHING);
        Ok(self.zip.start_file(path, options)?)
    }

    /// Adds bytes to the file that was begun last.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.zip.write_all(bytes).map_err(ExportError::from)?;
        self.hand_on(CHUNK).await
    }

    async fn finish(self) -> Result<(), ExportError> {
        let pipe = self.pipe.clone();
        let sender = self.sender;
        self.zip.finish()?;
        send(&pipe, sender, 1).await
    }

    async fn hand_on(&self, enough: usize) -> Result<(), ExportError> {
        send(&self.pipe, self.sender, enough).await
    }
}

async fn send(pipe: &Pipe, sender: &Sender<Bytes>, enough: usize) -> Result<(), ExportError> {
    let chunk = {
        let mut waiting = pipe.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < enough {
            return Ok(());
        }
        std::mem::take(&mut *waiting)
    };
    sender.send(chunk.into()).await.map_err(|_| ExportError::Gone)
}
