//! What an operator allows a tenant in place of the settings, as statements for the tenant read it.

use crate::db::{FromRow, RowReader};
use crate::domain::LimitOverrides;

/// The columns of [`LimitOverrides`] from `tenant_limits l`, in the order of `Limit::ALL`.
macro_rules! override_columns {
    () => {
        "l.members, l.notes_in_all, l.notes_per_person, l.bytes, l.tokens_per_person, l.sessions_per_person, \
         l.imports, l.requests, l.requests_per_person"
    };
}
pub(super) use override_columns;

/// What an operator set for the tenant, else the setting; NULL for no limit. It is no join, for the reason
/// given at `members::if_removed`.
macro_rules! allowed {
    ($limit:literal, $default:literal) => {
        $crate::store::limits::allowed!($limit, $default, "{tenant_limits}")
    };
    ($limit:literal, $default:literal, $table:literal) => {
        concat!(
            "nullif(coalesce((SELECT l.",
            $limit,
            " FROM ",
            $table,
            " l WHERE l.tenant_id = $1), ",
            $default,
            "::bigint), 0)"
        )
    };
}
pub(super) use allowed;

impl FromRow for LimitOverrides {
    fn from_row(row: &mut RowReader<'_>) -> Self {
        Self::of(|_| row.column())
    }
}
