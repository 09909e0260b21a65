//! `cluster init` and `cluster distribute`.

use super::citus_or_skip;
use super::nodes::{Nodes, number, run_on};
use super::sql_load;
use crate::support::{database::change_roles, eventually};

#[tokio::test]
async fn init_is_idempotent() {
    let nodes = citus_or_skip!();
    nodes.init(&[1, 2]).await.expect(0).says("group 1").says("group 2").says("the cluster is ready");
    nodes.init(&[1, 2]).await.expect(0).says("already a worker");
    assert_eq!(nodes.number("SELECT count(*) FROM pg_dist_node WHERE groupid IN (0, 1, 2)").await, 3);
    assert_eq!(nodes.number("SELECT count(*) FROM operator.node_groups").await, 3);
    assert_eq!(
        nodes
            .number("SELECT count(*) FROM operator.events WHERE command = 'init' AND outcome = 'done'")
            .await,
        1
    );
    assert_eq!(
        nodes.number("SELECT count(*) FROM citus_tables WHERE citus_table_type = 'distributed'").await,
        15
    );
    assert_older_views_work(&nodes).await;
}

/// Views of older releases of Citus exist and do not block an update of the extension.
async fn assert_older_views_work(nodes: &Nodes) {
    let admin = nodes.client(0).await;
    let shards = number(&admin, "SELECT count(*) FROM citus_shards").await;
    assert!(shards > 0, "no shards");
    assert_eq!(number(&admin, "SELECT count(*) FROM citus_stat_shards WHERE shard_size >= 0").await, shards);
    let needs = "SELECT count(*) FROM pg_depend WHERE refobjid = 'pg_catalog.citus_shards'::regclass
        AND deptype = 'n'
                 AND objid <> 'pg_catalog.citus_shards'::regclass AND classid = 'pg_rewrite'::regclass
                 AND objid NOT IN (SELECT oid FROM pg_rewrite
                 WHERE ev_class = 'pg_catalog.citus_shards'::regclass)";
    assert_eq!(number(&admin, needs).await, 0);
    for role in ["pigeonhole_app", "pigeonhole_console"] {
        admin.batch_execute(&format!("SET ROLE {role}")).await.expect("a role");
        for forbidden in ["SELECT FROM citus_stat_shards", "SELECT operator.citus_shards()"] {
            let refused = admin.batch_execute(forbidden).await.expect_err(forbidden);
            assert_eq!(refused.code().map(|code| code.code()), Some("42501"), "{role}: {forbidden}");
        }
    }
}

#[tokio::test]
async fn init_names_a_server_that_does_not_answer() {
    let nodes = citus_or_skip!();
    let words = ["cluster", "init", "--wait", "1", "--workers", "127.0.0.1:9"];
    nodes.run(&words).await.expect(1).says("waiting for 127.0.0.1:9").says("127.0.0.1:9 does not answer");
}

#[tokio::test]
async fn init_check_changes_nothing() {
    let nodes = citus_or_skip!();
    nodes
        .run(&["cluster", "init", "--check", "--workers", &nodes.addresses[1]])
        .await
        .expect(0)
        .says("nothing was changed");
    assert_eq!(nodes.number("SELECT count(*) FROM pg_extension WHERE extname = 'citus'").await, 0);
}

#[tokio::test]
async fn commands_name_the_missing_precondition() {
    let nodes = citus_or_skip!();
    for words in [
        &["cluster", "distribute", "--yes"][..],
        &["cluster", "rebalance", "--yes"],
        &["cluster", "backup-point", "x"],
    ] {
        nodes.run(words).await.expect(1).says("pigeonhole cluster init");
    }
    nodes.init(&[1]).await.expect(0);
    nodes.run(&["cluster", "add-worker", &nodes.addresses[2]]).await.expect(1).says("--yes");
    nodes
        .run(&["cluster", "drain", &nodes.addresses[1], "--yes"])
        .await
        .expect(1)
        .says("no other node takes shards");
    nodes
        .run(&["cluster", "remove-worker", &nodes.addresses[1], "--yes"])
        .await
        .expect(1)
        .says("still holds");
    nodes
        .run(&["cluster", "remove-worker", "127.0.0.1:9", "--yes"])
        .await
        .expect(1)
        .says("not a worker of this cluster");
    nodes.run(&["cluster", "isolate-tenant", "77", "--yes"]).await.expect(1).says("no tenant 77");
    nodes.run(&["cluster", "stop", "--yes"]).await.expect(0).says("no job is running");
    let weak = nodes.url(0).replacen("postgres@", "pigeonhole_app@", 1);
    run_on(&weak, &["cluster", "add-worker", &nodes.addresses[2], "--yes"]).await.expect(1);
    run_on(&nodes.url(1), &["cluster", "rebalance", "--yes"]).await.expect(1).says("name the coordinator");
}

#[tokio::test]
async fn distribute_keeps_every_row_and_policy() {
    let nodes = citus_or_skip!();
    nodes.run(&["migrate"]).await.expect(0);
    let admin = nodes.client(0).await;
    sql_load::create_tenants(&admin, 1000, 50).await;
    let fill = "INSERT INTO notes (tenant_id, user_id, content, search_text, search_keys)
                    SELECT 1000 + i % 50, 500001000 + i % 50, 'before ' || i, '', '{}'
                    FROM generate_series(1, 5000) i;
                INSERT INTO note_revisions SELECT tenant_id, id, 1, NULL, 'older', user_id FROM notes
                WHERE id % 3 = 0;
                INSERT INTO sessions (tenant_id, token_hash, user_id, kind, expires_at)
                    SELECT 1000 + i % 50, decode(md5(i::text), 'hex'), 500001000 + i % 50, 'script', now()
                    + interval '1 day'
                    FROM generate_series(1, 100) i;
                INSERT INTO logins SELECT decode(md5(i::text), 'hex'), 1000 + i, 500001000 + i
                FROM generate_series(0, 49) i";
    admin.batch_execute(fill).await.expect("rows");
    let tables = ["shared.tenants", "shared.users", "notes", "note_revisions", "sessions", "logins"];
    let sum = |table: &str| {
        format!(
            "SELECT coalesce(sum(hashtextextended(t::text, 0)::numeric % 1000000007), 0)::bigint \
             FROM {table} t"
        )
    };
    let mut before = Vec::new();
    for table in tables {
        before.push(number(&admin, &sum(table)).await);
    }
    let keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' \
        AND connamespace IN ('public'::regnamespace, 'shared'::regnamespace)";
    let keys_before = number(&admin, keys).await;

    assert_eq!(number(&admin, "SELECT count(*) FROM pg_class WHERE relname = 'citus_stat_shards'").await, 0);
    nodes.init(&[1, 2]).await.expect(0).says("pigeonhole cluster distribute");
    nodes.run(&["cluster", "status"]).await.expect(1).says("on the coordinator alone");
    nodes.run(&["cluster", "distribute"]).await.expect(1).says("--yes");
    nodes.run(&["cluster", "distribute", "--yes"]).await.expect(0).says("notes: 5000 rows");
    nodes.run(&["cluster", "distribute", "--yes"]).await.expect(0).says("distributed already");

    let admin = nodes.client(0).await;
    for (table, before) in tables.iter().zip(before) {
        assert_eq!(number(&admin, &sum(table)).await, before, "{table}");
    }
    assert_eq!(number(&admin, keys).await, keys_before);
    assert_eq!(
        nodes.number("SELECT sum(pg_relation_size(logicalrelid))::bigint FROM pg_dist_partition").await,
        0
    );
    let kinds = "SELECT count(*) FROM citus_tables WHERE (citus_table_type = 'reference'
        AND table_name = 'shared.tenants'::regclass)
                 OR (distribution_column = 'tenant_id' AND colocation_id = (SELECT colocation_id
                 FROM citus_tables WHERE table_name = 'shared.users'::regclass))
                 OR (distribution_column = 'identifier_hash' AND table_name = 'logins'::regclass)
                 OR (distribution_column = 'key' AND table_name = 'throttles'::regclass)";
    assert_eq!(nodes.number(kinds).await, 16);
    assert_older_views_work(&nodes).await;
    nodes.run(&["cluster", "status"]).await.expect(0);
    nodes.assert_functions_on(1).await;

    // As the application role through a worker: grants and policies are on the shards.
    let mut app = sql_load::application(&nodes.url(1)).await.expect("a connection");
    let transaction = app.transaction().await.expect("a transaction");
    transaction.batch_execute("SET LOCAL app.tenant_id = '1003'").await.expect("a tenant");
    let seen: i64 = transaction.query_one("SELECT count(*) FROM notes", &[]).await.expect("notes").get(0);
    assert_eq!(seen, 100);
    let foreign = "INSERT INTO notes (tenant_id, user_id, content) VALUES (1004, 500001004, 'foreign')";
    let refused = transaction.execute(foreign, &[]).await.expect_err("a refusal");
    assert_eq!(refused.code().map(|code| code.code()), Some("42501"));
}

#[tokio::test]
async fn distribute_waits_for_role_changes_of_another_database() {
    let nodes = citus_or_skip!();
    nodes.run(&["migrate"]).await.expect(0);
    nodes.init(&[1, 2]).await.expect(0).says("pigeonhole cluster distribute");
    // As a migration of another database changes the roles, which belong to the whole server.
    let met = nodes.client_of_postgres(1).await;
    change_roles(&met, "BEGIN; ALTER ROLE pigeonhole_owner CONNECTION LIMIT -1").await;
    let (watcher, worker) = (nodes.client(1).await, nodes.client(2).await);
    let distributed = async {
        nodes.run(&["cluster", "distribute", "--yes"]).await.expect(0).says("notes: 0 rows");
    };
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND wait_event_type = 'Lock'";
    let let_go = async {
        eventually("the distribution waits for the other change", async || number(&watcher, waits).await > 0)
            .await;
        met.batch_execute("COMMIT").await.expect("the change");
    };
    tokio::pin!(distributed);
    tokio::select! {
        () = &mut distributed => panic!("it did not wait for the other change"),
        () = let_go => distributed.await,
    }
    assert_eq!(
        number(&worker, "SELECT count(*) FROM pg_dist_partition WHERE logicalrelid = 'notes'::regclass")
            .await,
        1
    );
}
