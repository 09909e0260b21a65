//! Reading the notes of a checked archive, some at a time. Their places are in a list on the disk, so an
//! import of any length keeps no list in memory.

use std::io::{self, BufReader, Seek};

use tempfile::SpooledTempFile;

use super::archive::CheckedArchive;
use super::note_file::{ImportItem, note, refused};
use super::note_place::{NotePlace, PlacesError};
use super::upload_space::UploadedFile;

/// Notes in one transaction, and their bytes: a transaction has 2.5 seconds, on a busy server too.
const BATCH: usize = 20;
const BATCH_BYTES: u64 = 1024 * 1024;
/// Reads the notes of an upload.
pub(super) struct NoteReader {
    upload: UploadedFile,
    places: BufReader<SpooledTempFile>,
}

/// Some notes of an archive.
pub(super) struct NoteBatch {
    pub(super) items: Vec<ImportItem>,
    /// Whether the archive may have more.
    pub(super) more: bool,
}

impl NoteReader {
    /// Checks the archive and lists its notes. Only meanwhile is the archive's own list in memory.
    pub(super) fn open(mut upload: UploadedFile) -> Result<Self, PlacesError> {
        let mut places = io::BufWriter::new(upload.list());
        CheckedArchive::open(upload.file())?.write_places(&mut places)?;
        let mut places = places.into_inner().map_err(io::IntoInnerError::into_error)?;
        let length = places.stream_position()?;
        upload.count_list(length)?;
        places.rewind()?;
        Ok(Self { upload, places: BufReader::new(places) })
    }

    /// The next notes.
    pub(super) fn next_batch(&mut self) -> io::Result<NoteBatch> {
        let (mut items, mut bytes) = (Vec::with_capacity(BATCH), 0);
        while items.len() < BATCH && bytes < BATCH_BYTES {
            let Some(place) = NotePlace::read(&mut self.places)? else {
                return Ok(NoteBatch { items, more: false });
            };
            items.push(match place.unpack(self.upload.file()) {
                Ok(text) => {
                    bytes += text.len() as u64;
                    note(&place.path, &text)
                }
                Err(reason) => refused(&place.path, reason),
            });
        }
        Ok(NoteBatch { items, more: true })
    }

    pub(super) fn upload(&self) -> &UploadedFile {
        &self.upload
    }
}
