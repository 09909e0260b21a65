//! Every tenant statement of the store touches one shard.

use pigeonhole::store::tenant_statements;
use tokio_postgres::types::Type;

use crate::support::database::admin;
use crate::support::{Person, environment, sharing::insert_delivery, spawn_app};

/// A literal for each parameter. The first is always the tenant.
fn literals(sql: &str, types: &[Type]) -> Vec<&'static str> {
    let literal = |(index, kind): (usize, &Type)| match *kind {
        Type::INT8 => "7::bigint",
        Type::INT4_ARRAY => "'{1,2}'::integer[]",
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
        // It names no table of its own; `a_search_through_citus_touches_one_shard` looks at what it does.
        if sql.contains("requests.find_notes(") {
            continue;
        }
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

/// A search for the letters `ompas` in everything, as the program writes it, without keys.
const SEARCH: &str = r#"{"any": [{"keys": [], "title_keys": [], "all": ["ompas"], "none": []}],
    "own": true, "inbox": true, "unread": false, "bin": true, "wanted": 21}"#;

/// The notes that the function behind searches gives to the role of requests.
async fn found(
    client: &tokio_postgres::Client,
    tables: [&str; 2],
    (tenant, person): (i64, i64),
) -> Result<Vec<i64>, tokio_postgres::Error> {
    let rows = client
        .query(
            "SELECT note_id FROM requests.find_notes($1, $2, $3, $4, $5)",
            &[&tables[0], &tables[1], &tenant, &person, &SEARCH.as_bytes()],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// A connection as a request has one, with the setting of one tenant.
async fn as_request_of(tenant: i64) -> tokio_postgres::Client {
    let client = admin().await;
    client
        .batch_execute(&format!(
            "SET ROLE pigeonhole_app; SET citus.propagate_set_commands = 'local'; \
             SET citus.multi_task_query_log_level = 'error'; BEGIN; SET LOCAL app.tenant_id = '{tenant}'"
        ))
        .await
        .expect("the application's role");
    client
}

const TABLES: [&str; 2] = ["notes", "shared_notes"];

#[tokio::test]
async fn a_search_through_citus_touches_one_shard() {
    let app = spawn_app().await;
    let (author, reader) = {
        let author = Person::founder(&app).await;
        let reader = author.colleague(&app).await;
        (author, reader)
    };
    let shared = author.script(&app).await.note("a compass").await;
    insert_delivery(&author, shared, &reader, "read").await;
    let script = reader.script(&app).await;
    let (own, binned) = (script.note("my compass").await, script.note("an old compass").await);
    script.delete(&format!("/api/notes/{binned}")).await.expect(204);
    // On Citus a statement over several shards is an error here.
    let client = as_request_of(reader.tenant_id).await;
    let mut all = found(&client, TABLES, (reader.tenant_id, reader.user_id)).await.expect("a search");
    all.sort_unstable();
    assert_eq!(all, [shared, own, binned]);
}

#[tokio::test]
async fn the_function_behind_searches_knows_only_the_tenant_of_the_request() {
    let app = spawn_app().await;
    let (first, second) = (Person::founder(&app).await, Person::founder(&app).await);
    let note = first.script(&app).await.note("a compass").await;
    let of_first = (first.tenant_id, first.user_id);
    let client = as_request_of(first.tenant_id).await;
    assert_eq!(found(&client, TABLES, of_first).await.expect("a search"), [note]);
    let client = as_request_of(second.tenant_id).await;
    assert!(found(&client, TABLES, of_first).await.expect("a search").is_empty());
    client.batch_execute("COMMIT").await.expect("the end of the request");
    assert!(found(&client, TABLES, of_first).await.expect("a search").is_empty(), "without a tenant");
    let client = as_request_of(first.tenant_id).await;
    for tables in
        [["shared.users", "shared_notes"], ["notes", "pg_authid"], ["notes n, shared_notes", "shared_notes"]]
    {
        client.batch_execute("SAVEPOINT before").await.expect("a savepoint");
        let refused = found(&client, tables, of_first).await.expect_err("other tables");
        assert_eq!(refused.code().map(tokio_postgres::error::SqlState::code), Some("42501"), "{tables:?}");
        client.batch_execute("ROLLBACK TO before").await.expect("the state before");
    }
    // What is searched for is text, whatever it looks like.
    let script = first.script(&app).await;
    for words in ["x') > 0 OR true --", "$sql$; SELECT 1", "%1$s %L", "\\' OR ''='"] {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("q", words).finish();
        let answer = script.get(&format!("/api/search?{query}")).await.expect(200).json();
        assert_eq!(answer["total"], 0, "{words}");
    }
}
