//! Notifies relays of a new message: the relay of this process directly, those of other processes by NOTIFY.
//!
//! NOTIFY runs beside the request and not in its transaction. A transaction that notifies holds a lock of the
//! whole server while it commits, so all shares would wait in one queue; afterwards, one statement covers all
//! tenants that wrote meanwhile. A process that dies in between loses the notification and not the message:
//! the relay's sweep finds the message.

use std::sync::Arc;

use super::counters::{MessageCounters, MessageCounts};
use super::due_tenants::DueTenants;
use crate::db::{Database, TenantHandle};
use crate::store::notify_relays;

/// Notifies relays of new messages.
#[derive(Clone, Default)]
pub struct Notifier {
    due: Arc<DueTenants>,
    counters: Arc<MessageCounters>,
}

impl Notifier {
    /// Notifies the relay that takes from `due`.
    pub(super) fn of_this_process(due: Arc<DueTenants>, counters: Arc<MessageCounters>) -> Self {
        Self { due, counters }
    }

    /// Notifies the relays of other processes through the database, as long as the returned future is polled.
    pub fn of_other_processes(database: Database) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let due = Arc::new(DueTenants::default());
        let added = Arc::clone(&due);
        let notifying = async move {
            loop {
                // Tenants that are added during a notification are in the next one.
                let tenants: Vec<_> = added.take().await.into_iter().collect();
                if let Err(error) = notify_relays(&database, &tenants).await {
                    log::debug!("relays were not notified of messages, and a sweep will find them: {error}");
                }
            }
        };
        (Self { due, counters: Arc::default() }, notifying)
    }

    /// What the worker of this process did with messages; nothing where another process handles them.
    pub fn counts(&self) -> MessageCounts {
        self.counters.read()
    }

    /// Has a relay look at the tenant's messages soon. It returns at once, and a lost notification delays
    /// messages only.
    pub fn wake(&self, tenant: &TenantHandle) {
        self.due.add([tenant.tenant()]);
    }
}
