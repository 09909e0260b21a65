//! The disk that uploads may hold. An upload is a file without a name in a folder of ours, so the system
//! deletes it when it is closed, also when the process is killed. The system's folder for temporary files is
//! not used: in a container it is read-only, or in memory.

use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The folder in DATA_DIR.
const FOLDER: &str = "uploads";

/// Counts the bytes of all uploads that this process holds. Clones share the count.
#[derive(Clone, Debug)]
pub struct UploadSpace(Arc<Space>);

#[derive(Debug)]
struct Space {
    folder: PathBuf,
    limit: u64,
    held: AtomicU64,
}

/// Why an upload is not kept.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The uploads of all users hold as many bytes as they may, or the disk is full.
    #[error("no space for uploads")]
    NoSpace,
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
    space: UploadSpace,
}

impl UploadSpace {
    /// At most `limit` bytes, in a folder below `data_dir` that the first upload makes.
    pub fn new(data_dir: &Path, limit: u64) -> Self {
        Self(Arc::new(Space { folder: data_dir.join(FOLDER), limit, held: AtomicU64::new(0) }))
    }

    /// Starts an upload of which `announced` bytes are expected.
    ///
    /// # Errors
    /// [`UploadError::NoSpace`] when that many are not left; nothing is reserved for them.
    pub fn start(&self, announced: u64) -> Result<UploadedFile, UploadError> {
        if self.0.held.load(Ordering::Relaxed).saturating_add(announced) > self.0.limit {
            return Err(UploadError::NoSpace);
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0.folder)?;
        let file = tempfile::tempfile_in(&self.0.folder)?;
        Ok(UploadedFile { file, length: 0, space: self.clone() })
    }
}

impl UploadedFile {
    /// Appends bytes.
    ///
    /// # Errors
    /// [`UploadError::NoSpace`] when all uploads together would hold more than they may.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        let added = bytes.len() as u64;
        let before = self.space.0.held.fetch_add(added, Ordering::Relaxed);
        self.length += added;
        if before.saturating_add(added) > self.space.0.limit {
            return Err(UploadError::NoSpace);
        }
        Ok(self.file.write_all(bytes)?)
    }

    /// The number of bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }
}

impl Drop for UploadedFile {
    fn drop(&mut self) {
        self.space.0.held.fetch_sub(self.length, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn uploads_hold_no_more_than_they_may_and_give_it_back() {
        let data = tempfile::tempdir().expect("a folder");
        let space = UploadSpace::new(data.path(), 100);
        let mut first = space.start(60).expect("an upload");
        first.append(&[1; 60]).expect("space");
        assert!(matches!(space.start(41), Err(UploadError::NoSpace)));
        let mut second = space.start(0).expect("an upload of unknown length");
        second.append(&[2; 40]).expect("space");
        assert!(matches!(second.append(&[2]), Err(UploadError::NoSpace)));
        drop((first, second));
        space.start(100).expect("space again").append(&[3; 100]).expect("space");
    }

    #[test]
    fn uploads_have_no_name_in_a_folder_that_no_other_account_enters() {
        let data = tempfile::tempdir().expect("a folder");
        let mut upload = UploadSpace::new(data.path(), 100).start(1).expect("an upload");
        upload.append(b"a").expect("space");
        let folder = data.path().join(FOLDER);
        let mode = std::fs::metadata(&folder).expect("the folder").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert_eq!(std::fs::read_dir(&folder).expect("the folder").count(), 0);
    }
}
