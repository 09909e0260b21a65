//! What is counted is what is there, after every operation.

use futures_util::future::join_all;
use serde_json::json;

use super::usage;
use crate::support::database::{self, OwnDatabase};
use crate::support::server::ServerBuilder;
use crate::support::{App, Call, Person, eventually, run_blocking, spawn_app};

/// Rows of `tenant_usage` of the tenant that differ from what the other tables hold.
const DIFFERENT: &str = "
    WITH texts AS (
        SELECT user_id, deleted_at IS NULL AS in_use,
               256 + coalesce(octet_length(title), 0) + octet_length(content) AS bytes
        FROM notes WHERE tenant_id = $1
        UNION ALL
        SELECT n.user_id, false, 256 + coalesce(octet_length(r.title), 0) + octet_length(r.content)
        FROM note_revisions r JOIN notes n ON n.tenant_id = r.tenant_id AND n.id = r.note_id
        WHERE r.tenant_id = $1 AND n.tenant_id = $1
    ), expected AS (
        SELECT u.id AS user_id, (SELECT count(*) FROM texts t WHERE t.user_id = u.id AND t.in_use) AS notes,
               (SELECT coalesce(sum(t.bytes), 0) FROM texts t WHERE t.user_id = u.id) AS bytes, 0 AS members
        FROM shared.users u WHERE u.tenant_id = $1
        UNION ALL
        SELECT slot, (SELECT count(*) FROM texts t WHERE -1 - t.user_id % 8 = slot AND t.in_use),
               (SELECT coalesce(sum(t.bytes), 0) FROM texts t WHERE -1 - t.user_id % 8 = slot), 0
        FROM generate_series(-8, -1) AS slot
        UNION ALL
        SELECT 0, 0, 0, (SELECT count(*) FROM shared.users u WHERE u.tenant_id = $1 AND u.removed_at IS NULL)
    )
    SELECT format('%s: %s notes, %s bytes, %s members, and not %s, %s, %s', e.user_id, e.notes, e.bytes,
                  e.members, s.note_count, s.bytes, s.members)
    FROM expected e LEFT JOIN (SELECT * FROM tenant_usage WHERE tenant_id = $1) s ON s.user_id = e.user_id
    WHERE (s.note_count, s.bytes, s.members) IS DISTINCT FROM (e.notes, e.bytes::bigint, e.members::bigint)";

/// Checks every row of the tenant's usage.
pub async fn assert_counted(tenant_id: i64) {
    assert_counted_in(&database::admin().await, tenant_id).await;
}

async fn assert_counted_in(client: &tokio_postgres::Client, tenant_id: i64) {
    let rows = client.query(DIFFERENT, &[&tenant_id]).await.expect("a comparison");
    let different: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(different.is_empty(), "{different:?}");
}

#[tokio::test]
async fn every_operation_on_notes_is_counted_once() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    assert_counted(owner.tenant_id).await;
    let colleague = owner.colleague(&app).await;
    let (script, browser) = (owner.script(&app).await, owner.browser(&app).await);
    let note = browser.note("by the form").await;
    for _ in 0..3 {
        let call = Call::new("POST", "/api/notes").header("idempotency-key", "the-same");
        script.answer(call.json(&json!({"content": "once"}))).await.expect(201);
    }
    assert_counted(owner.tenant_id).await;
    assert_eq!(usage(&script).await["person"]["notes"]["used"], 2);

    // Edits of one version at the same time: some merge, some conflict, and each stored text counts.
    let edits = (0..8).map(|number| {
        let body = json!({"content": format!("edit {number}"), "version": 1});
        script.answer(Call::new("PUT", &format!("/api/notes/{note}")).json(&body))
    });
    let answers = join_all(edits).await;
    assert!(answers.iter().any(|answer| answer.status == 200));
    assert_counted(owner.tenant_id).await;

    // Deletions and restorations at the same time, of which one takes effect.
    for _ in 0..3 {
        let path = format!("/api/notes/{note}");
        join_all((0..6).map(|_| script.delete(&path))).await;
        assert_counted(owner.tenant_id).await;
        let restoration = format!("/notes/{note}/restoration");
        join_all((0..6).map(|_| browser.post(&restoration, &[]))).await;
        assert_counted(owner.tenant_id).await;
    }
    colleague.script(&app).await.note("stays when its author leaves").await;
    script.delete(&format!("/api/members/{}", colleague.user_id)).await.expect(204);
    script.delete(&format!("/api/members/{}", colleague.user_id)).await.expect(404);
    assert_counted(owner.tenant_id).await;
    let seen = usage(&script).await;
    assert_eq!(seen["organization"]["members"]["used"], 1, "{seen}");
    assert_eq!(seen["organization"]["notes"]["used"], 3, "{seen}");
}

#[tokio::test]
async fn the_migration_and_a_recount_find_what_is_there() {
    let own = OwnDatabase::create().await;
    let builder = ServerBuilder::new().set("DATABASE_URL", &own.url);
    let server = builder.clone().start_async().await;
    let app = App::of(&server);
    let owner = Person::founder(&app).await;
    let script = owner.script(&app).await;
    let notes = [script.note("one").await, script.note("two").await, script.note("three").await];
    script.put(&format!("/api/notes/{}", notes[0]), &json!({"content": "edited"})).await.expect(200);
    script.delete(&format!("/api/notes/{}", notes[1])).await.expect(204);
    let client = own.client().await;
    assert_counted_in(&client, owner.tenant_id).await;

    let damage = "UPDATE tenant_usage SET note_count = 77, bytes = 1, members = 9 WHERE tenant_id = $1";
    client.execute(damage, &[&owner.tenant_id]).await.expect("damage");
    let tenant = owner.tenant_id.to_string();
    let recount = builder.clone().arguments(&["recount", "--tenant", &tenant]);
    let done = run_blocking(move || recount.run("limits")).await;
    assert_eq!(done.code, Some(0), "{}", done.output);
    assert!(done.output.contains("1 members, 2 notes"), "{}", done.output);
    assert_counted_in(&client, owner.tenant_id).await;

    server.stop_async().await;
    for statement in [
        "DROP TABLE tenant_usage",
        "DROP TABLE tenant_limits",
        "DROP TABLE import_leases",
        "DROP FUNCTION requests.lock_placement",
        "DROP FUNCTION requests.find_notes",
        "DROP FUNCTION requests.compare_notes_by_index",
        "DROP FUNCTION requests.compare_notes",
        "DROP INDEX notes_by_search_keys",
        "DROP INDEX notes_of_author_by_change",
        "DROP INDEX notes_without_search_text",
        "ALTER TABLE notes DROP COLUMN search_text, DROP COLUMN search_keys, ADD COLUMN words tsvector",
        "DELETE FROM refinery_schema_history WHERE version >= 12",
    ] {
        client.batch_execute(statement).await.expect(statement);
    }
    let migrated = run_blocking(move || builder.run("migrate")).await;
    assert_eq!(migrated.code, Some(0), "{}", migrated.output);
    assert_counted_in(&client, owner.tenant_id).await;
}

#[tokio::test]
async fn a_removed_organization_leaves_no_counts_and_no_limits() {
    let own = OwnDatabase::create().await;
    let builder = ServerBuilder::new().set("DATABASE_URL", &own.url);
    let server = builder.clone().start_async().await;
    let app = App::of(&server);
    let (gone, stays) = (Person::founder(&app).await, Person::founder(&app).await);
    gone.script(&app).await.note("to be removed").await;
    server.stop_async().await;
    let client = own.client().await;
    for statement in [
        format!("INSERT INTO tenant_limits (tenant_id, members) VALUES ({}, 5)", gone.tenant_id),
        format!(
            "UPDATE shared.tenants SET delete_after = now() - interval '1 day' WHERE id = {}",
            gone.tenant_id
        ),
    ] {
        client.batch_execute(&statement).await.expect(&statement);
    }
    let _server = builder.start_async().await;
    eventually("the rows are gone", async || {
        let left = "SELECT (SELECT count(*) FROM tenant_usage WHERE tenant_id = $1)
            + (SELECT count(*) FROM tenant_limits WHERE tenant_id = $1)";
        client.query_one(left, &[&gone.tenant_id]).await.expect("a count").get::<_, i64>(0) == 0
    })
    .await;
    assert_counted_in(&client, stays.tenant_id).await;
}
