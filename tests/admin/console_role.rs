//! The database role of the console reads the statistics of PostgreSQL and Citus, and no tenant data.

use tokio_postgres::Client;

use crate::support::{database, environment, spawn_app};

const ROLE: &str = "pigeonhole_console";

async fn as_console(url: &str) -> Client {
    let client = database::connect(url).await;
    client.batch_execute(&format!("SET ROLE {ROLE}")).await.expect("the role");
    client
}

#[tokio::test]
async fn the_console_role_is_a_member_of_pg_monitor_only() {
    spawn_app().await;
    let client = database::admin().await;
    let sql = "SELECT array_agg(r.rolname::text) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid
               WHERE m.member = (SELECT oid FROM pg_roles WHERE rolname = $1)";
    let memberships: Vec<String> = client.query_one(sql, &[&ROLE]).await.expect("memberships").get(0);
    assert_eq!(memberships, ["pg_monitor"]);
}

#[tokio::test]
async fn the_console_role_reads_no_tenant_data_on_any_node() {
    spawn_app().await;
    let client = database::admin().await;
    let sql = "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE c.relkind IN ('r', 'p') AND n.nspname IN ('public', 'shared')
               AND c.oid <> 'shared.tenants'::regclass";
    let tables: Vec<String> =
        client.query(sql, &[]).await.expect("tables").iter().map(|row| row.get(0)).collect();
    assert!(tables.len() >= 9, "{tables:?}");
    let console = as_console(&environment::database_url()).await;
    for table in &tables {
        let refused = console.query(&format!("SELECT count(*) FROM {table}"), &[]).await.expect_err(table);
        assert_eq!(
            refused.code().map(tokio_postgres::error::SqlState::code),
            Some("42501"),
            "{table}: {refused:?}"
        );
    }
    console.query("SELECT id, name FROM shared.tenants", &[]).await.expect("the directory of tenants");
    for column in ["join_policy", "name_key", "delete_after"] {
        console.query(&format!("SELECT {column} FROM shared.tenants"), &[]).await.expect_err(column);
    }
    for change in [
        "UPDATE shared.tenants SET name = ''",
        "DELETE FROM operator.events",
        "UPDATE operator.events SET who = ''",
    ] {
        console.batch_execute(change).await.expect_err(change);
    }
    for node in database::server_urls().iter().skip(1) {
        let there = as_console(node).await;
        there.batch_execute("SET citus.override_table_visibility = off").await.expect("a setting");
        let sql = "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind = 'r' \
            AND c.relname ~ '^(notes|sessions|users)_[0-9]+$' LIMIT 6";
        let shards = there.query(sql, &[]).await.expect("shards");
        assert!(!shards.is_empty(), "{node} has no shards");
        for row in shards {
            let shard: String = row.get(0);
            there.query(&format!("SELECT count(*) FROM {shard}"), &[]).await.expect_err(&shard);
        }
    }
}
