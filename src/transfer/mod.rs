//! Leaving with everything, and coming in again: a ZIP of Markdown files with front matter, and one JSON of
//! everything. What is written here is read here; the tenant's handle is the only way to rows, and nothing
//! here knows HTTP.

mod document;
mod export;
mod front_matter;
mod import;
mod source;
mod zip_stream;

pub use export::export;
pub use import::{ImportError, Report, import};
pub use source::Exported;
