//! Sharing and delivery.

use serde_json::{Value, json};

use super::{Person, Script, database, eventually};

impl Script {
    /// Shares a note and waits until all messages are processed.
    pub async fn share(&self, tenant_id: i64, note: i64, with: Value, access: &str) {
        let body = json!({"share_with": with, "access": access});
        self.post(&format!("/api/notes/{note}/shares"), &body).await.expect(201);
        until_delivered(tenant_id).await;
    }

    pub async fn inbox(&self) -> Vec<Value> {
        self.get("/api/inbox").await.expect(200).json().as_array().expect("a list").clone()
    }
}

/// Waits until every message of the tenant is processed.
pub async fn until_delivered(tenant_id: i64) {
    let waiting =
        "SELECT count(*) FROM outbox WHERE tenant_id = $1 AND acknowledged_at IS NULL AND failed_at IS NULL";
    eventually("every message is delivered", async || database::number(waiting, &[&tenant_id]).await == 0)
        .await;
}

/// In how many inboxes the note is.
pub async fn recipients(tenant_id: i64, note: i64) -> i64 {
    database::number(
        "SELECT count(*) FROM shared_notes WHERE tenant_id = $1 AND note_id = $2",
        &[&tenant_id, &note],
    )
    .await
}

/// Puts a note into an inbox directly in the database, without a message.
pub async fn insert_delivery(author: &Person, note: i64, recipient: &Person, access: &str) {
    let client = database::admin().await;
    for (table, columns) in
        [("shares", "audience, access, shared_by"), ("shared_notes", "recipient_id, access, shared_by")]
    {
        let statement =
            format!("INSERT INTO {table} (tenant_id, note_id, {columns}) VALUES ($1, $2, $3, $4, $5)");
        client
            .execute(&statement, &[&author.tenant_id, &note, &recipient.user_id, &access, &author.user_id])
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
}
