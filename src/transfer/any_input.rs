//! Made-up input for the parsers of this folder: archives, front matter and paths (docs/decisions/0027).

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Write};

use proptest::prelude::*;
use zip::read::{ArchiveOffset, Config};
use zip::write::SimpleFileOptions;

use super::archive::CheckedArchive;
use super::archive_fault::{FILE_LIMIT, UNPACKED_LIMIT};
use super::end_record::EndRecord;
use super::note_place::{LONGEST_FILE, NotePlace};
use super::{front_matter, note_file};

/// An archive of a few notes, with the ZIP64 records of a `large` one.
fn archive(notes: &[String], large: bool) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (number, note) in notes.iter().enumerate() {
        zip.start_file(format!("{number}.md"), SimpleFileOptions::default()).expect("a file");
        zip.write_all(note.as_bytes()).expect("bytes");
    }
    let small = zip.finish().expect("a ZIP").into_inner();
    if large { with_zip64_end(&small) } else { small }
}

fn with_zip64_end(small: &[u8]) -> Vec<u8> {
    let (list, end) = small.split_at(small.len() - 22);
    let wide = |bytes: &[u8]| [bytes, &vec![0; 8 - bytes.len()]].concat();
    let entries = wide(&end[10..12]);
    let mut bytes = list.to_vec();
    bytes.extend(b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0\0");
    bytes.extend([entries.clone(), entries, wide(&end[12..16]), wide(&end[16..20])].concat());
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend((list.len() as u64).to_le_bytes());
    bytes.extend(b"\x01\0\0\0PK\x05\x06\0\0\0\0\xff\xff\xff\xff");
    bytes.extend(&end[12..]);
    bytes
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("bytes");
    file
}

/// What is done to an archive: bytes are replaced, counted from its end, and it is cut or extended.
#[derive(Clone, Debug)]
struct Change {
    bytes: Vec<(prop::sample::Index, u8)>,
    tail: Vec<(prop::sample::Index, u8)>,
    cut: Option<prop::sample::Index>,
    behind: Vec<u8>,
}

fn changes() -> impl Strategy<Value = Change> {
    let byte = || prop_oneof![any::<u8>(), Just(0), Just(1), Just(0xff)];
    let replaced = |most| prop::collection::vec((any::<prop::sample::Index>(), byte()), 0..most);
    (replaced(4), replaced(6), prop::option::weighted(0.1, any::<prop::sample::Index>()), any::<bool>())
        .prop_map(|(bytes, tail, cut, more)| Change {
            bytes,
            tail,
            cut,
            behind: if more { b"PK\x05\x06\0\0\0\0".to_vec() } else { Vec::new() },
        })
}

impl Change {
    fn of(&self, archive: &[u8]) -> Vec<u8> {
        let mut changed = archive.to_vec();
        for (index, byte) in &self.bytes {
            let at = index.index(changed.len());
            changed[at] = *byte;
        }
        let tail = changed.len().saturating_sub(110);
        for (index, byte) in &self.tail {
            let at = tail + index.index(changed.len() - tail);
            changed[at] = *byte;
        }
        if let Some(cut) = self.cut {
            changed.truncate(cut.index(changed.len()));
        }
        changed.extend(&self.behind);
        changed
    }
}

/// Whatever the archive is: it is refused, or its notes stay within the limits.
fn within_limits(bytes: &[u8]) {
    let file = file_of(bytes);
    let Ok(mut archive) = CheckedArchive::open(&file) else { return };
    assert!(archive.len() as u64 <= FILE_LIMIT);
    let mut places = Vec::new();
    if archive.write_places(&mut places).is_err() {
        return;
    }
    let (mut places, mut unpacked) = (places.as_slice(), 0);
    while let Some(place) = NotePlace::read(&mut places).expect("a place") {
        let bytes = place.unpack(&file);
        assert_eq!(
            bytes.is_ok(),
            as_the_crate_reads(&file, &place.path).is_some_and(|read| Ok(read) == bytes)
        );
        unpacked += bytes.map_or(0, |bytes| bytes.len() as u64);
    }
    assert!(unpacked <= UNPACKED_LIMIT);
}

/// What the crate unpacks of a file, if it has the length that is declared.
fn as_the_crate_reads(file: &File, path: &str) -> Option<Vec<u8>> {
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    let mut zip = zip::ZipArchive::with_config(config, BufReader::new(file)).ok()?;
    let index = (0..zip.len()).find(|index| {
        zip.by_index_data(*index).is_ok_and(|entry| entry.name().is_ok_and(|name| name == path))
    })?;
    let entry = zip.by_index(index).ok()?;
    let (declared, mut bytes) = (entry.size(), Vec::new());
    let length = entry.take(declared + 1).read_to_end(&mut bytes).ok()?;
    (length as u64 == declared && declared <= LONGEST_FILE).then_some(bytes)
}

#[test]
fn any_large_archive_is_read_as_the_small_one() {
    for notes in [vec![], vec!["a".to_owned(), "b".to_owned()]] {
        let entries = |bytes: &[u8]| EndRecord::read(&mut Cursor::new(bytes)).expect("an end").entries;
        assert_eq!(entries(&archive(&notes, true)), entries(&archive(&notes, false)));
        let file = file_of(&archive(&notes, true));
        assert_eq!(CheckedArchive::open(&file).map(|archive| archive.len()).ok(), Some(notes.len()));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_an_archive_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        within_limits(&bytes);
        within_limits(&[bytes.as_slice(), archive(&[], false).as_slice()].concat());
    }

    #[test]
    fn any_change_of_an_archive_is_read_within_the_limits(
        notes in prop::collection::vec(".{0,40}", 0..4),
        large in any::<bool>(),
        change in changes(),
    ) {
        within_limits(&change.of(&archive(&notes, large)));
    }

    /// The crate must read the numbers that were checked, and no others.
    #[test]
    fn any_end_that_is_accepted_has_one_meaning(
        notes in prop::collection::vec(".{0,40}", 0..4),
        large in any::<bool>(),
        change in changes(),
    ) {
        let bytes = change.of(&archive(&notes, large));
        let Ok(end) = EndRecord::read(&mut Cursor::new(&bytes)) else { return Ok(()) };
        let config = Config { archive_offset: ArchiveOffset::Known(0) };
        if let Ok(zip) = zip::ZipArchive::with_config(config, Cursor::new(&bytes)) {
            prop_assert!(zip.len() as u64 == end.entries || zip.has_duplicate_names());
        }
    }

    #[test]
    fn any_text_has_a_front_matter_or_none(
        text in "(---\n)?([a-z_]{0,8}: ?.{0,12}\n){0,6}(---\n)?(?s:.{0,60})",
    ) {
        let (front_matter, content) = front_matter::read(&text);
        prop_assert!(text.ends_with(content));
        for key in ["note_id", "title", "created_at", "organization"] {
            let _ = (front_matter.text(key), front_matter.number(key), front_matter.time(key));
        }
    }

    #[test]
    fn any_path_is_reported_short_and_without_control_characters(
        path in "(?s:.{0,300})",
        bytes in any::<Vec<u8>>(),
    ) {
        if let Err(refused) = note_file::note(&path, &bytes) {
            prop_assert!(refused.file.chars().count() <= 200);
            prop_assert!(!refused.file.contains(char::is_control));
        }
    }
}
