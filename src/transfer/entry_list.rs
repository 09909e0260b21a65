//! The list of files that a ZIP has at its end (APPNOTE.TXT 6.3.10, 4.3.12 to 4.3.16). An export may have
//! millions of files, so the list waits on the disk and not in memory.

use std::io::{self, Read, Seek, Write};

use tempfile::SpooledTempFile;

use super::upload_space::{DiskQuota, UploadError, UploadSpace};

/// From here on a length or an offset is in a field of 64 bits.
const LARGE: u64 = u32::MAX as u64;
/// Deflate, and the first day that a ZIP can name: 1 January 1980.
pub(super) const METHOD_AND_TIME: [u8; 6] = [8, 0, 0, 0, 0x21, 0];
/// The lengths and the checksum follow the data.
pub(super) const FLAGS: [u8; 2] = [8, 0];
/// The version of the format that a reader needs: 2.0, or 4.5 for fields of 64 bits.
pub(super) fn version(large: bool) -> u16 {
    if large { 45 } else { 20 }
}
/// A file that its owner may write and all may read, as Unix has it in the upper half.
const MODE: u32 = 0o100_644 << 16;

/// A file that was written.
pub(super) struct ListedFile {
    pub(super) path: String,
    pub(super) offset: u64,
    pub(super) packed: u64,
    pub(super) unpacked: u64,
    pub(super) crc: u32,
}

/// The list of the files that were written so far.
pub struct EntryList {
    space: UploadSpace,
    file: SpooledTempFile,
    length: u64,
    entries: u64,
    quota: Box<dyn DiskQuota>,
}

impl EntryList {
    /// An empty list. What does not stay in memory counts against `quota`.
    pub fn new(space: &UploadSpace, quota: Box<dyn DiskQuota>) -> Self {
        Self { space: space.clone(), file: space.list(), length: 0, entries: 0, quota }
    }

    /// Adds a file.
    pub(super) fn add(&mut self, entry: &ListedFile) -> Result<(), UploadError> {
        let mut wide = Vec::new();
        let sizes_are_large = entry.packed >= LARGE || entry.unpacked >= LARGE;
        if sizes_are_large {
            wide.extend(entry.unpacked.to_le_bytes());
            wide.extend(entry.packed.to_le_bytes());
        }
        if entry.offset >= LARGE {
            wide.extend(entry.offset.to_le_bytes());
        }
        let narrow = |number: u64, large: bool| if large { u32::MAX } else { short(number) };
        let mut record = b"PK\x01\x02\x2d\x03".to_vec();
        record.extend(version(!wide.is_empty()).to_le_bytes());
        record.extend(FLAGS);
        record.extend(METHOD_AND_TIME);
        record.extend(entry.crc.to_le_bytes());
        record.extend(narrow(entry.packed, sizes_are_large).to_le_bytes());
        record.extend(narrow(entry.unpacked, sizes_are_large).to_le_bytes());
        record.extend(length_of(entry.path.len()));
        record.extend(length_of(if wide.is_empty() { 0 } else { wide.len() + 4 }));
        // No comment, the first disk, no attributes of the old kind.
        record.extend([0; 6]);
        record.extend(MODE.to_le_bytes());
        record.extend(narrow(entry.offset, entry.offset >= LARGE).to_le_bytes());
        record.extend(entry.path.as_bytes());
        if !wide.is_empty() {
            record.extend([1, 0]);
            record.extend(length_of(wide.len()));
            record.extend(wide);
        }
        self.length += record.len() as u64;
        self.entries += 1;
        self.reserve()?;
        Ok(self.file.write_all(&record)?)
    }

    /// Reserves space on the disk a megabyte ahead, once the list is long.
    fn reserve(&mut self) -> Result<(), UploadError> {
        const STEP: u64 = 1024 * 1024;
        if self.file.is_rolled() || self.length >= 32 * 1024 {
            self.space.make_folder()?;
            self.quota.resize(self.length.next_multiple_of(STEP))?;
        }
        Ok(())
    }

    /// Goes to the start of the list, to read it.
    pub(super) fn rewind(&mut self) -> io::Result<()> {
        self.file.rewind()
    }

    /// Reads the next bytes of the list; none at its end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }

    /// The end of the archive, whose list begins at `start`.
    pub(super) fn end(&self, start: u64) -> Vec<u8> {
        let mut end = Vec::new();
        if self.entries >= u64::from(u16::MAX) || start >= LARGE || self.length >= LARGE {
            end.extend(b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\x03\x2d\0\0\0\0\0\0\0\0\0");
            for number in [self.entries, self.entries, self.length, start] {
                end.extend(number.to_le_bytes());
            }
            end.extend(b"PK\x06\x07\0\0\0\0");
            end.extend((start + self.length).to_le_bytes());
            end.extend(1_u32.to_le_bytes());
        }
        end.extend(b"PK\x05\x06\0\0\0\0");
        let entries = u16::try_from(self.entries).unwrap_or(u16::MAX).to_le_bytes();
        end.extend([entries, entries].concat());
        end.extend(short(self.length).to_le_bytes());
        end.extend(short(start).to_le_bytes());
        end.extend([0; 2]);
        end
    }
}

fn short(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The length of a path or of further fields, which are short.
pub(super) fn length_of(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use std::io::SeekFrom;

    use super::super::end_record::EndRecord;
    use super::*;

    #[derive(Debug)]
    struct NoLimit;

    impl DiskQuota for NoLimit {
        fn resize(&mut self, _: u64) -> Result<(), UploadError> {
            Ok(())
        }

        fn is_given_up(&self, _: &std::task::Waker) -> bool {
            false
        }
    }

    /// A ZIP of files of a byte, the last of which begins at `offset`.
    fn zip(folder: &std::path::Path, files: u64, offset: u64) -> std::fs::File {
        let mut list = EntryList::new(&UploadSpace::new(folder), Box::new(NoLimit));
        let mut zip = tempfile::tempfile_in(folder).expect("a file");
        for number in 0..files {
            let offset = if number + 1 == files { offset } else { number * 64 };
            let path = format!("{number:020}.md");
            // A deflated "x".
            let data = [0xab, 0, 0];
            let (packed, unpacked, crc) = (3, 1, 0x8cdc_1683);
            list.add(&ListedFile { path: path.clone(), offset, packed, unpacked, crc }).expect("an entry");
            zip.seek(SeekFrom::Start(offset)).expect("a place");
            let header = [b"PK\x03\x04\x14\0".as_slice(), &FLAGS, &METHOD_AND_TIME, &[0; 12], &[23, 0, 0, 0]];
            zip.write_all(&[&header.concat(), path.as_bytes(), &data].concat()).expect("a file");
        }
        let start = zip.stream_position().expect("a place");
        list.rewind().expect("the list");
        let mut bytes = Vec::new();
        list.file.read_to_end(&mut bytes).expect("the list");
        zip.write_all(&[bytes, list.end(start)].concat()).expect("the end");
        zip
    }

    #[test]
    fn long_lists_and_large_archives_are_read_by_others_as_they_were_written() {
        let data = tempfile::tempdir().expect("a folder");
        for (files, offset) in [(1, 0), (3, 5 << 30), (70_000, 70_000 * 64)] {
            let mut file = zip(data.path(), files, offset);
            assert_eq!(EndRecord::read(&mut file).expect("an end").entries, files);
            let mut read = zip::ZipArchive::new(file).expect("a ZIP");
            let mut text = String::new();
            read.by_index(read.len() - 1).expect("a file").read_to_string(&mut text).expect("text");
            assert_eq!((read.len() as u64, text.as_str()), (files, "x"));
        }
    }
}
