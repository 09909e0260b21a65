//! Uploads: written to a temporary file as they arrive, bounded in size and time. The file has no name, so
//! the system deletes it when it is closed.

use std::fs::File;
use std::io::{Seek, Write};
use std::time::Duration;

use actix_web::web::Bytes;
use futures_util::{Stream, StreamExt};

use super::error::Error;

/// In bytes.
pub const UPLOAD_LIMIT: u64 = 256 * 1024 * 1024;
/// The time that an upload may take to arrive.
const TIMEOUT: Duration = Duration::from_secs(600);
/// The time between two pieces of an upload.
const PIECE_TIMEOUT: Duration = Duration::from_secs(20);

/// Writes a stream to a temporary file, which is returned at its beginning.
///
/// # Errors
/// 408 when it arrives too slowly, 413 when it is too long, 400 when it ends early.
pub async fn to_disk<E>(mut arriving: impl Stream<Item = Result<Bytes, E>> + Unpin) -> Result<File, Error> {
    let failed = |error: std::io::Error| Error::Internal("writing an upload to disk", error.into());
    let mut file = tempfile::tempfile().map_err(failed)?;
    let (mut length, end) = (0, tokio::time::Instant::now() + TIMEOUT);
    loop {
        let piece =
            tokio::time::timeout_at(end.min(tokio::time::Instant::now() + PIECE_TIMEOUT), arriving.next());
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
