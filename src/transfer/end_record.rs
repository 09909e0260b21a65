//! The end of a ZIP: how many files it lists, and how long that list is. It is read before anything else, so
//! that the size of the list is known before memory is set aside for it.
//!
//! The crate `zip` looks for further end records when it does not like the last one. So this file accepts
//! only ends that the crate takes as they are: the last record, at the very end of the file, right behind the
//! list of files. Both then read the same numbers.

use std::io::{self, Read, Seek, SeekFrom};

use super::archive_fault::ArchiveFault;

/// Lengths and signatures of APPNOTE.TXT 6.3.10, sections 4.3.12 to 4.3.16.
const END: usize = 22;
const END_SIGNATURE: &[u8] = b"PK\x05\x06";
const LONGEST_COMMENT: usize = u16::MAX as usize;
const LOCATOR: usize = 20;
const LOCATOR_SIGNATURE: &[u8] = b"PK\x06\x07";
const END64: usize = 56;
const END64_SIGNATURE: &[u8] = b"PK\x06\x06";
const FILE: u64 = 46;
const FILE_SIGNATURE: &[u8] = b"PK\x01\x02";

/// What the end of a ZIP says of its list of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EndRecord {
    /// The number of files and folders.
    pub(super) entries: u64,
    /// The bytes of the list.
    pub(super) list_length: u64,
    list_start: u64,
}

/// Little-endian numbers in a record.
struct Record<'a>(&'a [u8]);

impl Record<'_> {
    fn number(&self, at: usize, length: usize) -> u64 {
        let bytes = self.0.get(at..at + length).unwrap_or_default();
        bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

impl EndRecord {
    /// Reads the end of a ZIP: 64 KiB at most, and a few bytes elsewhere.
    ///
    /// # Errors
    /// [`ArchiveFault::Unreadable`] when there is no end, or one that two programs could read differently.
    pub(super) fn read(zip: &mut (impl Read + Seek)) -> Result<Self, ArchiveFault> {
        Self::find(zip)?.ok_or(ArchiveFault::Unreadable)
    }

    fn find(zip: &mut (impl Read + Seek)) -> io::Result<Option<Self>> {
        let length = zip.seek(SeekFrom::End(0))?;
        let tail_length = length.min((END + LONGEST_COMMENT + LOCATOR) as u64);
        let tail_start = length - tail_length;
        let tail = read_at(zip, tail_start, usize::try_from(tail_length).unwrap_or(0))?;
        let Some(at) = tail.windows(END_SIGNATURE.len()).rposition(|bytes| bytes == END_SIGNATURE) else {
            return Ok(None);
        };
        let end = Record(&tail[at..]);
        if tail.len() - at < END || end.number(20, 2) != (tail.len() - at - END) as u64 {
            return Ok(None);
        }
        let position = tail_start + at as u64;
        let may_be_zip64 = end.number(10, 2) == u64::from(u16::MAX)
            || end.number(12, 4) == u64::from(u32::MAX)
            || end.number(16, 4) == u64::from(u32::MAX);
        let locator = at.checked_sub(LOCATOR).map(|start| &tail[start..at]);
        let locator = locator.filter(|bytes| may_be_zip64 && bytes.starts_with(LOCATOR_SIGNATURE));
        let (found, list_end) = match locator {
            Some(bytes) => {
                let locator_position = position - LOCATOR as u64;
                let record_position = Record(bytes).number(8, 8);
                (Self::zip64(zip, &Record(bytes), locator_position)?, record_position)
            }
            None => (Self::zip32(&end), position),
        };
        match found {
            Some(found) if found.is_followed_by(list_end) && found.starts_with_a_file(zip)? => {
                Ok(Some(found))
            }
            _ => Ok(None),
        }
    }

    fn zip32(end: &Record<'_>) -> Option<Self> {
        let single_disk =
            end.number(4, 2) == 0 && end.number(6, 2) == 0 && end.number(8, 2) == end.number(10, 2);
        single_disk.then(|| Self {
            entries: end.number(10, 2),
            list_length: end.number(12, 4),
            list_start: end.number(16, 4),
        })
    }

    fn zip64(
        zip: &mut (impl Read + Seek),
        locator: &Record<'_>,
        locator_position: u64,
    ) -> io::Result<Option<Self>> {
        let position = locator.number(8, 8);
        let single_disk = locator.number(4, 4) == 0 && locator.number(16, 4) <= 1;
        // The record ends where the locator begins.
        let Some(length) = locator_position.checked_sub(position) else { return Ok(None) };
        if !single_disk || length < END64 as u64 {
            return Ok(None);
        }
        let bytes = read_at(zip, position, END64)?;
        let end = Record(&bytes);
        let sound = bytes.starts_with(END64_SIGNATURE)
            && end.number(4, 8).checked_add(12) == Some(length)
            && end.number(16, 4) == 0
            && end.number(20, 4) == 0
            && end.number(24, 8) == end.number(32, 8);
        Ok(sound.then(|| Self {
            entries: end.number(32, 8),
            list_length: end.number(40, 8),
            list_start: end.number(48, 8),
        }))
    }

    /// Whether the list is as long as that many files need at least, and ends at `list_end`.
    fn is_followed_by(&self, list_end: u64) -> bool {
        let shortest = self.entries.checked_mul(FILE);
        shortest.is_some_and(|shortest| shortest <= self.list_length)
            && self.list_start.checked_add(self.list_length) == Some(list_end)
    }

    fn starts_with_a_file(&self, zip: &mut (impl Read + Seek)) -> io::Result<bool> {
        if self.entries == 0 {
            return Ok(self.list_length == 0);
        }
        Ok(read_at(zip, self.list_start, FILE_SIGNATURE.len())? == FILE_SIGNATURE)
    }
}

fn read_at(zip: &mut (impl Read + Seek), position: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    zip.seek(SeekFrom::Start(position))?;
    zip.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use super::*;

    fn packed(files: usize, comment: &str) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for number in 0..files {
            zip.start_file(format!("{number}.md"), zip::write::SimpleFileOptions::default()).expect("a file");
            zip.write_all(b"text").expect("bytes");
        }
        zip.set_comment(comment.to_owned()).expect("a comment");
        zip.finish().expect("a ZIP").into_inner()
    }

    fn entries(bytes: &[u8]) -> Option<u64> {
        EndRecord::read(&mut Cursor::new(bytes)).ok().map(|end| end.entries)
    }

    #[test]
    fn the_number_of_files_is_read_with_and_without_a_comment() {
        for (files, comment) in [(0, ""), (1, ""), (3, "a comment"), (300, &"c".repeat(65_535))] {
            assert_eq!(entries(&packed(files, comment)), Some(files as u64));
        }
    }

    #[test]
    fn more_than_65535_files_are_read_from_the_zip64_record() {
        assert_eq!(entries(&packed(70_000, "")), Some(70_000));
    }

    #[test]
    fn an_end_that_two_programs_could_read_differently_is_refused() {
        let good = packed(2, "");
        let behind = [good.as_slice(), b"x"].concat();
        let before = [b"x".as_slice(), good.as_slice()].concat();
        let in_comment = packed(2, "PK\u{5}\u{6}");
        let cut = good[..good.len() - 1].to_vec();
        let mut other_list = good.clone();
        let at = other_list.len() - END + 12;
        other_list[at] ^= 1;
        for odd in [behind, before, in_comment, cut, other_list, Vec::new(), b"PK\x05\x06".to_vec()] {
            assert_eq!(entries(&odd), None);
        }
    }
}
