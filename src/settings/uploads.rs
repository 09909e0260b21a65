//! Settings of the files that users upload.

use super::parsers;

/// How much disk uploads may hold.
#[derive(Clone, Debug, clap::Args)]
pub struct UploadSettings {
    /// MiB that uploaded files may hold in DATA_DIR at a time, in each web process; one file has 256 at most,
    /// a client and an organization a quarter of all
    #[arg(
        long,
        env = "UPLOAD_SPACE",
        default_value = "2048",
        value_parser = parsers::whole_number(1u64..=1_048_576)
    )]
    mebibytes: u64,
}

impl UploadSettings {
    /// The limit in bytes.
    pub fn bytes(&self) -> usize {
        usize::try_from(self.mebibytes * 1024 * 1024).unwrap_or(usize::MAX)
    }
}
