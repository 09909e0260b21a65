//! Export and import: a ZIP of Markdown files with front matter, and one JSON file of everything. The import
//! reads the Markdown files. Rows are reached only by the tenant's handle, and nothing here knows HTTP.

#[cfg(test)]
mod any_input;
mod archive;
mod archive_fault;
mod document;
mod end_record;
mod entry_list;
mod export;
mod front_matter;
mod import;
mod lease;
mod note_file;
mod note_place;
mod note_reader;
mod permission;
mod source;
mod upload_space;
mod zip_stream;

pub use archive_fault::ArchiveFault;
pub use entry_list::EntryList;
pub use export::export;
pub use import::{ImportError, ImportReport, ImportRequest, import};
pub use permission::Permission;
pub use source::ExportRequest;
pub use upload_space::{DiskQuota, UploadError, UploadSpace, UploadedFile};
