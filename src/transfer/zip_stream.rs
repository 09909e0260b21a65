//! A ZIP archive that is sent while it is written: a chunk of it is in memory, and its list of files is on
//! the disk. The crate `zip` keeps 0.5 KB for each file in memory, so the archive is written here.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use tokio::sync::mpsc::Sender;

use super::entry_list::{EntryList, FLAGS, ListedFile, METHOD_AND_TIME, length_of, version};
use super::upload_space::UploadError;
use crate::db::DbError;

/// Compressed bytes are sent when there are this many.
const CHUNK: usize = 64 * 1024;

/// Why an archive ends early. The client sees a broken download, as the end of the ZIP is missing.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExportError {
    #[error("the database: {0}")]
    Database(#[from] DbError),
    #[error("the archive: {0}")]
    Writing(#[from] io::Error),
    #[error("the list of files: {0}")]
    List(#[from] UploadError),
    #[error("the client closed the connection")]
    ClientGone,
    #[error("the user may not export any more")]
    NotPermitted,
    #[error("it took too long")]
    TimedOut,
}

/// Writes a ZIP and sends it chunk by chunk.
pub(super) struct Archive<'a> {
    sender: &'a Sender<Bytes>,
    list: EntryList,
    /// Compresses into a buffer of the bytes that are not sent yet.
    encoder: DeflateEncoder<Vec<u8>>,
    /// The bytes that were sent.
    sent: u64,
    open: Option<OpenEntry>,
}

/// The file that is being written.
struct OpenEntry {
    path: String,
    offset: u64,
    data_offset: u64,
    large: bool,
    unpacked: u64,
    crc: Crc,
}

impl<'a> Archive<'a> {
    pub(super) fn new(sender: &'a Sender<Bytes>, list: EntryList) -> Self {
        let encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        Self { sender, list, encoder, sent: 0, open: None }
    }

    /// Starts the next file; only a `large` one (ZIP64) may be longer than 4 GiB.
    pub(super) fn start_file(&mut self, path: String, large: bool) -> Result<(), ExportError> {
        self.end_file()?;
        let offset = self.position();
        let mut header = b"PK\x03\x04".to_vec();
        header.extend(version(large).to_le_bytes());
        header.extend(FLAGS);
        header.extend(METHOD_AND_TIME);
        header.extend([0; 4]);
        header.extend([if large { 0xff } else { 0 }; 8]);
        header.extend(length_of(path.len()));
        header.extend(length_of(if large { 20 } else { 0 }));
        header.extend(path.as_bytes());
        if large {
            header.extend([1, 0, 16, 0]);
            header.extend([0; 16]);
        }
        self.encoder.get_mut().extend(header);
        let data_offset = self.position();
        self.open = Some(OpenEntry { path, offset, data_offset, large, unpacked: 0, crc: Crc::new() });
        Ok(())
    }

    /// Adds bytes to the file that was started last.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), ExportError> {
        if let Some(open) = &mut self.open {
            open.crc.update(bytes);
            open.unpacked += bytes.len() as u64;
        }
        self.encoder.write_all(bytes)?;
        self.send(CHUNK).await
    }

    pub(super) async fn finish(mut self) -> Result<(), ExportError> {
        self.end_file()?;
        let start = self.position();
        self.list.rewind()?;
        let mut piece = vec![0; CHUNK];
        loop {
            let length = self.list.read(&mut piece)?;
            if length == 0 {
                break;
            }
            self.encoder.get_mut().extend(&piece[..length]);
            self.send(CHUNK).await?;
        }
        let end = self.list.end(start);
        self.encoder.get_mut().extend(end);
        self.send(1).await
    }

    /// The bytes of the archive so far.
    fn position(&self) -> u64 {
        self.sent + self.encoder.get_ref().len() as u64
    }

    /// Writes what follows the data of a file, and lists it.
    fn end_file(&mut self) -> Result<(), ExportError> {
        let Some(open) = self.open.take() else { return Ok(()) };
        self.encoder.try_finish()?;
        let packed = self.position() - open.data_offset;
        let (unpacked, crc) = (open.unpacked, open.crc.sum());
        let mut descriptor = b"PK\x07\x08".to_vec();
        descriptor.extend(crc.to_le_bytes());
        for length in [packed, unpacked] {
            match u32::try_from(length) {
                _ if open.large => descriptor.extend(length.to_le_bytes()),
                Ok(length) => descriptor.extend(length.to_le_bytes()),
                Err(_) => return Err(io::Error::from(io::ErrorKind::FileTooLarge).into()),
            }
        }
        let mut unsent = self.encoder.reset(Vec::new())?;
        unsent.extend(descriptor);
        *self.encoder.get_mut() = unsent;
        Ok(self.list.add(&ListedFile { path: open.path, offset: open.offset, packed, unpacked, crc })?)
    }

    async fn send(&mut self, enough: usize) -> Result<(), ExportError> {
        if self.encoder.get_ref().len() < enough {
            return Ok(());
        }
        let chunk = std::mem::take(self.encoder.get_mut());
        self.sent += chunk.len() as u64;
        self.sender.send(chunk.into()).await.map_err(|_| ExportError::ClientGone)
    }
}
