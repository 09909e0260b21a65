//! Limits as operators see and set them: in the console and on the command line.

use serde_json::json;

use super::usage;
use crate::support::server::ServerBuilder;
use crate::support::{Call, Page, Person, database, run_blocking, spawn_app, spawn_console};

async fn limits(arguments: &[&str]) -> crate::support::command::CommandOutput {
    let builder = ServerBuilder::new().arguments(arguments);
    run_blocking(move || builder.run("limits")).await
}

/// The latest event about a tenant's limits.
async fn latest_event(tenant_id: i64) -> (String, String, String) {
    let statement = "SELECT who, detail, outcome FROM operator.events WHERE command = 'limits set' \
        AND detail LIKE $1 ORDER BY id DESC LIMIT 1";
    let row = database::admin().await.query_one(statement, &[&format!("tenant {tenant_id}:%")]).await;
    let row = row.expect("an event");
    (row.get(0), row.get(1), row.get(2))
}

#[tokio::test]
async fn the_command_line_shows_and_sets_the_limits_of_one_tenant() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let other = Person::founder(&app).await.script(&app).await;
    let script = person.script(&app).await;
    script.note("one").await;
    let tenant = person.tenant_id.to_string();
    let shown = limits(&["show", "--tenant", &tenant]).await;
    assert_eq!(shown.code, Some(0), "{}", shown.output);
    assert!(shown.output.contains("1 used, 1000000 allowed (by the settings)"), "{}", shown.output);

    let set = limits(&["set", "--tenant", &tenant, "notes=1", "bytes=3Gi", "members=none"]).await;
    assert_eq!(set.code, Some(0), "{}", set.output);
    assert!(set.output.contains("1 used, 1 allowed (set for this tenant)"), "{}", set.output);
    script.post("/api/notes", &json!({"content": "two"})).await.expect_field_problem(422, "notes");
    let seen = usage(&script).await;
    assert_eq!(seen["organization"]["bytes"]["limit"], 3_i64 << 30);
    assert_eq!(seen["organization"]["members"]["limit"], json!(null));
    other.note("another tenant is not concerned").await;
    let (_, detail, outcome) = latest_event(person.tenant_id).await;
    assert!(detail.ends_with("members=none, notes=1, bytes=3221225472") && outcome == "done", "{detail}");

    let set = limits(&["set", "--tenant", &tenant, "notes=default"]).await;
    assert_eq!(set.code, Some(0), "{}", set.output);
    script.note("two").await;
    let json = limits(&["show", "--tenant", &tenant, "--json"]).await;
    let start = json.output.find('{').expect("JSON");
    let shown: serde_json::Value = serde_json::from_str(json.output[start..].trim()).expect("JSON");
    assert_eq!(shown["limits"][1]["used"], 2, "{shown}");

    for (arguments, sentence) in [
        (&["set", "--tenant", &tenant, "pages=7"] as &[&str], "there is no limit pages"),
        (&["set", "--tenant", &tenant, "notes=many"], "notes must be a number"),
        (&["set", "--tenant", "999999999", "notes=1"], "there is no tenant 999999999"),
        (&["show", "--tenant", "999999999"], "there is no tenant 999999999"),
    ] {
        let refused = limits(arguments).await;
        assert!(refused.code != Some(0) && refused.output.contains(sentence), "{}", refused.output);
    }
}

#[tokio::test]
async fn the_console_shows_the_limits_asks_before_it_sets_them_and_records_who_did() {
    let (app, console) = (spawn_app().await, spawn_console().await);
    let person = Person::founder(&app).await;
    let script = person.script(&app).await;
    script.note("one").await;
    let path = format!("/tenants/limits/new?tenant={}", person.tenant_id);
    let page = Page::parse(&console.get(&path).await.expect(200).text());
    assert!(page.text().contains(&person.tenant_name) && page.text().contains("1000000"), "{}", page.text());

    let wrong = console.get(&format!("{path}&review=1&notes=many")).await.expect(200).text();
    assert!(wrong.contains("must be a number") && !wrong.contains("Set these limits"), "{wrong}");
    let review = console.get(&format!("{path}&review=1&notes=1&bytes=none&members=0")).await.expect(200);
    let page = Page::parse(&review.text());
    assert!(page.text().contains("Notes: 1 in place of 1000000."), "{}", page.text());
    assert!(page.text().contains("Bytes of text: no limit in place of 2147483648."), "{}", page.text());
    script.note("two").await;

    let form = page.form("/tenants/limits");
    let fields = crate::support::html::as_pairs(&form);
    let answer = console.post_form("/tenants/limits", &fields).await.expect(303);
    let done = console.get(answer.location()).await.expect(200).text();
    assert!(done.contains(&format!("The limits of tenant {} are set.", person.tenant_id)), "{done}");
    script.post("/api/notes", &json!({"content": "three"})).await.expect_field_problem(422, "notes");
    let (who, detail, outcome) = latest_event(person.tenant_id).await;
    assert!(who.starts_with("console, 127.0.0.1") && outcome == "done", "{who}");
    assert!(detail.ends_with("members=none, notes=1, bytes=none"), "{detail}");

    let over = console.get(&format!("{path}&review=1&notes=1&bytes=300")).await.expect(200).text();
    assert!(over.contains("The tenant uses more now"), "{over}");
    console.get("/tenants/limits/new?tenant=999999999").await.expect(404);
    let elsewhere = Call::new("POST", "/tenants/limits").header("origin", "https://elsewhere.example");
    console.answer(elsewhere.form(&fields)).await.expect(403);
}

#[tokio::test]
async fn the_roles_of_requests_cannot_change_a_limit() {
    spawn_app().await;
    for role in database::APPLICATION_ROLES {
        let client = database::admin().await;
        client.batch_execute(&format!("SET ROLE {role}; SET app.tenant_id = '1'")).await.expect("the role");
        for statement in [
            "INSERT INTO tenant_limits (tenant_id, notes_in_all) VALUES (1, 0)",
            "UPDATE tenant_limits SET notes_in_all = 0 WHERE tenant_id = 1",
        ] {
            let error = client.batch_execute(statement).await.expect_err(statement);
            assert_eq!(error.code().map(|code| code.code()), Some("42501"), "{role}: {statement}: {error:?}");
        }
    }
}
