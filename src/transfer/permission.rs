//! The right of a user to go on with an export or an import. Both last long after the request was let in, and
//! the user may log out, be removed or get another role meanwhile.

use crate::db::DbError;

/// Tells whether the user may still do what the request began.
pub trait Permission: Send + Sync + 'static {
    /// Whether the permission is still in force.
    ///
    /// # Errors
    /// [`DbError`] of the lookup.
    fn is_in_force(&self) -> impl Future<Output = Result<bool, DbError>> + Send;
}
