//! Taking an archive in: the Markdown files of a ZIP become notes of whoever brings it, with the times that
//! their heads name. Each is remembered by its origin in the transaction that writes it, so an import that
//! was interrupted is repeated and goes on.

use std::fs::File;
use std::io::Read;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::{self, Sender};
use zip::ZipArchive;

use super::front_matter;
use crate::db::{Database, DbError};
use crate::domain::{CONTENT_LIMIT, NoteContent, NoteTitle, TenantId, UserId};
use crate::store::ComingNote;

/// The most files of an archive that are looked at.
const FILES: usize = 100_000;
/// A note and its head: a longer file is no note, however small it is packed.
const LONGEST_FILE: u64 = CONTENT_LIMIT as u64 + 16 * 1024;
/// Notes in one transaction.
const BATCH: usize = 20;
/// Refusals that are told one by one.
const TOLD: usize = 50;

/// What was taken in and what was not.
#[derive(Clone, Debug, Default, serde::Serialize, utoipa::ToSchema)]
pub struct Report {
    /// Notes that are new here.
    pub taken: usize,
    /// Notes that came in before, by this archive or another of the same notes.
    pub known: usize,
    /// Files that are no note of ours, with the reason; the first fifty.
    pub refused: Vec<Refused>,
    /// How many files were refused.
    pub refusals: usize,
    /// What an archive holds and an import leaves out.
    pub left_out: Vec<&'static str>,
}

/// A file that was not taken.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Refused {
    /// Its path in the archive.
    pub file: String,
    /// Why.
    pub reason: String,
}

/// Why an import ended.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The upload is no ZIP, or a broken one.
    #[error("the archive cannot be read")]
    NoArchive,
    /// The database; what was taken in stays, and a repetition goes on.
    #[error(transparent)]
    Database(#[from] DbError),
}

type Piece = Result<ComingNote, Refused>;

/// Takes the notes of an archive in for a user.
///
/// # Errors
/// See [`ImportError`].
pub async fn import(
    database: &Database,
    tenant: TenantId,
    user: UserId,
    file: File,
) -> Result<Report, ImportError> {
    let (sender, mut receiver) = mpsc::channel::<Piece>(BATCH);
    let reading = tokio::task::spawn_blocking(move || read(file, &sender));
    let mut report = Report {
        left_out: vec!["earlier texts of notes", "with whom notes are shared", "people and their roles"],
        ..Report::default()
    };
    let mut batch = Vec::with_capacity(BATCH);
    while let Some(piece) = receiver.recv().await {
        match piece {
            Ok(note) => batch.push(note),
            Err(refused) => report.refuse(refused),
        }
        if batch.len() == BATCH {
            take(database, tenant, user, &mut batch, &mut report).await?;
        }
    }
    take(database, tenant, user, &mut batch, &mut report).await?;
    match reading.await {
        Ok(Ok(())) => Ok(report),
        _ => Err(ImportError::NoArchive),
    }
}

impl Report {
    fn refuse(&mut self, refused: Refused) {
        self.refusals += 1;
        if self.refused.len() < TOLD {
            self.refused.push(refused);
        }
    }
}

async fn take(
    database: &Database,
    tenant: TenantId,
    user: UserId,
    batch: &mut Vec<ComingNote>,
    report: &mut Report,
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
    match database.tenant(tenant).take_in(user, &notes).await {
        Ok(()) => report.taken += notes.len(),
        // The same archive comes in twice at once: one by one it shows which are new.
        Err(DbError::Taken(_)) => {
            for note in &notes {
                match database.tenant(tenant).take_in(user, std::slice::from_ref(note)).await {
                    Ok(()) => report.taken += 1,
                    Err(DbError::Taken(_)) => report.known += 1,
                    Err(error) => return Err(error),
                }
            }
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Reads the archive on a thread that may block, and ends early when nobody takes the notes any more.
fn read(file: File, sender: &Sender<Piece>) -> Result<(), zip::result::ZipError> {
    let mut archive = ZipArchive::new(file)?;
    for index in 0..archive.len().min(FILES) {
        let mut entry = archive.by_index(index)?;
        let Ok(path) = entry.name().map(|name| name.into_owned()) else { continue };
        if !entry.is_file() || !path.to_ascii_lowercase().ends_with(".md") {
            continue;
        }
        let mut bytes = Vec::new();
        // Its own word on its size may be a lie, so what is read is counted.
        let read = entry.by_ref().take(LONGEST_FILE + 1).read_to_end(&mut bytes);
        let piece = match read {
            Ok(length) if length as u64 > LONGEST_FILE => refused(&path, "It is longer than a note may be."),
            Ok(_) => note(&path, &bytes),
            Err(_) => refused(&path, "It cannot be unpacked."),
        };
        if sender.blocking_send(piece).is_err() {
            break;
        }
    }
    Ok(())
}

fn refused(path: &str, reason: &str) -> Piece {
    let file: String = path.chars().filter(|character| !character.is_control()).take(200).collect();
    Err(Refused { file, reason: reason.to_owned() })
}

fn note(path: &str, bytes: &[u8]) -> Piece {
    let Ok(text) = std::str::from_utf8(bytes) else { return refused(path, "It is not UTF-8.") };
    let (head, content) = front_matter::read(text);
    let title = match NoteTitle::parse_optional(head.text("title").unwrap_or_default()) {
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
    let created_at = past(head.time("created_at")).unwrap_or(now);
    Ok(ComingNote {
        origin: origin(&head, path, content.as_str()),
        title,
        content,
        created_at,
        updated_at: past(head.time("updated_at")).unwrap_or(created_at).max(created_at),
        deleted_at: past(head.time("deleted_at")),
    })
}

/// What makes two files the same note: where it comes from, and the text itself for a file that does not say.
fn origin(head: &front_matter::Head, path: &str, content: &str) -> Vec<u8> {
    let named = head.number("note_id").zip(head.text("organization")).zip(head.text("created_at"));
    let name = match named {
        Some(((note, organization), created)) => format!("{organization}\n{note}\n{created}"),
        None => format!("{path}\n{content}"),
    };
    Sha256::digest(name.as_bytes()).to_vec()
}
