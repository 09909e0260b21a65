//! A file that is sent: it goes to disk as it arrives, bounded in size and in time, and is gone when nobody
//! holds it any more.

use std::fs::File;
use std::io::{Seek, Write};
use std::time::Duration;

use actix_web::web::Bytes;
use futures_util::{Stream, StreamExt};

use super::error::Error;

/// The longest file.
pub const UPLOAD_LIMIT: u64 = 256 * 1024 * 1024;
/// The longest that it may take to arrive.
const DEADLINE: Duration = Duration::from_secs(600);
/// The longest pause between two pieces of it.
const PAUSE: Duration = Duration::from_secs(20);

/// Keeps what arrives in a file without a name.
///
/// # Errors
/// 408 when it arrives too slowly, 413 when it is too long, 400 when it breaks off.
pub async fn to_disk<E>(mut arriving: impl Stream<Item = Result<Bytes, E>> + Unpin) -> Result<File, Error> {
    let failed = |error: std::io::Error| Error::Internal("keeping an upload", error.into());
    let mut file = tempfile::tempfile().map_err(failed)?;
    let (mut length, end) = (0, tokio::time::Instant::now() + DEADLINE);
    loop {
        let piece = tokio::time::timeout_at(end.min(tokio::time::Instant::now() + PAUSE), arriving.next());
        let Some(piece) = piece.await.map_err(|_| Error::BodyTimeout)? else { break };
        let piece = piece.map_err(|_| Error::BadRequest("The request ended before its body did."))?;
        length += piece.len() as u64;
        if length > UPLOAD_LIMIT {
            return Err(Error::TooLarge);
        }
        file.write_all(&piece).map_err(failed)?;
    }
    file.rewind().map_err(failed)?;
    Ok(file)
}
