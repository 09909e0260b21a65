//! The JSON of a note.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::NoteRole;
use crate::store::Note;

/// A note.
#[derive(Serialize, ToSchema)]
pub struct NoteView {
    note_id: i64,
    tenant_id: i64,
    user_id: i64,
    title: Option<String>,
    pub content: String,
    pub version: i32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    /// `read` or `edit`, for a note that another member shared with the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<&'static str>,
    /// The state of the latest delivery, for the author of a shared note who reads it by its id: pending,
    /// published, acknowledged or failed. The `ETag` is that of the text and does not change with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<&'static str>,
}

/// The JSON of a note of the tenant `tenant_id`, for a user of this standing.
pub fn view(tenant_id: i64, note: Note, standing: NoteRole) -> NoteView {
    NoteView {
        note_id: note.id.number(),
        tenant_id,
        user_id: note.author.number(),
        title: note.title.map(|title| title.as_str().to_owned()),
        content: note.content.into_string(),
        version: note.version,
        created_at: note.created_at,
        updated_at: note.updated_at,
        access: match standing {
            NoteRole::Author => None,
            NoteRole::Recipient(access) => Some(access.as_str()),
        },
        delivery: None,
    }
}
