//! A Markdown file of an archive as a note, or why it is none.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::front_matter::{self, FrontMatter};
use crate::domain::{NoteContent, NoteTitle};
use crate::store::ImportedNote;

/// A file that was refused.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = Refused)]
pub struct RefusedFile {
    /// Its path in the archive.
    pub file: String,
    /// Why it was refused.
    pub reason: String,
}

pub(super) type ImportItem = Result<ImportedNote, RefusedFile>;

pub(super) fn refused(path: &str, reason: &str) -> ImportItem {
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
