//! Raises the limit of open files at the start of `serve` and `worker`.

use crate::web::connections::raise_file_limit;

/// Raises the soft limit to the hard one and logs both: the limit decides how many clients can be connected.
pub fn raise() {
    let limit = raise_file_limit();
    let shown = |files: Option<u64>| files.map_or_else(|| "unlimited".to_owned(), |files| files.to_string());
    log::info!(
        "open files: {} at most (soft limit at the start: {})",
        shown(limit.current),
        shown(limit.inherited)
    );
}
