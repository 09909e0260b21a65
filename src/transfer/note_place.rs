//! Where the notes of a checked archive are: what an import keeps of the archive's list, on the disk.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use flate2::Crc;
use flate2::read::DeflateDecoder;

use super::archive_fault::ArchiveFault;
use super::upload_space::UploadError;
use crate::domain::CONTENT_LIMIT;

/// A note and its front matter. A longer file is no note, however small it is compressed.
pub(super) const LONGEST_FILE: u64 = CONTENT_LIMIT as u64 + 16 * 1024;
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

    /// Reads the file. It ends where the ZIP says that the file ends, so all files together are no longer
    /// than what was checked. The error is a sentence.
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

/// Why the places of the notes are not known.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlacesError {
    #[error("the archive is refused: {0:?}")]
    Refused(ArchiveFault),
    #[error("the list of notes: {0}")]
    Upload(#[from] UploadError),
}

impl From<ArchiveFault> for PlacesError {
    fn from(fault: ArchiveFault) -> Self {
        Self::Refused(fault)
    }
}

impl From<io::Error> for PlacesError {
    fn from(error: io::Error) -> Self {
        Self::Upload(error.into())
    }
}
