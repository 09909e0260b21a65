//! A ZIP archive that is sent while it is written: at most a chunk of it is in memory, with the list of its
//! files, which a ZIP has at its end.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::mpsc::Sender;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use crate::db::DbError;

/// Compressed bytes are sent when there are this many.
const CHUNK: usize = 64 * 1024;

/// Why an archive ends early. The client sees a broken download, as the end of the ZIP is missing.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExportError {
    #[error("the database: {0}")]
    Database(#[from] DbError),
    #[error("the archive: {0}")]
    Archive(#[from] zip::result::ZipError),
    #[error("the archive: {0}")]
    Writing(#[from] io::Error),
    #[error("the client closed the connection")]
    ClientGone,
}

/// Writes a ZIP and sends it chunk by chunk.
pub(super) struct Archive<'a> {
    zip: ZipWriter<StreamWriter<Pipe>>,
    pipe: Pipe,
    sender: &'a Sender<Bytes>,
}

/// The bytes that the ZIP writer has written and that are not sent yet.
#[derive(Clone, Default)]
struct Pipe(Arc<Mutex<Vec<u8>>>);

impl Pipe {
    /// The bytes, when there are at least `enough` of them.
    fn take(&self, enough: usize) -> Option<Vec<u8>> {
        let mut unsent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (unsent.len() >= enough).then(|| std::mem::take(&mut *unsent))
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> Archive<'a> {
    pub(super) fn new(sender: &'a Sender<Bytes>) -> Self {
        let pipe = Pipe::default();
        Self { zip: ZipWriter::new_stream(pipe.clone()), pipe, sender }
    }

    /// Starts the next file; only a `large` one (ZIP64) may be longer than 4 GiB.
    pub(super) fn start_file(&mut self, path: &str, large: bool) -> Result<(), ExportError> {
        let options =
            SimpleFileOptions::default().compression_method(CompressionMethod::Deflated).large_file(large);
        Ok(self.zip.start_file(path, options)?)
    }

    /// Adds bytes to the file that was started last.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        self.zip.write_all(bytes)?;
        send(&self.pipe, self.sender, CHUNK).await
    }

    pub(super) async fn finish(self) -> Result<(), ExportError> {
        self.zip.finish()?;
        send(&self.pipe, self.sender, 1).await
    }
}

async fn send(pipe: &Pipe, sender: &Sender<Bytes>, enough: usize) -> Result<(), ExportError> {
    match pipe.take(enough) {
        Some(chunk) => sender.send(chunk.into()).await.map_err(|_| ExportError::ClientGone),
        None => Ok(()),
    }
}
