//! Reading the notes of a checked archive, some at a time. Their places are in a list on the disk, so an
//! import of any length keeps no list in memory.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use flate2::Crc;
use flate2::read::DeflateDecoder;
use tempfile::SpooledTempFile;

use super::archive::{CheckedArchive, PlacesError};
use super::import::{ImportError, ImportItem, note, refused};
use super::upload_space::UploadedFile;
use crate::domain::CONTENT_LIMIT;

/// A note and its front matter. A longer file is no note, however small it is compressed.
pub(super) const LONGEST_FILE: u64 = CONTENT_LIMIT as u64 + 16 * 1024;
/// Notes in one transaction, and their bytes: a transaction has 2.5 seconds, on a busy server too.
const BATCH: usize = 20;
const BATCH_BYTES: u64 = 1024 * 1024;
/// The numbers of a place, in front of its path.
const PLACE: usize = 33;

/// Where the data of a note is, as the list of the archive says.
#[derive(Debug)]
pub(super) struct NotePlace {
    pub(super) path: String,
    pub(super) data_start: u64,
    pub(super) packed: u64,
    pub(super) unpacked: u64,
    pub(super) crc: u32,
    pub(super) is_deflated: bool,
}

impl NotePlace {
    pub(super) fn write(&self, list: &mut impl Write) -> io::Result<()> {
        let mut record = Vec::with_capacity(PLACE + self.path.len());
        for number in [self.data_start, self.packed, self.unpacked] {
            record.extend(number.to_le_bytes());
        }
        record.extend(self.crc.to_le_bytes());
        record.push(u8::from(self.is_deflated));
        record.extend(u32::try_from(self.path.len()).unwrap_or(u32::MAX).to_le_bytes());
        record.extend(self.path.as_bytes());
        list.write_all(&record)
    }

    /// The next place; none at the end of the list.
    pub(super) fn read(list: &mut impl Read) -> io::Result<Option<Self>> {
        let mut record = [0; PLACE];
        match list.read_exact(&mut record) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let number = |at: usize, length: usize| {
            record[at..at + length].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
        };
        let mut path = Vec::new();
        list.take(number(29, 4)).read_to_end(&mut path)?;
        Ok(Some(Self {
            path: String::from_utf8(path).map_err(io::Error::other)?,
            data_start: number(0, 8),
            packed: number(8, 8),
            unpacked: number(16, 8),
            crc: u32::try_from(number(24, 4)).unwrap_or_default(),
            is_deflated: record[28] == 1,
        }))
    }

    /// Reads the file. It ends where the ZIP says that the file ends, so all files together are no longer than
    /// what was checked. The error is a sentence.
    pub(super) fn unpack(&self, mut archive: &File) -> Result<Vec<u8>, &'static str> {
        const DAMAGED: &str = "It cannot be unpacked.";
        if self.unpacked > LONGEST_FILE {
            return Err("It is longer than a note may be.");
        }
        archive.seek(SeekFrom::Start(self.data_start)).map_err(|_| DAMAGED)?;
        let (packed, mut bytes) = (archive.take(self.packed), Vec::new());
        let most = self.unpacked + 1;
        let read = if self.is_deflated {
            DeflateDecoder::new(packed).take(most).read_to_end(&mut bytes)
        } else {
            packed.take(most).read_to_end(&mut bytes)
        };
        let length = read.map_err(|_| DAMAGED)?;
        let mut crc = Crc::new();
        crc.update(&bytes);
        if length as u64 != self.unpacked || crc.sum() != self.crc { Err(DAMAGED) } else { Ok(bytes) }
    }
}

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
    pub(super) fn open(mut upload: UploadedFile) -> Result<Self, ImportError> {
        let mut places = io::BufWriter::new(upload.list());
        CheckedArchive::open(upload.file())?.write_places(&mut places)?;
        let mut places = places.into_inner().map_err(|error| PlacesError::Writing(error.into_error()))?;
        let length = places.stream_position().map_err(PlacesError::Writing)?;
        upload.count_list(length)?;
        places.rewind().map_err(PlacesError::Writing)?;
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
