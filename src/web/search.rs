//! A search for a visitor, in as many messages as a list: the session and the numbers, then the notes.

use super::{CurrentUser, Error, Visitor};
use crate::store::{self, SearchPage, SearchRequest};

/// Finds the visitor's notes.
///
/// # Errors
/// Those of [`Visitor::read`] and of reading the notes.
pub async fn search(
    visitor: &Visitor,
    request: SearchRequest<'_>,
) -> Result<(CurrentUser, SearchPage), Error> {
    let bytes = request.to_bytes();
    let (user, found) = visitor.read(|viewer| store::found(viewer, &bytes)).await?;
    let page = user.tenant.search_page(user.id, found, request.limit).await?;
    Ok((user, page))
}
