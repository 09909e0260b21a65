//! Export and import: a ZIP of Markdown files with front matter, and one JSON file of everything. The import
//! reads the Markdown files. Rows are reached only by the tenant's handle, and nothing here knows HTTP.

mod document;
mod export;
mod front_matter;
mod import;
mod source;
mod zip_stream;

pub use export::export;
pub use import::{ImportError, ImportReport, import};
pub use source::ExportRequest;
