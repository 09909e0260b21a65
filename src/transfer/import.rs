//! Import: the Markdown files of a ZIP become notes of the user, with the times of their front matter. The
//! transaction that writes a note records its origin, so a repeated import continues where it was
//! interrupted. A user runs one import at a time.

use std::future::Future;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{self, Sender};

use super::archive::{CheckedArchive, MarkdownFile};
use super::archive_fault::ArchiveFault;
use super::front_matter::{self, FrontMatter};
use super::lease::ImportLease;
use super::upload_space::UploadedFile;
use crate::db::{Database, DbError};
use crate::domain::{Limit, NoteContent, NoteTitle, TenantId, UserId};
use crate::log_context::carry_blocking;
use crate::store::ImportedNote;

/// The archives that are read at a time in this process. The list of files of each is in memory.
static READERS: Semaphore = Semaphore::const_new(4);
/// The time that an upload which has arrived waits for its turn to be read.
const READER_TIMEOUT: Duration = Duration::from_secs(30);
/// Notes in one transaction, and their bytes: a transaction has 2.5 seconds, on a busy server too.
const BATCH: usize = 20;
const BATCH_BYTES: usize = 1024 * 1024;
/// The most refused files that a report lists.
const LISTED: usize = 50;

/// The result of an import.
#[derive(Clone, Debug, Default, serde::Serialize, utoipa::ToSchema)]
#[schema(as = Report)]
pub struct ImportReport {
    /// The number of notes that were imported.
    pub taken: usize,
    /// The number of notes that were imported before, from this archive or another with the same notes.
    pub known: usize,
    /// The first fifty files that were refused, with the reason.
    pub refused: Vec<RefusedFile>,
    /// The number of files that were refused.
    pub refusals: usize,
    /// Why the import stopped before the end, if a limit was reached. What was imported stays; once there is
    /// room, the same archive continues there.
    pub stopped: Option<&'static str>,
    /// The limit that stopped it.
    #[serde(skip)]
    #[schema(ignore)]
    pub limit: Option<Limit>,
    /// What an archive contains and an import ignores.
    pub left_out: Vec<&'static str>,
}

/// A file that was refused.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = Refused)]
pub struct RefusedFile {
    /// Its path in the archive.
    pub file: String,
    /// Why it was refused.
    pub reason: String,
}

/// Why an import failed.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The archive is refused as a whole. Nothing was imported.
    #[error("the archive is refused: {0:?}")]
    Refused(ArchiveFault),
    /// The user has another import, which has not ended.
    #[error("another import of the user runs")]
    AlreadyRunning,
    /// Other users' archives are being read.
    #[error("too many archives are being read")]
    Busy,
    /// The notes that were imported before the failure stay, and a repeated import continues there.
    #[error(transparent)]
    Database(#[from] DbError),
}

pub(super) type ImportItem = Result<ImportedNote, RefusedFile>;

/// Imports the notes of an archive for a user, who has no other import meanwhile. `arriving` is the upload.
///
/// # Errors
/// See [`ImportError`], or the error of the upload.
pub async fn import<E: From<ImportError>>(
    database: &Database,
    tenant: TenantId,
    user: UserId,
    arriving: impl Future<Output = Result<UploadedFile, E>>,
) -> Result<ImportReport, E> {
    let lease = ImportLease::take(database, tenant, user).await.map_err(ImportError::from)?;
    let lease = lease.ok_or(ImportError::AlreadyRunning)?;
    let report = match arriving.await {
        Ok(upload) => import_upload(database, tenant, user, upload).await.map_err(E::from),
        Err(error) => Err(error),
    };
    lease.release().await;
    report
}

async fn import_upload(
    database: &Database,
    tenant: TenantId,
    user: UserId,
    upload: UploadedFile,
) -> Result<ImportReport, ImportError> {
    let turn = tokio::time::timeout(READER_TIMEOUT, READERS.acquire()).await;
    let Ok(Ok(_turn)) = turn else { return Err(ImportError::Busy) };
    let (sender, mut receiver) = mpsc::channel::<ImportItem>(BATCH);
    let reading = tokio::task::spawn_blocking(carry_blocking(move || read(&upload, &sender)));
    let mut report = ImportReport {
        left_out: vec!["earlier texts of notes", "with whom notes are shared", "people and their roles"],
        ..ImportReport::default()
    };
    let (mut batch, mut bytes) = (Vec::with_capacity(BATCH), 0);
    while let Some(item) = receiver.recv().await {
        match item {
            Ok(note) => {
                bytes += note.content.as_str().len();
                batch.push(note);
            }
            Err(refused) => report.refuse(refused),
        }
        if batch.len() == BATCH || bytes >= BATCH_BYTES {
            import_batch(database, tenant, user, &mut batch, &mut report).await?;
            bytes = 0;
        }
        if report.stopped.is_some() {
            break;
        }
    }
    import_batch(database, tenant, user, &mut batch, &mut report).await?;
    // The reader of an import that stopped ends, too.
    drop(receiver);
    match reading.await {
        Ok(Ok(())) => Ok(report),
        Ok(Err(fault)) => Err(ImportError::Refused(fault)),
        Err(_) => Err(ImportError::Refused(ArchiveFault::Unreadable)),
    }
}

impl ImportReport {
    fn refuse(&mut self, refused: RefusedFile) {
        self.refusals += 1;
        if self.refused.len() < LISTED {
            self.refused.push(refused);
        }
    }
}

async fn import_batch(
    database: &Database,
    tenant: TenantId,
    user: UserId,
    batch: &mut Vec<ImportedNote>,
    report: &mut ImportReport,
) -> Result<(), DbError> {
    let mut notes = std::mem::take(batch);
    if notes.is_empty() {
        return Ok(());
    }
    let origins: Vec<Vec<u8>> = notes.iter().map(|note| note.origin.clone()).collect();
    let known = database.tenant(tenant).known_origins(user, &origins).await?;
    let mut seen = std::collections::HashSet::new();
    let all = notes.len();
    notes.retain(|note| !known.contains(&note.origin) && seen.insert(note.origin.clone()));
    report.known += all - notes.len();
    if notes.is_empty() {
        return Ok(());
    }
    match database.tenant(tenant).import_notes(user, &notes).await {
        Ok(()) => report.taken += notes.len(),
        Err(DbError::Taken(_) | DbError::LimitReached(_)) => {
            import_one_by_one(database, tenant, user, &notes, report).await?
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// For an archive that is imported twice at the same time, and for the last notes that a limit allows: a
/// transaction for each note finds those that can be imported.
async fn import_one_by_one(
    database: &Database,
    tenant: TenantId,
    user: UserId,
    notes: &[ImportedNote],
    report: &mut ImportReport,
) -> Result<(), DbError> {
    for note in notes {
        match database.tenant(tenant).import_notes(user, std::slice::from_ref(note)).await {
            Ok(()) => report.taken += 1,
            Err(DbError::Taken(_)) => report.known += 1,
            Err(DbError::LimitReached(limit)) => {
                (report.stopped, report.limit) = (Some(limit.sentence()), Some(limit));
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads the archive on a thread that may block. It ends early when the receiver is dropped.
fn read(upload: &UploadedFile, sender: &Sender<ImportItem>) -> Result<(), ArchiveFault> {
    let mut archive = CheckedArchive::open(upload.file())?;
    for index in 0..archive.len() {
        let Some(MarkdownFile { path, bytes }) = archive.markdown_file(index) else { continue };
        let item = match bytes {
            Ok(bytes) => note(&path, &bytes),
            Err(reason) => refused(&path, reason),
        };
        if sender.blocking_send(item).is_err() {
            break;
        }
    }
    Ok(())
}

fn refused(path: &str, reason: &str) -> ImportItem {
    let file: String = path.chars().filter(|character| !character.is_control()).take(200).collect();
    Err(RefusedFile { file, reason: reason.to_owned() })
}

/// The note of a file.
pub(super) fn note(path: &str, bytes: &[u8]) -> ImportItem {
    let Ok(text) = std::str::from_utf8(bytes) else { return refused(path, "It is not UTF-8.") };
    let (front_matter, content) = front_matter::read(text);
    let title = match NoteTitle::parse_optional(front_matter.text("title").unwrap_or_default()) {
        Ok(title) => title,
        Err(invalid) => return refused(path, invalid.0),
    };
    let content = match NoteContent::parse(content) {
        Ok(content) => content,
        Err(invalid) => return refused(path, invalid.0),
    };
    let now = Utc::now();
    let past =
        |time: Option<DateTime<Utc>>| time.filter(|time| *time <= now && *time >= DateTime::UNIX_EPOCH);
    let created_at = past(front_matter.time("created_at")).unwrap_or(now);
    Ok(ImportedNote {
        origin: origin(&front_matter, path, content.as_str()),
        title,
        content,
        created_at,
        updated_at: past(front_matter.time("updated_at")).unwrap_or(created_at).max(created_at),
        deleted_at: past(front_matter.time("deleted_at")),
    })
}

/// Identifies a note: by the organization, number and time in its front matter, or else by its path and text.
fn origin(front_matter: &FrontMatter, path: &str, content: &str) -> Vec<u8> {
    let named = front_matter
        .number("note_id")
        .zip(front_matter.text("organization"))
        .zip(front_matter.text("created_at"));
    let name = match named {
        Some(((note, organization), created)) => format!("{organization}\n{note}\n{created}"),
        None => format!("{path}\n{content}"),
    };
    Sha256::digest(name.as_bytes()).to_vec()
}
