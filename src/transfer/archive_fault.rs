//! Why an archive is refused as a whole, with the sentence that its sender reads. Nothing of such an archive
//! was unpacked (docs/decisions/0027).

/// The most files and folders of an archive.
pub const FILE_LIMIT: u64 = 50_000;
/// The most bytes of an archive's list of files: 50,000 long paths. It is in memory during an import.
pub const LIST_LIMIT: u64 = 12 * 1024 * 1024;
/// The most bytes of all files of an archive when they are unpacked.
pub const UNPACKED_LIMIT: u64 = 1024 * 1024 * 1024;
/// How many times its compressed size a file may have that is too long for a note. Notes may have any: a
/// note of one letter is a thousandth when it is compressed, and an export of such notes is imported.
pub const RATIO_LIMIT: u64 = 100;

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
    /// A file that is too long for a note unpacks to more than [`RATIO_LIMIT`] times its size.
    TooDense,
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
                "This ZIP has more than 50,000 files and folders. Split it, and import each part."
            }
            Self::LongList => {
                "The paths of the files in this ZIP are too long. Shorten them, or split the ZIP."
            }
            Self::Overlapping => "Files in this ZIP overlap, so it is broken. Pack the files again.",
            Self::RepeatedPath => "This ZIP has two files of the same name and folder. Rename one of them.",
            Self::TooLarge => {
                "This ZIP is larger than 1 GiB when it is unpacked. Split it, and import each part."
            }
            Self::TooDense => {
                "A file in this ZIP becomes over 100 times as large when it is unpacked. Leave it out."
            }
            Self::Encrypted => {
                "This ZIP is protected with a password. Unpack it, and pack the files without one."
            }
            Self::UnknownCompression => {
                "The compression of this ZIP is not supported. Pack the files as an ordinary ZIP."
            }
            Self::Nested => {
                "There is another archive in this ZIP. Unpack that one, and import its files by themselves."
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
