//! The files in which uploads, and long lists of files, wait. A file has no name and is in a folder of ours,
//! so the system deletes it when it is closed, also when the process is killed. The system's folder for
//! temporary files is not used: in a container it is read-only, or in memory.

use std::fmt::Debug;
use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::task::Waker;

use tempfile::SpooledTempFile;

/// The folder in DATA_DIR.
const FOLDER: &str = "uploads";
/// A list up to this length stays in memory.
const SHORT_LIST: usize = 64 * 1024;

/// The folder of these files.
#[derive(Clone, Debug)]
pub struct UploadSpace(PathBuf);

/// The share of the disk that a client's files may hold.
pub trait DiskQuota: Debug + Send {
    /// Makes the quota `bytes` long.
    ///
    /// # Errors
    /// [`UploadError::NoSpace`] or [`UploadError::TooLarge`]; the quota keeps its length.
    fn resize(&mut self, bytes: u64) -> Result<(), UploadError>;

    /// Whether the bytes have to be given up in favour of clients that hold less; if not, `task` is woken
    /// when they have to.
    fn is_given_up(&self, task: &Waker) -> bool;
}

/// Why an upload is not kept.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The uploads of all users hold as many bytes as they may, or the disk is full.
    #[error("no space for uploads")]
    NoSpace,
    /// The upload is longer than one client's share.
    #[error("longer than a share of the space for uploads")]
    TooLarge,
    #[error("the folder of uploads: {0}")]
    File(io::Error),
}

impl From<io::Error> for UploadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace,
            _ => Self::File(error),
        }
    }
}

/// A file that is being uploaded or imported. Its bytes count until it is dropped.
#[derive(Debug)]
pub struct UploadedFile {
    file: File,
    length: u64,
    folder: PathBuf,
    quota: Box<dyn DiskQuota>,
}

impl UploadSpace {
    /// A folder below `data_dir` that the first file makes.
    pub fn new(data_dir: &Path) -> Self {
        Self(data_dir.join(FOLDER))
    }

    /// Starts an upload of which `announced` bytes are expected.
    ///
    /// # Errors
    /// [`UploadError::NoSpace`] when that many are not left. They are reserved as they arrive.
    pub fn start(&self, announced: u64, mut quota: Box<dyn DiskQuota>) -> Result<UploadedFile, UploadError> {
        quota.resize(announced)?;
        quota.resize(0)?;
        self.make_folder()?;
        let file = tempfile::tempfile_in(&self.0)?;
        Ok(UploadedFile { file, length: 0, folder: self.0.clone(), quota })
    }

    /// A file for a list, which is on the disk only when it is long.
    pub(super) fn list(&self) -> SpooledTempFile {
        tempfile::spooled_tempfile_in(SHORT_LIST, &self.0)
    }

    pub(super) fn make_folder(&self) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)
    }
}

impl UploadedFile {
    /// Appends bytes.
    ///
    /// # Errors
    /// [`UploadError::NoSpace`] when the client, or all clients together, would hold more than they may.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        self.check()?;
        let length = self.length + bytes.len() as u64;
        self.quota.resize(length)?;
        self.length = length;
        Ok(self.file.write_all(bytes)?)
    }

    /// Whether the space is still this client's.
    ///
    /// # Errors
    /// [`UploadError::NoSpace`] when it was given to another.
    pub fn check(&self) -> Result<(), UploadError> {
        if self.is_given_up(Waker::noop()) { Err(UploadError::NoSpace) } else { Ok(()) }
    }

    /// Whether the space was given to another; if not, `task` is woken when it is.
    pub fn is_given_up(&self, task: &Waker) -> bool {
        self.quota.is_given_up(task)
    }

    /// The number of bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// A file for the list of this archive's notes.
    pub(super) fn list(&self) -> SpooledTempFile {
        UploadSpace(self.folder.clone()).list()
    }

    /// Counts the list, too.
    pub(super) fn count_list(&mut self, length: u64) -> Result<(), UploadError> {
        self.quota.resize(self.length.saturating_add(length))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// As many bytes as this.
    #[derive(Debug)]
    struct Most(u64);

    impl DiskQuota for Most {
        fn resize(&mut self, bytes: u64) -> Result<(), UploadError> {
            if bytes > self.0 { Err(UploadError::NoSpace) } else { Ok(()) }
        }

        fn is_given_up(&self, _: &Waker) -> bool {
            self.0 == 0
        }
    }

    #[test]
    fn an_upload_holds_no_more_than_its_quota() {
        let data = tempfile::tempdir().expect("a folder");
        let space = UploadSpace::new(data.path());
        assert!(matches!(space.start(101, Box::new(Most(100))), Err(UploadError::NoSpace)));
        let mut upload = space.start(0, Box::new(Most(100))).expect("an upload of unknown length");
        upload.append(&[1; 60]).expect("space");
        assert!(matches!(upload.append(&[2; 41]), Err(UploadError::NoSpace)));
        upload.append(&[2; 40]).expect("space");
        assert!(matches!(upload.count_list(1), Err(UploadError::NoSpace)));
        assert!(space.start(0, Box::new(Most(0))).expect("a file").check().is_err());
    }

    #[test]
    fn uploads_have_no_name_in_a_folder_that_no_other_account_enters() {
        let data = tempfile::tempdir().expect("a folder");
        let mut upload = UploadSpace::new(data.path()).start(1, Box::new(Most(100))).expect("an upload");
        upload.append(b"a").expect("space");
        let folder = data.path().join(FOLDER);
        let mode = std::fs::metadata(&folder).expect("the folder").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert_eq!(std::fs::read_dir(&folder).expect("the folder").count(), 0);
    }
}
