//! Telling relays that a message was written: the one in this process directly, others by NOTIFY.
//!
//! The notification is sent beside the request and not within its transaction. A transaction that notifies
//! holds a lock of the whole server while it commits, so all who share would stand in one queue; sent
//! afterwards, one statement speaks for everybody who wrote meanwhile. A process that dies in between loses
//! the hint and not the message: the sweep finds it.

use std::sync::Arc;

use super::counters::{Handled, Tally};
use super::due_tenants::Due;
use crate::db::{Database, TenantHandle};
use crate::store::notify_relays;

/// Told by whoever has just written a message.
#[derive(Clone, Default)]
pub struct Messenger {
    due: Arc<Due>,
    tally: Arc<Tally>,
}

impl Messenger {
    /// Tells the relay that reads `due`.
    pub(super) fn beside(due: Arc<Due>, tally: Arc<Tally>) -> Self {
        Self { due, tally }
    }

    /// Tells the relays of other processes, through the database, until the returned future is dropped.
    pub fn to_others(database: Database) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let due = Arc::new(Due::default());
        let told = Arc::clone(&due);
        let telling = async move {
            loop {
                // Who writes while a notification is on its way is in the next one.
                let tenants: Vec<_> = told.take().await.into_iter().collect();
                if let Err(error) = notify_relays(&database, &tenants).await {
                    log::debug!("relays could not be told of messages, and will find them: {error}");
                }
            }
        };
        (Self { due, tally: Arc::default() }, telling)
    }

    /// What the worker of this process did with messages; nothing where another process does that.
    pub fn handled(&self) -> Handled {
        self.tally.read()
    }

    /// Has the messages of a tenant looked at soon. Losing this call loses nothing: what is due is found
    /// anyway.
    pub fn wake(&self, tenant: &TenantHandle) {
        self.due.add([tenant.tenant()]);
    }
}
