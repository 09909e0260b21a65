//! Messages: what is done after an answer was given. The outbox in the database is what must not be lost; everything here
//! may be killed at any moment. Handlers of requests write a message through `store` and then wake this room; nothing here
//! knows HTTP.

mod deliver;

pub use deliver::handle;

use crate::db::{Database, TenantHandle};

/// Told by whoever has just written a message.
#[derive(Clone)]
pub struct Messenger {
    database: Database,
}

impl Messenger {
    /// Hands messages of this database to their handlers.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Has the messages of a tenant looked at soon. Losing this call loses nothing: what is due is found anyway.
    pub fn wake(&self, tenant: &TenantHandle) {
        let (database, tenant) = (self.database.clone(), self.database.tenant(tenant.tenant()));
        tokio::spawn(async move {
            let messages = match tenant.claim_messages("30 seconds").await {
                Ok(messages) => messages,
                Err(error) => return log::warn!("messages could not be claimed: {error}"),
            };
            for message in messages {
                if let Err(error) = handle(&database, &tenant, &message).await {
                    log::warn!("message {} of tenant {} failed: {error}", message.id, tenant.tenant());
                }
            }
        });
    }
}
