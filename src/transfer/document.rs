//! The JSON file of everything: the organization, its users if all of it is exported, and each note with its
//! earlier texts and shares. It is written piece by piece, so that it may be of any size.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::permission::Permission;
use super::source::{ExportRequest, ExportSource};
use super::zip_stream::{Archive, ExportError};
use crate::store::{ExportScope, ExportedNote, ExportedShare, ExportedUser};

/// Earlier texts in a page: at most 2.5 MB.
const REVISIONS: i64 = 10;

pub(super) async fn write(
    source: &ExportSource<impl Permission>,
    request: &ExportRequest,
    names: &HashMap<i64, String>,
    archive: &mut Archive<'_>,
) -> Result<(), ExportError> {
    let about = json!({"id": request.tenant.number(), "name": request.tenant_name});
    let scope = if request.scope == ExportScope::Tenant { "organization" } else { "user" };
    let head = format!(
        "{{\"format\":\"pigeonhole\",\"format_version\":1,\"exported_at\":{},\"exported_by\":{},\
         \"scope\":\"{scope}\",\"organization\":{about}",
        json!(chrono::Utc::now()),
        json!(request.username)
    );
    archive.write(head.as_bytes()).await?;
    if request.scope == ExportScope::Tenant {
        archive.write(b",\n\"members\":[").await?;
        write_users(source, archive).await?;
        archive.write(b"]").await?;
    }
    archive.write(b",\n\"notes\":[").await?;
    let (mut last, mut separator): (Option<ExportedNote>, &str) = (None, "\n");
    loop {
        let mut page = source.notes_after(last.as_ref()).await?;
        let numbers: Vec<i64> = page.iter().map(|exported| exported.note.id.number()).collect();
        let shares = if numbers.is_empty() {
            Vec::new()
        } else {
            source.handle().await?.exported_shares(&numbers).await?
        };
        for exported in &page {
            archive.write(separator.as_bytes()).await?;
            separator = ",\n";
            write_note(source, exported, names, &shares, archive).await?;
        }
        let Some(end) = page.pop() else { break };
        last = Some(end);
    }
    archive.write(b"]}\n").await
}

async fn write_users(
    source: &ExportSource<impl Permission>,
    archive: &mut Archive<'_>,
) -> Result<(), ExportError> {
    let (mut last, mut separator): (Option<ExportedUser>, &str) = (None, "\n");
    loop {
        let mut page = source.users_after(last.as_ref()).await?;
        for user in &page {
            let value = json!({
                "user_id": user.id, "username": user.username, "email": user.email, "role": user.role,
                "created_at": user.created_at, "removed_at": user.removed_at,
            });
            archive.write(format!("{separator}{value}").as_bytes()).await?;
            separator = ",\n";
        }
        let Some(end) = page.pop() else { return Ok(()) };
        last = Some(end);
    }
}

async fn write_note(
    source: &ExportSource<impl Permission>,
    exported: &ExportedNote,
    names: &HashMap<i64, String>,
    shares: &[ExportedShare],
    archive: &mut Archive<'_>,
) -> Result<(), ExportError> {
    let note = &exported.note;
    let shares: Vec<Value> =
        shares.iter().filter(|share| share.note == note.id.number()).map(share_value).collect();
    let value = json!({
        "note_id": note.id, "user_id": note.author, "author": names.get(&note.author.number()),
        "title": note.title.as_ref().map(|title| title.as_str()), "content": note.content.as_str(),
        "version": note.version,
        "created_at": note.created_at, "updated_at": note.updated_at, "deleted_at": exported.deleted_at,
        "shared_with": shares,
    });
    let text = value.to_string();
    // The earlier texts come last, because there may be any number of them.
    archive.write(text.strip_suffix('}').unwrap_or(&text).as_bytes()).await?;
    archive.write(b",\"revisions\":[").await?;
    let (mut after, mut separator) = (0, "");
    while after + 1 < note.version {
        let page = source.handle().await?.exported_revisions(note.id, after, REVISIONS).await?;
        let Some(end) = page.last() else { break };
        after = end.version;
        for revision in &page {
            let value = json!({
                "version": revision.version, "title": revision.title.as_ref().map(|title| title.as_str()),
                "content": revision.content, "replaced_at": revision.replaced_at,
                "replaced_by": revision.replaced_by,
            });
            archive.write(format!("{separator}{value}").as_bytes()).await?;
            separator = ",";
        }
    }
    archive.write(b"]}").await
}

fn share_value(share: &ExportedShare) -> Value {
    let with = if share.audience == 0 { json!("everyone") } else { json!(share.audience) };
    json!({"with": with, "access": share.access, "since": share.created_at})
}
