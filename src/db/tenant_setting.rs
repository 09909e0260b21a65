//! The setting by which row-level security knows the tenant. No other file writes it.

use std::fmt::Write;

use super::connection::PooledConnection;
use super::topology::ShardPlacement;
use crate::domain::TenantId;

/// The statement that binds a transaction to a tenant.
pub(super) fn set_tenant(tenant: TenantId) -> String {
    format!("SET LOCAL app.tenant_id = '{tenant}'")
}

/// The statement for a transaction without a tenant: the policies need the setting, and no tenant has number
/// 0.
pub(super) const SET_NO_TENANT: &str = "SET LOCAL app.tenant_id = '0'";

/// How a transaction on the shard's own tables begins: the statement binds it to the tenant, if the shard is
/// placed on the node. One statement for both costs the node less than two.
#[derive(Clone, Copy)]
pub(super) enum Opening {
    /// Gives one row, or none if the shard is not placed there: without the setting the policies then refuse
    /// every statement behind it.
    ForReads,
    /// Shares the lock that a move takes, until the end of the transaction, and fails if the shard is not
    /// placed there (`V15__writes_to_shards.sql`).
    ForWrites,
}

impl Opening {
    fn template(self) -> &'static str {
        match self {
            Self::ForReads => {
                "SELECT set_config('app.tenant_id', $1::bigint::text, true) \
                 FROM pg_catalog.pg_dist_placement \
                 WHERE shardid = $2::bigint AND groupid = $3::integer AND shardstate = 1"
            }
            Self::ForWrites => {
                "SELECT set_config('app.tenant_id', $1::bigint::text, true), \
                 requests.lock_placement($2::bigint, $3::integer)"
            }
        }
    }

    /// Appends the statement to a message.
    pub(super) async fn append(
        self,
        message: &mut String,
        client: &mut PooledConnection,
        tenant: TenantId,
        placement: &ShardPlacement,
    ) -> Result<(), tokio_postgres::Error> {
        let name = client.named(self.template(), 0, || Some(self.template().to_owned())).await?;
        if let Some(name) = name {
            let shard = placement.shards.anchor();
            let _ = write!(message, "EXECUTE {name}({tenant}, {shard}, {})", placement.group);
        }
        Ok(())
    }
}
