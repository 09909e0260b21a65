//! ZIP files byte by byte, for archives that no honest program writes (APPNOTE.TXT 6.3.10).

use std::io::{Cursor, Write};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// Bits of an entry's flags.
pub const ENCRYPTED: u16 = 1;
/// Methods of compression.
pub const STORED: u16 = 0;
pub const DEFLATED: u16 = 8;
pub const LZMA: u16 = 14;

/// Data as an archive has it, and what the archive says of it.
#[derive(Clone)]
pub struct Packed {
    pub bytes: Vec<u8>,
    pub method: u16,
    pub flags: u16,
    pub unpacked: u32,
    pub packed: u32,
    pub crc: u32,
}

impl Packed {
    pub fn stored(bytes: &[u8]) -> Self {
        Self::of(bytes, STORED)
    }

    pub fn deflated(bytes: &[u8]) -> Self {
        Self::of(bytes, DEFLATED)
    }

    /// Packs with the crate, and takes the data and the numbers from its file.
    fn of(bytes: &[u8], method: u16) -> Self {
        let kind = if method == STORED { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("x", SimpleFileOptions::default().compression_method(kind)).expect("a file");
        zip.write_all(bytes).expect("bytes");
        let file = zip.finish().expect("a ZIP").into_inner();
        let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().expect("four bytes"));
        let (crc, packed, unpacked) = (number(14), number(18), number(22));
        let start = 30 + usize::from(file[26]) + usize::from(file[28]);
        let data = file[start..start + packed as usize].to_vec();
        Self { bytes: data, method, flags: 0, unpacked, packed, crc }
    }
}

/// An archive that is being put together.
#[derive(Default)]
pub struct ZipBytes {
    bytes: Vec<u8>,
    list: Vec<u8>,
    entries: u64,
}

impl ZipBytes {
    /// Data with its local header, and an entry in the list that leads to it.
    pub fn file(&mut self, path: &str, data: &Packed) -> u32 {
        let offset = self.data(path, data);
        self.listed(path, data, offset);
        offset
    }

    /// Data with its local header, without an entry in the list. Gives its offset.
    pub fn data(&mut self, path: &str, data: &Packed) -> u32 {
        let offset = u32::try_from(self.bytes.len()).expect("a small archive");
        self.bytes.extend(b"PK\x03\x04\x14\x00");
        self.bytes.extend(numbers(path, data));
        self.bytes.extend(path.as_bytes());
        self.bytes.extend(&data.bytes);
        offset
    }

    /// An entry in the list that leads to this offset.
    pub fn listed(&mut self, path: &str, data: &Packed, offset: u32) {
        self.list.extend(b"PK\x01\x02\x14\x03\x14\x00");
        self.list.extend(numbers(path, data));
        self.list.extend([0; 10]);
        let mode: u32 = if path.ends_with('/') { 0o040_755 } else { 0o100_644 };
        let at = self.list.len() - 4;
        self.list[at..].copy_from_slice(&(mode << 16).to_le_bytes());
        self.list.extend(offset.to_le_bytes());
        self.list.extend(path.as_bytes());
        self.entries += 1;
    }

    /// The archive with the number of entries that it has.
    pub fn finish(self) -> Vec<u8> {
        let entries = self.entries;
        self.finish_with(entries)
    }

    /// The archive with this number of entries; from 65,535 on with a ZIP64 record.
    pub fn finish_with(self, entries: u64) -> Vec<u8> {
        let (start, length) = (self.bytes.len() as u64, self.list.len() as u64);
        let mut bytes = self.bytes;
        bytes.extend(self.list);
        if entries >= u64::from(u16::MAX) {
            let position = bytes.len() as u64;
            bytes.extend(b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0\0");
            for number in [entries, entries, length, start] {
                bytes.extend(number.to_le_bytes());
            }
            bytes.extend(b"PK\x06\x07\0\0\0\0");
            bytes.extend(position.to_le_bytes());
            bytes.extend(1_u32.to_le_bytes());
        }
        let short = u16::try_from(entries).unwrap_or(u16::MAX);
        bytes.extend(b"PK\x05\x06\0\0\0\0");
        bytes.extend(short.to_le_bytes());
        bytes.extend(short.to_le_bytes());
        bytes.extend(u32::try_from(length).expect("a small list").to_le_bytes());
        bytes.extend(u32::try_from(start).expect("a small archive").to_le_bytes());
        bytes.extend([0; 2]);
        bytes
    }
}

/// What a local header and an entry of the list have in common, from the flags to the length of the extra
/// fields.
fn numbers(path: &str, data: &Packed) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(data.flags.to_le_bytes());
    bytes.extend(data.method.to_le_bytes());
    // 24 November 2026.
    bytes.extend([0, 0, 0x78, 0x5d]);
    for number in [data.crc, data.packed, data.unpacked] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(u16::try_from(path.len()).expect("a short path").to_le_bytes());
    bytes.extend([0; 2]);
    bytes
}
