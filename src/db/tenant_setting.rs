//! The setting by which row-level security knows the tenant. No other file writes it.

use crate::domain::TenantId;

/// The statement that binds a transaction to a tenant.
pub(super) fn set_tenant(tenant: TenantId) -> String {
    format!("SET LOCAL app.tenant_id = '{tenant}'")
}

/// The statement for a transaction without a tenant: the policies need the setting, and no tenant has number
/// 0.
pub(super) const SET_NO_TENANT: &str = "SET LOCAL app.tenant_id = '0'";
