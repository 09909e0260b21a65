//! Renders the text of a note for a page, a long one in its tenant's turn.

use crate::db::{DbError, TenantHandle};
use crate::domain::NoteContent;
use crate::markdown::{RenderOptions, RenderedText, html, takes_little_time};

/// Renders a note's text.
///
/// # Errors
/// [`DbError::Overloaded`] when the turn does not come in time.
pub async fn render(
    tenant: &TenantHandle,
    text: NoteContent,
    options: RenderOptions,
) -> Result<RenderedText, DbError> {
    if takes_little_time(text.as_str()) {
        return Ok(html(text.as_str(), &options));
    }
    tenant.compute(move || html(text.as_str(), &options)).await
}
