//! The words and keys of notes that were written before notes had them (migration 16). The program makes
//! them, so no migration in SQL can.

use futures_util::future::try_join_all;
use tokio_postgres::{Client, Error, Row, Statement};

use crate::domain::SearchIndex;

/// How many notes are read at a time: with the longest texts some 80 MB.
const NOTES: i64 = 50;

const READ: &str =
    "SELECT tenant_id, id, user_id, title, content, version FROM notes WHERE search_text IS NULL LIMIT $1";
// One note at a time, as Citus 13.2.2 crashes at an UPDATE that takes the keys of several from one array. A
// note that was changed meanwhile has its words by that change.
const WRITE: &str = "UPDATE notes SET search_text = $4, search_keys = $5
    WHERE tenant_id = $1 AND id = $2 AND version = $3 AND search_text IS NULL";

/// Gives their words to all notes that lack them, and tells how many there were. It may be stopped and run
/// again at any time.
///
/// # Errors
/// The database's error; what was done until then stays.
pub async fn index_older_notes(client: &Client) -> Result<u64, Error> {
    // This is no request, and reads every shard on purpose where Citus is set to complain of that.
    client.batch_execute("SET citus.multi_task_query_log_level TO 'off'").await?;
    let write = client.prepare(WRITE).await?;
    let mut indexed = 0;
    loop {
        let notes = client.query(READ, &[&NOTES]).await?;
        if notes.is_empty() {
            return Ok(indexed);
        }
        client.batch_execute("BEGIN").await?;
        let written = try_join_all(notes.iter().map(|note| write_index(client, &write, note))).await?;
        client.batch_execute("COMMIT").await?;
        indexed += written.iter().sum::<u64>();
        log::info!("{indexed} notes have been prepared for searches");
    }
}

async fn write_index(client: &Client, write: &Statement, note: &Row) -> Result<u64, Error> {
    let (tenant, id, author): (i64, i64, i64) = (note.get(0), note.get(1), note.get(2));
    let version: i32 = note.get(5);
    let index = SearchIndex::of_texts(author, note.get(3), note.get(4));
    client.execute(write, &[&tenant, &id, &version, &index.text, &index.keys]).await
}
