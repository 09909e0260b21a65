//! What is wrong with a setting.

use std::fmt;

/// A setting that cannot be used, in one line that names it.
#[derive(Debug)]
pub struct InvalidSetting(String);

impl InvalidSetting {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for InvalidSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidSetting {}

pub(super) fn invalid<T>(text: impl Into<String>) -> Result<T, InvalidSetting> {
    Err(InvalidSetting::new(text))
}
