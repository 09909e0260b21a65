//! Lists, searches and exports of full notes whose characters take six bytes each in JSON, to clients that
//! never read (security.md, H2).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::bodies::{self, Unread};
use crate::client::{Call, Client};
use crate::crowd::Crowd;
use crate::outcome::Outcome;
use crate::people::Browser;
use crate::report::Row;
use crate::stage::Stage;
use crate::tally::Tally;

/// As many notes as one page of a list has at most.
const NOTES: usize = 100;
/// The bytes of a full note.
const NOTE: usize = 256 * 1024;
/// How often each list is asked for.
const TIMES: usize = 3;
/// A word in the title of each note.
const WORD: &str = "pigeon";
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// An author of full notes, and a colleague who has them in the inbox.
pub struct FullNotes {
    author: String,
    recipient: String,
    browser: Browser,
}

/// Two members ask for everything that they may see, three times each, and do not read.
pub async fn unread(stage: Arc<Stage>) -> Outcome<Row> {
    let notes = prepare(&stage).await?;
    let requests = requests(&stage, &notes);
    let number = stage.connections(requests.len() * TIMES);
    let watch = stage.watch(false).await?;
    let mut crowd = Crowd::new();
    bodies::send(&stage, &mut crowd, &requests, number, |_| stage.block.attacker());
    let mut tally = bodies::closed(&stage, crowd).await;
    let mut row_tally = Tally::default();
    let lists = [("/api/notes?limit=100", &notes.author), ("/api/inbox?limit=100", &notes.recipient)];
    for (path, token) in lists {
        let found = walk(&stage, path, token).await?;
        row_tally.require(found == NOTES, format!("{path} lists {found} of {NOTES} notes"));
    }
    tally.merge(row_tally);
    Ok(watch.end(tally).await)
}

/// Writes the notes, shared with everyone of the organization.
pub async fn prepare(stage: &Arc<Stage>) -> Outcome<FullNotes> {
    let owner = stage.founder().await?;
    let author = stage.token(&owner).await?;
    let colleague = stage.colleague(&author).await?;
    let content = "\u{1}".repeat(NOTE);
    for number in 0..NOTES {
        let note = json!({"title": format!("{WORD} {number}"), "content": content, "share_with": "everyone"});
        let call = Call::new("POST", "/api/notes").bearer(&author).json(&note);
        stage.prepared(call).await.expect(201, "a full note")?;
    }
    let recipient = stage.token(&colleague).await?;
    let browser = stage.browser(&owner, stage.preparation_address()).await?;
    Ok(FullNotes { author, recipient, browser })
}

/// Everything that gives back many notes.
pub fn requests(stage: &Stage, notes: &FullNotes) -> Vec<Unread> {
    let search = format!("/api/notes?limit=100&q={WORD}");
    let inbox_search = format!("/api/inbox?limit=100&q={WORD}");
    vec![
        bodies::get(stage, "/api/notes?limit=100", &notes.author),
        bodies::get(stage, "/api/inbox?limit=100", &notes.recipient),
        bodies::get(stage, &search, &notes.author),
        bodies::get(stage, &inbox_search, &notes.recipient),
        bodies::get(stage, "/api/export", &notes.author),
        bodies::get_page(stage, "/account/export", &notes.browser),
        bodies::get_page(stage, "/account/export/organization", &notes.browser),
        bodies::get_page(stage, "/notes", &notes.browser),
    ]
}

/// The number of notes on all pages of a list.
async fn walk(stage: &Stage, path: &str, token: &str) -> Outcome<usize> {
    let client = Client::with_timeout(&stage.target.base, stage.block.known(), READ_TIMEOUT)?;
    let (mut next, mut found) = (Some(path.to_owned()), BTreeSet::new());
    while let Some(path) = next.filter(|_| found.len() <= NOTES) {
        let reply = client.send(Call::new("GET", path.as_str()).bearer(token)).await;
        next = reply.next_page();
        let notes = reply.expect(200, &path)?.json();
        let ids = notes.as_array().into_iter().flatten().filter_map(|note| note["note_id"].as_i64());
        found.extend(ids);
    }
    Ok(found.len())
}
