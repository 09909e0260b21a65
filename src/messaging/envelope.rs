//! A message as the broker carries it. The consumer reads the message's row by tenant and number; the other
//! fields are for people who look into a queue.

use serde::{Deserialize, Serialize};

use crate::domain::{InsertToShared, TenantId};
use crate::store::Message;

/// The JSON in a broker's message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Envelope {
    pub(super) tenant_id: i64,
    pub(super) message_id: i64,
    pub(super) route: String,
    pub(super) note_id: Option<i64>,
    pub(super) userid: i64,
    #[serde(default)]
    pub(super) audience: serde_json::Value,
}

impl Envelope {
    /// The envelope of a message.
    pub(super) fn of(tenant: TenantId, message: &Message) -> Self {
        Self {
            tenant_id: tenant.number(),
            message_id: message.id,
            route: message.route.clone(),
            note_id: message.note_id,
            userid: message.user_id,
            audience: InsertToShared::parse(&message.payload)
                .map(|payload| payload.audience)
                .unwrap_or_default(),
        }
    }

    /// `tenant/message`, the same at each publication.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.tenant_id, self.message_id)
    }

    /// Reads a message of the queue; `None` for one that is no envelope.
    pub(super) fn parse(data: &[u8]) -> Option<Self> {
        serde_json::from_slice(data).ok()
    }

    pub(super) fn tenant(&self) -> TenantId {
        #[allow(clippy::disallowed_methods, reason = "a relay wrote the envelope")]
        TenantId::from_row(self.tenant_id)
    }
}
