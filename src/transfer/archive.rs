//! Opening an archive: everything about it that can be known without unpacking is checked first (OWASP ASVS
//! 5.0, V 5.2.3). What a ZIP says of its files may be a lie, so the notes are counted while they are read.

use std::fs::File;
use std::io::{BufReader, Read};

use zip::read::{ArchiveOffset, Config};
use zip::{CompressionMethod, ZipArchive};

use super::archive_fault::{ArchiveFault, FILE_LIMIT, LIST_LIMIT, RATIO_LIMIT, UNPACKED_LIMIT};
use super::end_record::EndRecord;
use crate::domain::CONTENT_LIMIT;

/// A note and its front matter. A longer file is no note, however small it is compressed.
const LONGEST_FILE: u64 = CONTENT_LIMIT as u64 + 16 * 1024;
/// The file of an export that an import does not read. It may be longer than all notes together.
const EVERYTHING: &str = "pigeonhole.json";
/// Ends of names of archives, which may hold any amount of further ones.
const ARCHIVES: [&str; 12] =
    [".zip", ".zipx", ".jar", ".7z", ".rar", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".cab"];

/// An archive that was checked.
pub(super) struct CheckedArchive<'a> {
    zip: ZipArchive<BufReader<&'a File>>,
}

/// A Markdown file of an archive.
pub(super) struct MarkdownFile {
    pub(super) path: String,
    /// The bytes, or why they cannot be read, in a sentence.
    pub(super) bytes: Result<Vec<u8>, &'static str>,
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
    pub(super) fn len(&self) -> usize {
        self.zip.len()
    }

    /// The file of this index, if it is a Markdown file.
    pub(super) fn markdown_file(&mut self, index: usize) -> Option<MarkdownFile> {
        let entry = self.zip.by_index_data(index).ok()?;
        let path = entry.name().ok()?.into_owned();
        if !entry.is_file() || !is_note(&path) {
            return None;
        }
        let declared = entry.size();
        let bytes = self.read(index, declared);
        Some(MarkdownFile { path, bytes })
    }

    /// Reads a file. It ends where the ZIP says that the file ends, so all files together are no longer than
    /// what was checked.
    fn read(&mut self, index: usize, declared: u64) -> Result<Vec<u8>, &'static str> {
        const DAMAGED: &str = "It cannot be unpacked.";
        if declared > LONGEST_FILE {
            return Err("It is longer than a note may be.");
        }
        let entry = self.zip.by_index(index).map_err(|_| DAMAGED)?;
        let mut bytes = Vec::new();
        let length = entry.take(declared + 1).read_to_end(&mut bytes).map_err(|_| DAMAGED)?;
        if length as u64 != declared {
            return Err(DAMAGED);
        }
        Ok(bytes)
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
