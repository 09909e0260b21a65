//! The one JSON of everything: the organization, its people where all of it leaves, and each note with its
//! earlier texts and with whom it is shared. Written piece by piece, so that it may be of any size.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::source::{Exported, Source};
use super::zip_stream::{Archive, ExportError};
use crate::store::{LeavingNote, LeavingPerson, LeavingShare, Scope};

/// Replaced texts in a page: at most 2.5 MB.
const REVISIONS: i64 = 10;

pub(super) async fn write(
    source: &Source,
    exported: &Exported,
    names: &HashMap<i64, String>,
    archive: &mut Archive<'_>,
) -> Result<(), ExportError> {
    let about = json!({"id": exported.tenant.number(), "name": exported.tenant_name});
    let scope = if exported.scope == Scope::Everybody { "organization" } else { "user" };
    let head = format!(
        "{{\"format\":\"pigeonhole\",\"format_version\":1,\"exported_at\":{},\"exported_by\":{},\
         \"scope\":\"{scope}\",\"organization\":{about}",
        json!(chrono::Utc::now()),
        json!(exported.username)
    );
    archive.write(head.as_bytes()).await?;
    if exported.scope == Scope::Everybody {
        archive.write(b",\n\"members\":[").await?;
        write_people(source, archive).await?;
        archive.write(b"]").await?;
    }
    archive.write(b",\n\"notes\":[").await?;
    let (mut last, mut separator): (Option<LeavingNote>, &str) = (None, "\n");
    loop {
        let mut page = source.notes_after(last.as_ref()).await?;
        let numbers: Vec<i64> = page.iter().map(|leaving| leaving.note.id.number()).collect();
        let shares =
            if numbers.is_empty() { Vec::new() } else { source.handle().leaving_shares(&numbers).await? };
        for leaving in &page {
            archive.write(separator.as_bytes()).await?;
            separator = ",\n";
            write_note(source, leaving, names, &shares, archive).await?;
        }
        let Some(end) = page.pop() else { break };
        last = Some(end);
    }
    archive.write(b"]}\n").await
}

async fn write_people(source: &Source, archive: &mut Archive<'_>) -> Result<(), ExportError> {
    let (mut last, mut separator): (Option<LeavingPerson>, &str) = (None, "\n");
    loop {
        let mut page = source.people_after(last.as_ref()).await?;
        for person in &page {
            let value = json!({
                "user_id": person.id, "username": person.username, "email": person.email, "role": person.role,
                "created_at": person.created_at, "removed_at": person.removed_at,
            });
            archive.write(format!("{separator}{value}").as_bytes()).await?;
            separator = ",\n";
        }
        let Some(end) = page.pop() else { return Ok(()) };
        last = Some(end);
    }
}

async fn write_note(
    source: &Source,
    leaving: &LeavingNote,
    names: &HashMap<i64, String>,
    shares: &[LeavingShare],
    archive: &mut Archive<'_>,
) -> Result<(), ExportError> {
    let note = &leaving.note;
    let shares: Vec<Value> =
        shares.iter().filter(|share| share.note == note.id.number()).map(share_value).collect();
    let value = json!({
        "note_id": note.id, "user_id": note.author, "author": names.get(&note.author.number()),
        "title": note.title.as_ref().map(|title| title.as_str()), "content": note.content.as_str(),
        "version": note.version,
        "created_at": note.created_at, "updated_at": note.updated_at, "deleted_at": leaving.deleted_at,
        "shared_with": shares,
    });
    let text = value.to_string();
    // The earlier texts come last, as there may be any number of them.
    archive.write(text.strip_suffix('}').unwrap_or(&text).as_bytes()).await?;
    archive.write(b",\"revisions\":[").await?;
    let (mut after, mut separator) = (0, "");
    while after + 1 < note.version {
        let page = source.handle().leaving_revisions(note.id, after, REVISIONS).await?;
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

fn share_value(share: &LeavingShare) -> Value {
    let with = if share.audience == 0 { json!("everyone") } else { json!(share.audience) };
    json!({"with": with, "access": share.access, "since": share.created_at})
}
