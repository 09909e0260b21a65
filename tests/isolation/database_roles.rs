//! The database roles of the application and what each may do.

use tokio_postgres::Client;

use crate::support::{database, spawn_app};

pub async fn as_role(role: &str) -> Client {
    spawn_app().await;
    let client = database::admin().await;
    client.batch_execute(&format!("SET ROLE {role}")).await.expect("the role");
    client
}

#[tokio::test]
async fn no_role_of_the_application_owns_anything_or_bypasses_policies() {
    spawn_app().await;
    let client = database::admin().await;
    for role in database::APPLICATION_ROLES {
        let row = client
            .query_one(
                "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, \
                 (SELECT count(*) FROM pg_class WHERE relowner = r.oid), \
                 pg_has_role(r.oid, 'pigeonhole_owner', 'MEMBER') \
                 FROM pg_roles r WHERE rolname = $1",
                &[&role],
            )
            .await
            .unwrap_or_else(|error| panic!("{role}: {error:?}"));
        for (place, what) in
            [(0, "superuser"), (1, "bypasses policies"), (2, "makes roles"), (3, "makes databases")]
        {
            assert!(!row.get::<_, bool>(place), "{role}: {what}");
        }
        assert_eq!(row.get::<_, i64>(4), 0, "{role} owns a relation");
        assert!(!row.get::<_, bool>(5), "{role} is the owner");
    }
}

#[tokio::test]
async fn the_application_role_may_not_truncate_tables() {
    let app = spawn_app().await;
    app.get("/readyz").await.expect(200);
    let client = database::admin().await;
    let rows = client
        .query(
            "SELECT has_table_privilege('pigeonhole_app', c.oid, 'TRUNCATE'), c.relname::text \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'p') AND n.nspname IN ('public', 'shared')",
            &[],
        )
        .await
        .expect("tables");
    assert!(rows.len() >= 6);
    for row in rows {
        assert!(!row.get::<_, bool>(0), "{} can be truncated", row.get::<_, String>(1));
    }
}

#[tokio::test]
async fn the_application_role_may_not_change_the_schema() {
    let client = as_role("pigeonhole_app").await;
    for statement in [
        "CREATE TABLE mine (id int)",
        "CREATE TABLE shared.mine (id int)",
        "CREATE SCHEMA mine",
        "ALTER TABLE notes ADD COLUMN mine int",
        "ALTER TABLE notes DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant_only ON notes",
        "CREATE POLICY mine ON notes USING (true)",
        "DROP TABLE notes",
        "TRUNCATE notes",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER ROLE pigeonhole_app BYPASSRLS",
        "GRANT pigeonhole_owner TO pigeonhole_app",
        "COPY notes TO PROGRAM 'true'",
        "COPY notes TO '/tmp/never'",
    ] {
        let error = client.batch_execute(statement).await.expect_err(statement);
        let code = error.code().expect("a refusal of the database").code();
        assert!(["42501", "0A000"].contains(&code), "{statement}: {error:?}");
    }
}

#[tokio::test]
async fn every_application_role_reads_and_writes_only_what_it_needs() {
    for (role, statements) in [
        (
            "pigeonhole_login",
            vec![
                "SELECT * FROM import_leases",
                "SELECT password FROM shared.users",
                "SELECT * FROM notes",
                "SELECT * FROM sessions",
                "DELETE FROM logins",
                "UPDATE shared.tenants SET join_policy = 'open'",
            ],
        ),
        (
            "pigeonhole_signup",
            vec![
                "SELECT * FROM import_leases",
                "SELECT password FROM shared.users",
                "SELECT username FROM shared.users",
                "SELECT * FROM logins",
                "SELECT * FROM notes",
                "SELECT * FROM sessions",
                "UPDATE shared.users SET role = 'owner'",
                "UPDATE shared.tenants SET join_policy = 'open'",
                "DELETE FROM shared.tenants",
            ],
        ),
        (
            "pigeonhole_maintenance",
            vec![
                "SELECT * FROM import_leases",
                "SELECT * FROM notes",
                "SELECT * FROM shared.users",
                "SELECT name FROM shared.tenants",
                "UPDATE logins SET user_id = 1",
                "UPDATE sessions SET expires_at = now()",
            ],
        ),
        (
            "pigeonhole_relay",
            vec![
                "SELECT * FROM import_leases",
                "SELECT payload FROM outbox",
                "UPDATE outbox SET due_at = now()",
                "SELECT * FROM notes",
                "SELECT name FROM shared.tenants",
            ],
        ),
        (
            "pigeonhole_backlog",
            vec![
                "SELECT * FROM import_leases",
                "SELECT payload FROM outbox",
                "INSERT INTO outbox (tenant_id, route, user_id) VALUES (1, 'insert_to_shared', 1)",
                "UPDATE outbox SET payload = '{}'",
                "UPDATE outbox SET acknowledged_at = now()",
                "UPDATE outbox SET user_id = 1",
                "TRUNCATE outbox",
                "SELECT * FROM notes",
                "SELECT * FROM sessions",
                "SELECT * FROM shared_notes",
                "SELECT id FROM shared.tenants",
                "SELECT id FROM shared.users",
                "SELECT who FROM operator.events",
                "UPDATE operator.events SET who = ''",
                "DELETE FROM operator.events",
            ],
        ),
        ("pigeonhole_app", vec!["SELECT * FROM logins", "DELETE FROM notes", "DELETE FROM shared.users"]),
    ] {
        let client = as_role(role).await;
        client.batch_execute("SET app.tenant_id = '1'").await.expect("a tenant");
        for statement in statements {
            let error = client.batch_execute(statement).await.expect_err(statement);
            let code = error.code().expect("a refusal of the database").code();
            assert_eq!(code, "42501", "{role}: {statement}: {error:?}");
        }
    }
}
