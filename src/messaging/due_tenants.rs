//! Which tenants have something due, as far as this process has heard. Each is in here once, however often it
//! was told.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::domain::TenantId;

/// The tenants that somebody told us of and nobody has looked at yet.
#[derive(Default)]
pub(super) struct Due {
    tenants: Mutex<BTreeSet<TenantId>>,
    told: Notify,
    look: Notify,
}

impl Due {
    /// Adds tenants.
    pub(super) fn add(&self, tenants: impl IntoIterator<Item = TenantId>) {
        let mut known = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(tenants);
        drop(known);
        self.told.notify_one();
    }

    /// Takes all of them, and waits until there is one.
    pub(super) async fn take(&self) -> BTreeSet<TenantId> {
        loop {
            let told = self.told.notified();
            let taken = std::mem::take(&mut *self.tenants.lock().unwrap_or_else(PoisonError::into_inner));
            if !taken.is_empty() {
                return taken;
            }
            told.await;
        }
    }

    /// Has all tenants looked at soon: something may have been missed.
    pub(super) fn look_everywhere(&self) {
        self.look.notify_one();
    }

    /// Waits until somebody wants all tenants looked at.
    pub(super) async fn look_wanted(&self) {
        self.look.notified().await;
    }
}
