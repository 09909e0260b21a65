//! The right of a user to import, held from before the upload until after the last note. A task renews it, so
//! it lasts as long as the import and ends soon after a process that dies.

use std::time::Duration;

use tokio::task::JoinHandle;

use crate::db::{Database, DbError};
use crate::domain::{TenantId, UserId};
use crate::log_context::carry;

/// The time between two renewals. The lease is valid for 90 seconds, so it outlives three that fail.
const RENEWAL: Duration = Duration::from_secs(25);

/// A user's lease. Dropping it gives it back too, but later.
pub(super) struct ImportLease {
    database: Database,
    tenant: TenantId,
    user: UserId,
    holder: i64,
    renewal: JoinHandle<()>,
    released: bool,
}

impl ImportLease {
    /// The lease, or none while another import of the user runs.
    pub(super) async fn take(
        database: &Database,
        tenant: TenantId,
        user: UserId,
    ) -> Result<Option<Self>, DbError> {
        let holder = fastrand::i64(..);
        // A handle's calls share the time of one request; the calls for the lease are far apart.
        if !database.tenant(tenant).take_import_lease(user, holder).await? {
            return Ok(None);
        }
        let renewal = tokio::spawn(carry(renew(database.clone(), tenant, user, holder)));
        Ok(Some(Self { database: database.clone(), tenant, user, holder, renewal, released: false }))
    }

    /// Gives the lease back, so that the user's next import may begin. If that fails, it expires.
    pub(super) async fn release(mut self) {
        self.renewal.abort();
        self.released = true;
        give_back(&self.database, self.tenant, self.user, self.holder).await;
    }
}

impl Drop for ImportLease {
    /// For an import whose client went away.
    fn drop(&mut self) {
        self.renewal.abort();
        if self.released {
            return;
        }
        let (database, tenant, user, holder) = (self.database.clone(), self.tenant, self.user, self.holder);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(carry(async move { give_back(&database, tenant, user, holder).await }));
        }
    }
}

async fn give_back(database: &Database, tenant: TenantId, user: UserId, holder: i64) {
    if let Err(error) = database.tenant(tenant).release_import_lease(user, holder).await {
        log::warn!("tenant {tenant}: the lease of an import stays until it expires: {error}");
    }
}

/// Renews the lease until the task is aborted.
async fn renew(database: Database, tenant: TenantId, user: UserId, holder: i64) {
    let mut pause = tokio::time::interval(RENEWAL);
    pause.tick().await;
    loop {
        pause.tick().await;
        match database.tenant(tenant).renew_import_lease(user, holder).await {
            Ok(true) => {}
            Ok(false) => log::warn!("tenant {tenant}: the lease of an import was taken over"),
            Err(error) => log::warn!("tenant {tenant}: the lease of an import was not renewed: {error}"),
        }
    }
}
