//! A message as the broker carries it. Whoever takes it reads the row again, so the text says which one it
//! is; the rest is for people who look into a queue.

use serde::{Deserialize, Serialize};

use crate::domain::TenantId;
use crate::store::Message;

/// What is in a broker's message.
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
    /// The message as it is sent.
    pub(super) fn of(tenant: TenantId, message: &Message) -> Self {
        let payload: serde_json::Value = serde_json::from_str(&message.payload).unwrap_or_default();
        Self {
            tenant_id: tenant.number(),
            message_id: message.id,
            route: message.route.clone(),
            note_id: message.note_id,
            userid: message.user_id,
            audience: payload.get("audience").cloned().unwrap_or_default(),
        }
    }

    /// The name of the message, the same each time that it is sent.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.tenant_id, self.message_id)
    }

    /// Reads what came from a queue; none for anything that we did not write.
    pub(super) fn parse(data: &[u8]) -> Option<Self> {
        serde_json::from_slice(data).ok()
    }

    /// The tenant, as a job names it.
    pub(super) fn tenant(&self) -> TenantId {
        TenantId::from_row(self.tenant_id)
    }
}
