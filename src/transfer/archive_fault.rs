//! Why an archive is refused as a whole, with the sentence that its sender reads. Nothing of such an archive
//! was unpacked (docs/decisions/0027).

/// The most files and folders of an archive.
pub const FILE_LIMIT: u64 = 20_000;
/// The most bytes of an archive's list of files: 20,000 long paths. It is in memory during an import.
pub const LIST_LIMIT: u64 = 8 * 1024 * 1024;
/// The most bytes of all files of an archive when they are unpacked.
pub const UNPACKED_LIMIT: u64 = 1024 * 1024 * 1024;

/// Why an archive is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveFault {
    /// The upload is no ZIP, or it is damaged.
    Unreadable,
    /// It has more than [`FILE_LIMIT`] files and folders.
    TooManyFiles,
    /// Its list of files is longer than [`LIST_LIMIT`].
    LongList,
    /// Files share bytes with each other or with the list, so that a small archive unpacks to a large one.
    Overlapping,
    /// Two files have one path. Programs differ in which of them they unpack.
    RepeatedPath,
    /// Unpacked it is larger than [`UNPACKED_LIMIT`].
    TooLarge,
    /// A file can only be read with a password.
    Encrypted,
    /// A note is compressed by another method than deflate.
    UnknownCompression,
    /// It has another archive in it.
    Nested,
}

impl ArchiveFault {
    /// What the sender reads.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Unreadable => "This is no ZIP, or a broken one.",
            Self::TooManyFiles => {
                "This ZIP has more than 20,000 files and folders. Split it into smaller ones, and import each."
            }
            Self::LongList => {
                "The paths of the files in this ZIP are too long. Shorten them, or split it into smaller ones."
            }
            Self::Overlapping => "Files in this ZIP overlap, so it is broken. Pack the files again.",
            Self::RepeatedPath => "This ZIP has two files of the same name and folder. Rename one of them.",
            Self::TooLarge => {
                "This ZIP is larger than 1 GiB when it is unpacked. Split it into smaller ones, and import each."
            }
            Self::Encrypted => {
                "This ZIP is protected with a password. Unpack it, and pack the files again without a password."
            }
            Self::UnknownCompression => {
                "This ZIP is compressed in a way that is not supported. Pack the files again as an ordinary ZIP."
            }
            Self::Nested => {
                "There is another archive in this ZIP. Unpack that one, and import its files as a ZIP of their \
                 own."
            }
        }
    }
}

impl From<std::io::Error> for ArchiveFault {
    fn from(_: std::io::Error) -> Self {
        Self::Unreadable
    }
}

impl From<zip::result::ZipError> for ArchiveFault {
    fn from(_: zip::result::ZipError) -> Self {
        Self::Unreadable
    }
}
