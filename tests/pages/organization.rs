//! Settings and deletion of a tenant.

use crate::support::server::ServerBuilder;
use crate::support::team::wait_for_count;
use crate::support::{App, Browser, Call, Page, Person, Team, database, spawn_app, unique};

#[tokio::test]
async fn only_owners_see_and_change_settings() {
    let app = spawn_app().await;
    let team = Team::create(&app).await;
    let before = database::tenant_checksum(team.owner.tenant_id).await;
    for person in [&team.admin, &team.member] {
        let browser = person.browser(&app).await;
        browser.get("/organization").await.expect(403);
        for (path, fields) in [
            ("/organization", [("name", "Mine"), ("join_policy", "open")]),
            ("/organization/deletion", [("confirmation", team.owner.tenant_name.as_str()), ("x", "")]),
            ("/organization/restoration", [("x", ""), ("y", "")]),
        ] {
            browser.post(path, &fields).await.expect(403);
        }
    }
    let sessions_aside =
        |tenant_checksum: String| tenant_checksum.split('/').take(2).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(sessions_aside(database::tenant_checksum(team.owner.tenant_id).await), sessions_aside(before));
}

#[tokio::test]
async fn a_new_tenant_name_applies_at_once_and_a_taken_one_is_409() {
    let app = spawn_app().await;
    let (owner, other) = (Person::founder(&app).await, Person::founder(&app).await);
    let browser = owner.browser(&app).await;
    let taken = other.tenant_name.to_uppercase();
    let refused =
        browser.post("/organization", &[("name", &taken), ("join_policy", "invite")]).await.expect(409);
    let refused = Page::parse(&refused.text());
    refused.field_error("name");
    assert_eq!(refused.value("name"), taken);
    let refused =
        browser.post("/organization", &[("name", " "), ("join_policy", "invite")]).await.expect(422);
    Page::parse(&refused.text()).field_error("name");
    browser.post("/organization", &[("name", "Fine"), ("join_policy", "everybody")]).await.expect(422);
    let name = unique("Renamed ");
    browser
        .post("/organization", &[("name", &name), ("join_policy", "open")])
        .await
        .expect_see_other("/organization");
    assert!(browser.page("/account").await.text().contains(&name));
    let renamed = Person { tenant_name: name, ..owner.clone() };
    renamed.browser(&app).await;
    // The old name can be used again, and the renamed tenant can be joined.
    let body = serde_json::json!({"username": unique("user"), "password": "testpass",
        "tenant_name": owner.tenant_name});
    let created =
        app.answer_retrying(Call::new("POST", "/api/register").json(&body)).await.expect(201).json();
    assert_ne!(created["tenant_id"], owner.tenant_id);
    let body = serde_json::json!({"username": unique("user"), "password": "testpass",
        "tenant_name": renamed.tenant_name});
    let joined = app.answer_retrying(Call::new("POST", "/api/register").json(&body)).await.expect(201).json();
    assert_eq!(joined["tenant_id"], owner.tenant_id);
}

#[tokio::test]
async fn deleting_a_tenant_needs_its_name_is_announced_and_can_be_cancelled() {
    let app = spawn_app().await;
    let team = Team::create(&app).await;
    let (owner, member) = (team.owner.browser(&app).await, team.member.browser(&app).await);
    for wrong in ["", "another name"] {
        let refused = owner.post("/organization/deletion", &[("confirmation", wrong)]).await.expect(422);
        Page::parse(&refused.text()).field_error("confirmation");
    }
    let typed = format!(" {} ", team.owner.tenant_name.to_lowercase());
    owner.post("/organization/deletion", &[("confirmation", &typed)]).await.expect_see_other("/organization");
    let days =
        "SELECT (extract(epoch FROM delete_after - now()) / 86400)::bigint FROM shared.tenants WHERE id = $1";
    assert_eq!(database::number(days, &[&team.owner.tenant_id]).await, 7);
    for browser in [&owner, &member] {
        for path in ["/dashboard", "/notes", "/members"] {
            assert!(browser.page(path).await.text().contains("everything in it is removed after"), "{path}");
        }
    }
    member.note("work goes on").await;
    owner.post("/organization/restoration", &[]).await.expect_see_other("/organization");
    assert!(!member.page("/dashboard").await.text().contains("everything in it is removed after"));
    assert_eq!(
        database::number(
            "SELECT count(*) FROM shared.tenants WHERE id = $1 AND delete_after IS NULL",
            &[&team.owner.tenant_id]
        )
        .await,
        1
    );
}

const TABLES: [&str; 11] = [
    "shared.users",
    "import_leases",
    "notes",
    "note_revisions",
    "sessions",
    "invitations",
    "shares",
    "shared_notes",
    "outbox",
    "idempotency_keys",
    "logins",
];

/// A row in every table, and a removed member whose login entries may still exist.
async fn fill_every_table(app: &App, team: &Team) {
    let script = team.owner.script(app).await;
    let note = script.note("first").await;
    script.put(&format!("/api/notes/{note}"), &serde_json::json!({"content": "second"})).await.expect(200);
    script.post("/api/invitations", &serde_json::json!({})).await.expect(201);
    script.delete(&format!("/api/members/{}", team.member.user_id)).await.expect(204);
    let client = database::admin().await;
    let (tenant, owner, admin) = (team.owner.tenant_id, team.owner.user_id, team.admin.user_id);
    for statement in [
        format!(
            "INSERT INTO shares (tenant_id, note_id, audience, access, shared_by) \
             VALUES ({tenant}, {note}, 0, 'read', {owner})"
        ),
        format!(
            "INSERT INTO shared_notes (tenant_id, note_id, recipient_id, access, shared_by) \
             VALUES ({tenant}, {note}, {admin}, 'read', {owner})"
        ),
        format!(
            "INSERT INTO idempotency_keys (tenant_id, user_id, key, request_hash, answer) \
             VALUES ({tenant}, {owner}, 'k', '\\x00', '')"
        ),
        format!(
            "INSERT INTO import_leases (tenant_id, user_id, holder, taken_at, expires_at) \
             VALUES ({tenant}, {owner}, 1, now(), now())"
        ),
        format!(
            "INSERT INTO notes (tenant_id, user_id, content, search_text, search_keys) \
             SELECT {tenant}, {owner}, 'n' || n, '', '{{}}' FROM generate_series(1, 1200) n"
        ),
    ] {
        client.batch_execute(&statement).await.expect(&statement);
    }
}

#[tokio::test]
async fn an_overdue_tenant_is_removed_completely_and_no_other() {
    let app = spawn_app().await;
    let (team, bystander) = (Team::create(&app).await, Team::create(&app).await);
    fill_every_table(&app, &team).await;
    fill_every_table(&app, &bystander).await;
    let tenant = team.owner.tenant_id;
    let browser: Browser = team.owner.browser(&app).await;
    for table in TABLES {
        let rows =
            database::number(&format!("SELECT count(*) FROM {table} WHERE tenant_id = $1"), &[&tenant]).await;
        assert!(rows > 0, "{table} is empty");
    }
    let before = database::tenant_checksum(bystander.owner.tenant_id).await;
    let client = database::admin().await;
    let end = "UPDATE shared.tenants SET delete_after = now() - interval '1 second' WHERE id = $1";
    client.execute(end, &[&tenant]).await.expect("the end");
    database::wait_for_session_cache_expiry().await;
    assert!(browser.get("/dashboard").await.expect(303).location().starts_with("/login"));
    let body = serde_json::json!({"username": team.owner.username, "password": team.owner.password});
    app.answer_retrying(Call::new("POST", "/api/login").json(&body)).await.expect_problem(401);
    // A server purges overdue tenants when it starts, and every hour.
    let server = ServerBuilder::new().start();
    wait_for_count("SELECT count(*) FROM shared.tenants WHERE id = $1", &[&tenant], 0).await;
    drop(server);
    for table in TABLES {
        let left =
            database::number(&format!("SELECT count(*) FROM {table} WHERE tenant_id = $1"), &[&tenant]).await;
        assert_eq!(left, 0, "{table}");
    }
    assert_eq!(database::tenant_checksum(bystander.owner.tenant_id).await, before);
    app.answer_retrying(Call::new("POST", "/api/login").json(&body)).await.expect_problem(401);
}
