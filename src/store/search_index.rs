//! What searches compare, made for a note that is written.

use crate::db::{DbError, TenantHandle};
use crate::domain::{NoteContent, NoteTitle, SearchIndex, UserId};

/// The longest text, in bytes, that is taken apart without a turn of the tenant: it takes less than a
/// millisecond.
const QUICK: usize = 16 * 1024;

impl TenantHandle {
    /// The words and keys of a note of this author, of a long text in the tenant's turn.
    ///
    /// # Errors
    /// [`DbError::Overloaded`] when the turn does not come in time.
    pub(super) async fn search_index(
        &self,
        author: UserId,
        title: Option<&NoteTitle>,
        content: &NoteContent,
    ) -> Result<SearchIndex, DbError> {
        if content.as_str().len() <= QUICK {
            return Ok(SearchIndex::of(author, title, content));
        }
        let (title, content) = (title.cloned(), content.clone());
        self.compute(move || SearchIndex::of(author, title.as_ref(), &content)).await
    }
}
