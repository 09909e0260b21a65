//! Every tenant statement of the store touches one shard.

use pigeonhole::store::tenant_statements;
use tokio_postgres::types::Type;

use crate::support::database::admin;
use crate::support::{environment, spawn_app};

/// A literal for each parameter. The first is always the tenant.
fn literals(sql: &str, types: &[Type]) -> Vec<&'static str> {
    let literal = |(index, kind): (usize, &Type)| match *kind {
        Type::INT8 => "7::bigint",
        Type::INT4 => "1::integer",
        Type::BOOL => "true",
        Type::BYTEA => "'\\x78'::bytea",
        Type::TIMESTAMPTZ => "now()",
        Type::BYTEA_ARRAY => "'{\\\\x00}'::bytea[]",
        Type::INT8_ARRAY => "'{1,2}'::bigint[]",
        _ if sql.contains(&format!("${}::text::interval", index + 1)) => "'1 hour'",
        _ => "'x'::text",
    };
    types.iter().enumerate().map(literal).collect()
}

/// The statement with literals in place of its parameters.
fn with_literals(sql: &str, literals: &[&str]) -> String {
    let numbered = literals.iter().enumerate().rev();
    numbered.fold(sql.to_owned(), |text, (index, literal)| text.replace(&format!("${}", index + 1), literal))
}

/// What an INSERT of one row gives the column `tenant_id`.
fn tenant_value(sql: &str) -> Option<&str> {
    let (columns, rest) = sql.strip_prefix("INSERT INTO ")?.split_once('(')?.1.split_once(')')?;
    let column = columns.split(", ").position(|column| column == "tenant_id")?;
    rest.trim_start().strip_prefix("VALUES (")?.split(", ").nth(column)
}

/// The plan or the error, unless the plan is one task.
async fn multi_shard_plan(client: &tokio_postgres::Client, explained: &str) -> Option<String> {
    client.batch_execute("SAVEPOINT before").await.expect("a savepoint");
    let shown = match client.query(&format!("EXPLAIN (COSTS off) {explained}"), &[]).await {
        Ok(rows) => rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n"),
        Err(error) => format!("{error:?}"),
    };
    client.batch_execute("ROLLBACK TO before").await.expect("the state before");
    (!shown.contains("Task Count: 1")).then_some(shown)
}

#[tokio::test]
async fn every_statement_for_a_tenant_touches_one_shard() {
    if !environment::on_citus() {
        environment::skipped("there is no Citus");
        return;
    }
    spawn_app().await;
    let client = admin().await;
    // Some statements call currval, which needs a nextval in the same session.
    client
        .batch_execute(
            "SELECT nextval('notes_id_seq'), nextval('outbox_id_seq'), nextval('invitations_id_seq')",
        )
        .await
        .expect("a number");
    let setting = "SET ROLE pigeonhole_app; SET citus.propagate_set_commands = 'local'; SET \
        citus.multi_task_query_log_level = 'error'; \
                   BEGIN; SET LOCAL app.tenant_id = '7'";
    client.batch_execute(setting).await.expect("the application's role");
    let statements = tenant_statements();
    assert!(statements.len() > 20, "only {} statements are listed", statements.len());
    let mut faults = Vec::new();
    for sql in statements {
        let inserts = tenant_value(sql) == Some("$1");
        let of_the_tenant_itself = sql.contains("shared.tenants") && sql.contains("WHERE id = $1");
        assert!(sql.contains("tenant_id = $1") || inserts || of_the_tenant_itself, "{sql}");
        let prepared = client.prepare(sql).await.expect(sql);
        let values = literals(sql, prepared.params());
        let mut shown = multi_shard_plan(&client, &with_literals(sql, &values)).await;
        // PostgreSQL may switch to a generic plan at the sixth execution. That plan must not query all shards
        // either.
        client.batch_execute(&format!("PREPARE again AS {sql}")).await.expect(sql);
        for _ in 0..8 {
            shown =
                shown.or(multi_shard_plan(&client, &format!("EXECUTE again ({})", values.join(", "))).await);
        }
        client.batch_execute("DEALLOCATE again").await.expect("the end of it");
        faults.extend(shown.map(|shown| format!("{sql}\n{shown}")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}
