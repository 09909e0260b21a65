//! Opening an archive: everything about it that can be known without unpacking is checked first (OWASP ASVS
//! 5.0, V 5.2.3). What a ZIP says of its files may be a lie, so the notes are counted while they are read.

use std::fs::File;
use std::io::{BufReader, Write};

use zip::read::{ArchiveOffset, Config};
use zip::{CompressionMethod, ZipArchive};

use super::archive_fault::{ArchiveFault, FILE_LIMIT, LIST_LIMIT, RATIO_LIMIT, UNPACKED_LIMIT};
use super::end_record::EndRecord;
use super::note_place::{LONGEST_FILE, NotePlace, PlacesError};

/// The file of an export that an import does not read. It may be longer than all notes together.
const EVERYTHING: &str = "pigeonhole.json";
/// Ends of names of archives, which may hold any amount of further ones.
const ARCHIVES: [&str; 12] =
    [".zip", ".zipx", ".jar", ".7z", ".rar", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".cab"];

/// An archive that was checked.
pub(super) struct CheckedArchive<'a> {
    zip: ZipArchive<BufReader<&'a File>>,
}

impl<'a> CheckedArchive<'a> {
    /// Opens and checks an archive. Nothing is unpacked.
    ///
    /// # Errors
    /// [`ArchiveFault`].
    pub(super) fn open(file: &'a File) -> Result<Self, ArchiveFault> {
        let mut reader = BufReader::new(file);
        let end = EndRecord::read(&mut reader)?;
        if end.entries > FILE_LIMIT {
            return Err(ArchiveFault::TooManyFiles);
        }
        if end.list_length > LIST_LIMIT {
            return Err(ArchiveFault::LongList);
        }
        let mut zip = ZipArchive::with_config(Config { archive_offset: ArchiveOffset::Known(0) }, reader)?;
        check_entries(&zip)?;
        if zip.has_overlapping_entries()? {
            return Err(ArchiveFault::Overlapping);
        }
        Ok(Self { zip })
    }

    /// The number of files and folders.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.zip.len()
    }

    /// Writes the places of the notes, in the order of the archive's list. The list itself is in memory as
    /// long as this value.
    ///
    /// # Errors
    /// [`ArchiveFault`], or that of the writer.
    pub(super) fn write_places(&mut self, list: &mut impl Write) -> Result<(), PlacesError> {
        for index in 0..self.zip.len() {
            let entry = self.zip.by_index_raw(index).map_err(ArchiveFault::from)?;
            let Ok(path) = entry.name().map(std::borrow::Cow::into_owned) else { continue };
            if !entry.is_file() || !is_note(&path) {
                continue;
            }
            let place = NotePlace {
                data_start: entry.data_start().ok_or(ArchiveFault::Unreadable)?,
                packed: entry.compressed_size(),
                unpacked: entry.size(),
                crc: entry.crc32(),
                is_deflated: entry.compression() == CompressionMethod::Deflated,
                path,
            };
            place.write(list)?;
        }
        Ok(())
    }
}

/// Checks what the list says of each file.
fn check_entries<R: std::io::Read + std::io::Seek>(zip: &ZipArchive<R>) -> Result<(), ArchiveFault> {
    if zip.has_duplicate_names() {
        return Err(ArchiveFault::RepeatedPath);
    }
    let mut unpacked: u64 = 0;
    for index in 0..zip.len() {
        let entry = zip.by_index_data(index)?;
        let name = entry.name().map(|name| name.to_ascii_lowercase()).unwrap_or_default();
        if entry.encrypted() {
            return Err(ArchiveFault::Encrypted);
        }
        if !entry.is_file() {
            continue;
        }
        if ARCHIVES.iter().any(|end| name.ends_with(end)) {
            return Err(ArchiveFault::Nested);
        }
        let method = entry.compression();
        if is_note(&name) && method != CompressionMethod::Stored && method != CompressionMethod::Deflated {
            return Err(ArchiveFault::UnknownCompression);
        }
        if name == EVERYTHING {
            continue;
        }
        unpacked = unpacked.saturating_add(entry.size());
        let dense = entry.size() / RATIO_LIMIT > entry.compressed_size();
        if dense && entry.size() > 2 * LONGEST_FILE {
            return Err(ArchiveFault::TooDense);
        }
    }
    if unpacked > UNPACKED_LIMIT {
        return Err(ArchiveFault::TooLarge);
    }
    Ok(())
}

fn is_note(path: &str) -> bool {
    path.to_ascii_lowercase().ends_with(".md")
}
