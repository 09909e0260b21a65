//! The tenants that have due messages, as far as this process knows. A tenant is in the set once, however
//! often it was added.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::domain::TenantId;

/// Tenants that were added and not taken yet.
#[derive(Default)]
pub(super) struct DueTenants {
    tenants: Mutex<BTreeSet<TenantId>>,
    added: Notify,
    sweep_requested: Notify,
}

impl DueTenants {
    pub(super) fn add(&self, tenants: impl IntoIterator<Item = TenantId>) {
        let mut known = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(tenants);
        drop(known);
        self.added.notify_one();
    }

    /// Takes all tenants; waits until there is one.
    pub(super) async fn take(&self) -> BTreeSet<TenantId> {
        loop {
            let added = self.added.notified();
            let taken = std::mem::take(&mut *self.tenants.lock().unwrap_or_else(PoisonError::into_inner));
            if !taken.is_empty() {
                return taken;
            }
            added.await;
        }
    }

    /// Requests an early sweep over all tenants, as a notification may have been missed.
    pub(super) fn request_sweep(&self) {
        self.sweep_requested.notify_one();
    }

    /// Waits for a request of a sweep.
    pub(super) async fn sweep_requested(&self) {
        self.sweep_requested.notified().await;
    }
}
