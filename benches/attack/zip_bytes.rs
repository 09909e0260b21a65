//! ZIP archives: honest ones, and ones that lie. Written byte by byte, as no library writes the latter
//! (PKWARE's APPNOTE 6.3.10).

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::Outcome;

/// Directories of more entries than this need the ZIP64 records.
const LARGEST_COUNT: usize = 0xffff;

/// One packed file.
#[derive(Clone)]
struct Packed {
    method: u16,
    crc: u32,
    size: u32,
    bytes: Vec<u8>,
}

/// A ZIP with these files, not compressed.
pub fn honest(files: impl Iterator<Item = (String, String)>) -> Outcome<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, text) in files {
        writer.start_file(name, options)?;
        writer.write_all(text.as_bytes())?;
    }
    Ok(writer.finish()?.into_inner())
}

/// Many names for the same packed bytes.
pub fn overlapping(text: &str, names: usize) -> Outcome<Vec<u8>> {
    let packed = pack(text)?;
    let mut archive = Vec::new();
    local_header(&mut archive, "note.md", &packed, packed.size);
    archive.extend(&packed.bytes);
    let mut directory = Vec::new();
    for number in 0..names {
        directory_entry(&mut directory, &format!("note-{number}.md"), &packed, packed.size, 0);
    }
    Ok(with_directory(archive, &directory, names))
}

/// Files that each unpack to the same text. `says` is the size that the headers give, if it is a lie.
pub fn repeated(text: &str, files: usize, says: Option<u32>) -> Outcome<Vec<u8>> {
    let packed = pack(text)?;
    let size = says.unwrap_or(packed.size);
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for number in 0..files {
        let (name, offset) = (format!("note-{number}.md"), archive.len());
        local_header(&mut archive, &name, &packed, size);
        archive.extend(&packed.bytes);
        directory_entry(&mut directory, &name, &packed, size, offset as u32);
    }
    Ok(with_directory(archive, &directory, files))
}

/// Empty folders.
pub fn folders(number: usize) -> Vec<u8> {
    let nothing = Packed { method: 0, crc: 0, size: 0, bytes: Vec::new() };
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for number in 0..number {
        let (name, offset) = (format!("{number:07}/"), archive.len());
        local_header(&mut archive, &name, &nothing, 0);
        directory_entry(&mut directory, &name, &nothing, 0, offset as u32);
    }
    with_directory(archive, &directory, number)
}

/// Packs a text by the library and takes the packed bytes out of its archive.
fn pack(text: &str) -> Outcome<Packed> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    writer.start_file("note.md", options)?;
    writer.write_all(text.as_bytes())?;
    let archive = writer.finish()?.into_inner();
    let mut reader = ZipArchive::new(Cursor::new(archive.as_slice()))?;
    let file = reader.by_index(0)?;
    let start = file.data_start().ok_or("no start of the file")? as usize;
    let bytes = archive[start..start + file.compressed_size() as usize].to_vec();
    Ok(Packed { method: 8, crc: file.crc32(), size: file.size() as u32, bytes })
}

fn local_header(archive: &mut Vec<u8>, name: &str, packed: &Packed, size: u32) {
    archive.extend(b"PK\x03\x04");
    common_fields(archive, name, packed, size);
    archive.extend(name.as_bytes());
}

fn directory_entry(directory: &mut Vec<u8>, name: &str, packed: &Packed, size: u32, offset: u32) {
    directory.extend(b"PK\x01\x02");
    directory.extend(20_u16.to_le_bytes());
    common_fields(directory, name, packed, size);
    // Length of the comment, disk, attributes of two kinds.
    directory.extend([0; 10]);
    directory.extend(offset.to_le_bytes());
    directory.extend(name.as_bytes());
}

/// The fields from "version needed" to "extra field length", which both headers have.
fn common_fields(out: &mut Vec<u8>, name: &str, packed: &Packed, size: u32) {
    out.extend(20_u16.to_le_bytes());
    out.extend(0_u16.to_le_bytes());
    out.extend(packed.method.to_le_bytes());
    // 1 January 1980, midnight.
    out.extend(0_u16.to_le_bytes());
    out.extend(0x21_u16.to_le_bytes());
    out.extend(packed.crc.to_le_bytes());
    out.extend((packed.bytes.len() as u32).to_le_bytes());
    out.extend(size.to_le_bytes());
    out.extend((name.len() as u16).to_le_bytes());
    out.extend(0_u16.to_le_bytes());
}

/// Appends the directory and the records at the end.
fn with_directory(mut archive: Vec<u8>, directory: &[u8], entries: usize) -> Vec<u8> {
    let start = archive.len();
    archive.extend(directory);
    if entries > LARGEST_COUNT {
        let record = archive.len() as u64;
        archive.extend(b"PK\x06\x06");
        archive.extend(44_u64.to_le_bytes());
        archive.extend([45, 0, 45, 0]);
        archive.extend([0; 8]);
        for number in [entries, entries, directory.len(), start] {
            archive.extend((number as u64).to_le_bytes());
        }
        archive.extend(b"PK\x06\x07");
        archive.extend([0; 4]);
        archive.extend(record.to_le_bytes());
        archive.extend(1_u32.to_le_bytes());
    }
    let count = entries.min(LARGEST_COUNT) as u16;
    archive.extend(b"PK\x05\x06");
    archive.extend([0; 4]);
    archive.extend(count.to_le_bytes());
    archive.extend(count.to_le_bytes());
    archive.extend((directory.len() as u32).to_le_bytes());
    archive.extend((start as u32).to_le_bytes());
    archive.extend([0; 2]);
    archive
}
