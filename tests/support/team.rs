//! A tenant with one user of each role.

use super::{App, Person, Script, database, retry_until_ok};

pub struct Team {
    pub owner: Person,
    pub admin: Person,
    pub member: Person,
}

impl Team {
    pub async fn create(app: &App) -> Self {
        let owner = Person::founder(app).await;
        let (admin, member) = (owner.colleague(app).await, owner.colleague(app).await);
        set_role(owner.tenant_id, admin.user_id, "admin").await;
        let close = "UPDATE shared.tenants SET join_policy = 'invite' WHERE id = $1";
        database::admin().await.execute(close, &[&owner.tenant_id]).await.expect("closed");
        Self { owner, admin, member }
    }

    pub fn all(&self) -> [(&'static str, &Person); 3] {
        [("owner", &self.owner), ("admin", &self.admin), ("member", &self.member)]
    }
}

/// Directly in the database. The application may cache the old role for another second.
pub async fn set_role(tenant_id: i64, user_id: i64, role: &str) {
    let statement = "UPDATE shared.users SET role = $3 WHERE tenant_id = $1 AND id = $2";
    let changed = database::admin().await.execute(statement, &[&tenant_id, &user_id, &role]).await;
    assert_eq!(changed.expect("a role"), 1);
}

/// A member without a usable password.
pub async fn member_without_login(tenant_id: i64, role: &str) -> i64 {
    let name = super::unique("silent");
    let statement = "INSERT INTO shared.users (tenant_id, username, username_key, password, role) \
        VALUES ($1, $2, $2, 'none', $3) RETURNING id";
    let row = database::admin().await.query_one(statement, &[&tenant_id, &name, &role]).await;
    row.expect("a member").get(0)
}

pub async fn role_of(tenant_id: i64, user_id: i64) -> Option<String> {
    let statement = "SELECT role FROM shared.users WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL";
    let row = database::admin().await.query_opt(statement, &[&tenant_id, &user_id]).await;
    row.expect("a look").map(|row| row.get(0))
}

pub async fn owners_of(tenant_id: i64) -> i64 {
    let statement =
        "SELECT count(*) FROM shared.users WHERE tenant_id = $1 AND role = 'owner' AND removed_at IS NULL";
    database::number(statement, &[&tenant_id]).await
}

pub async fn invitation(script: &Script, role: &str, uses: i64) -> String {
    let body = serde_json::json!({"role": role, "uses": uses});
    let made = script.post("/api/invitations", &body).await.expect(201).json();
    made["token"].as_str().expect("a token").to_owned()
}

/// Waits until the count has this value, since a message is processed after the answer.
pub async fn wait_for_count(
    statement: &str,
    values: &[&(dyn tokio_postgres::types::ToSql + Sync)],
    expected_count: i64,
) {
    retry_until_ok(async || {
        let seen = database::number(statement, values).await;
        if seen == expected_count {
            Ok(())
        } else {
            Err(format!("{statement}: {seen} and not {expected_count}"))
        }
    })
    .await;
}
