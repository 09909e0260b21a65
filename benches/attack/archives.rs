//! ZIP archives that are small and unpack to much (security.md, H6; acceptance L76).

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::client::{Call, Client, Reply};
use crate::outcome::Outcome;
use crate::report::Row;
use crate::stage::Stage;
use crate::zip_bytes::{Packed, ZipBytes};

/// An import that takes longer is given up by the client.
const IMPORT_TIMEOUT: Duration = Duration::from_secs(60);
const AT_LEAST: Duration = Duration::from_secs(12);
/// The notes of an honest archive.
const HONEST: usize = 100;
/// A text that does not compress well, and one that does by a thousand.
const LETTERS: usize = 261_000;
/// What one import may not unpack to: more than 1 GiB.
const REPEATED: usize = 4_200;

/// 400 names for one text of 261,000 random letters.
pub async fn overlapping(stage: Arc<Stage>) -> Outcome<Row> {
    let archive = with_names(&random_letters(LETTERS), 400);
    import(stage, archive, true).await
}

/// 65,535 names for one text of 1,000 letters, which is as many as a ZIP has without ZIP64.
pub async fn entries(stage: Arc<Stage>) -> Outcome<Row> {
    let archive = with_names(&random_letters(1_000), 65_535);
    import(stage, archive, true).await
}

/// A million folders, whose directory alone is 54 MB.
pub async fn folders(stage: Arc<Stage>) -> Outcome<Row> {
    let mut archive = ZipBytes::default();
    let nothing = Packed::stored(b"");
    for number in 0..1_000_000 {
        archive.file(&format!("{number:07}/"), &nothing);
    }
    import(stage, archive.finish(), true).await
}

/// 4,200 files of which each unpacks to a thousand times its size; 1.1 GB.
pub async fn ratio(stage: Arc<Stage>) -> Outcome<Row> {
    import(stage, repeated(&Packed::deflated(&[b'a'; LETTERS])), true).await
}

/// The same, with headers that give each file ten bytes. The server may find out while it unpacks.
pub async fn lying(stage: Arc<Stage>) -> Outcome<Row> {
    import(stage, repeated(&Packed { unpacked: 10, ..Packed::deflated(&[b'a'; LETTERS]) }), false).await
}

/// Many names for the same packed bytes.
pub fn with_names(text: &str, names: usize) -> Vec<u8> {
    let (mut archive, packed) = (ZipBytes::default(), Packed::deflated(text.as_bytes()));
    let offset = archive.data("note.md", &packed);
    for number in 0..names {
        archive.listed(&format!("note-{number}.md"), &packed, offset);
    }
    archive.finish()
}

/// Many files with the same packed bytes.
fn repeated(packed: &Packed) -> Vec<u8> {
    let mut archive = ZipBytes::default();
    for number in 0..REPEATED {
        archive.file(&format!("note-{number}.md"), packed);
    }
    archive.finish()
}

/// A ZIP of texts that is what it says.
fn honest(number: usize) -> Vec<u8> {
    let mut archive = ZipBytes::default();
    for number in 0..number {
        archive.file(&format!("{number}.md"), &Packed::stored(random_letters(1_000).as_bytes()));
    }
    archive.finish()
}

/// Sends an archive, which is refused, and then an honest one, which is imported whole. `before_unpacking`:
/// the refusal is a status, and not the report of an import that took nothing.
async fn import(stage: Arc<Stage>, archive: Vec<u8>, before_unpacking: bool) -> Outcome<Row> {
    let attacker = stage.founder().await?;
    let token = stage.token(&attacker).await?;
    let honest_token = stage.token(&stage.founder().await?).await?;
    let client = Client::with_timeout(&stage.target.base, stage.block.attacker(), IMPORT_TIMEOUT)?;
    let watch = stage.watch(false).await?;
    let mut tally = crate::tally::Tally::default();
    tally.remark(format!("{} KB sent", archive.len() / 1024));
    let started = Instant::now();
    let uploads = (0..stage.times(1)).map(|_| client.send(upload(&token, archive.clone())));
    for reply in futures_util::future::join_all(uploads).await {
        tally.count(reply.status);
        let refused = matches!(reply.status, 400 | 409 | 413 | 422 | 429)
            || (!before_unpacking && taken(&reply) == Some(0));
        tally.require(
            refused,
            match taken(&reply) {
                Some(notes) => format!("imported {notes} notes"),
                None => format!("answered {} and not refused", reply.status),
            },
        );
    }
    tally.remark(format!("answered in {:.1} s", started.elapsed().as_secs_f64()));
    let reply = client.send(upload(&honest_token, honest(HONEST))).await;
    tally.require(
        taken(&reply) == Some(HONEST as u64),
        format!("an honest archive of {HONEST} notes was answered {} {:?}", reply.status, taken(&reply)),
    );
    tokio::time::sleep(AT_LEAST.saturating_sub(started.elapsed())).await;
    Ok(watch.end(tally).await)
}

/// The call that imports an archive.
pub fn upload(token: &str, archive: Vec<u8>) -> Call {
    Call::new("POST", "/api/import").bearer(token).body("application/zip", archive)
}

/// The number of imported notes in a report.
pub fn taken(reply: &Reply) -> Option<u64> {
    if reply.status == 200 { reply.json()["taken"].as_u64() } else { None }
}

/// Random letters and digits.
pub fn random_letters(number: usize) -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(number).collect()
}
