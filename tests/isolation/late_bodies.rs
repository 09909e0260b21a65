//! Rights are those of the moment at which a request has arrived whole: a body that is held back keeps no
//! right alive.

use serde_json::{Value, json};

use crate::support::raw_http::{self, UnfinishedRequest};
use crate::support::sharing::until_delivered;
use crate::support::team::{owners_of, role_of, set_role};
use crate::support::{App, Browser, Call, Person, Script, database, eventually, spawn_app, unique};

async fn begin_json(app: &App, script: &Script, line: &str, body: &Value) -> UnfinishedRequest {
    let headers = format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", script.token);
    UnfinishedRequest::begin(app, line, &headers, body.to_string().as_bytes()).await
}

async fn begin_form(app: &App, browser: &Browser, line: &str, fields: &[(&str, &str)]) -> UnfinishedRequest {
    let cookies = browser.cookie_header();
    let headers = format!("Cookie: {cookies}\r\nContent-Type: application/x-www-form-urlencoded\r\n");
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    UnfinishedRequest::begin(app, line, &headers, body.as_bytes()).await
}

/// A second owner of the tenant.
async fn second_owner(app: &App, first: &Person) -> Person {
    let second = first.colleague(app).await;
    set_role(first.tenant_id, second.user_id, "owner").await;
    second
}

#[tokio::test]
async fn a_body_that_arrives_after_the_removal_of_its_sender_changes_nothing() {
    let app = spawn_app().await;
    let first = Person::founder(&app).await;
    let second = second_owner(&app, &first).await;
    let owner = first.script(&app).await;
    let (script, browser) = (second.script(&app).await, second.browser(&app).await);
    let shared = owner.note("as it was").await;
    owner.share(first.tenant_id, shared, json!([second.user_id]), "edit").await;
    let new_name = unique("Renamed ");
    let settings = [("name", new_name.as_str()), ("join_policy", "open")];
    let confirmed = [("confirmation", first.tenant_name.as_str())];
    let note = json!({"content": "a late note"});
    let edit = json!({"content": "a late edit", "version": 1});
    let member = format!("PATCH /api/members/{}", first.user_id);
    let late = [
        (401, begin_json(&app, &script, "POST /api/notes", &note).await),
        (401, begin_json(&app, &script, &format!("PUT /api/notes/{shared}"), &edit).await),
        (401, begin_json(&app, &script, "POST /api/invitations", &json!({"role": "owner"})).await),
        (401, begin_json(&app, &script, &member, &json!({"role": "member"})).await),
        (401, begin_form(&app, &browser, "POST /organization", &settings).await),
        (401, begin_form(&app, &browser, "POST /organization/deletion", &confirmed).await),
        (401, begin_form(&app, &browser, "POST /notes", &[("content", "a late page's note")]).await),
    ];
    // By then the guard has let all of them in.
    database::wait_for_session_cache_expiry().await;
    owner.delete(&format!("/api/members/{}", second.user_id)).await.expect(204);
    script.get("/api/me").await.expect_problem(401);
    until_delivered(first.tenant_id).await;
    let before = database::tenant_checksum(first.tenant_id).await;
    for (expected, request) in late {
        let answer = request.finish().await;
        assert_eq!(raw_http::status(&answer), expected, "{answer}");
    }
    assert_eq!(database::tenant_checksum(first.tenant_id).await, before);
    assert_eq!(owners_of(first.tenant_id).await, 1);
}

#[tokio::test]
async fn a_text_that_arrives_after_the_end_of_its_session_comes_back_with_the_login() {
    let app = spawn_app().await;
    for ending in ["logout", "revocation", "new password"] {
        let person = Person::founder(&app).await;
        let (browser, elsewhere) = (person.browser(&app).await, person.browser(&app).await);
        let script = person.script(&app).await;
        let note = browser.note("as it was").await;
        let late = browser.copy();
        let edit = [("content", "typed & late"), ("version", "1")];
        let line = format!("POST /notes/{note}");
        let requests = [
            begin_form(&app, &late, "POST /notes", &[("content", "typed & late")]).await,
            begin_form(&app, &late, &line, &edit).await,
        ];
        let by_script = begin_json(&app, &script, "POST /api/notes", &json!({"content": "late"})).await;
        database::wait_for_session_cache_expiry().await;
        match ending {
            "logout" => {
                browser.post("/logout", &[]).await.expect(303);
                script.post("/api/logout", &json!({})).await.expect(204);
            }
            "revocation" => {
                elsewhere.post("/account/sessions/revocation", &[]).await.expect(303);
            }
            _ => {
                let fields = [("current_password", person.password.as_str()), ("password", "a new password")];
                elsewhere.post_retrying("/account/password", &fields).await.expect(303);
            }
        }
        for request in requests {
            let answer = request.finish().await;
            assert_eq!(raw_http::status(&answer), 401, "{ending}: {answer}");
            assert!(answer.contains("typed &amp; late") || answer.contains("typed &#38; late"), "{answer}");
        }
        let answer = by_script.finish().await;
        assert_eq!(raw_http::status(&answer), 401, "{ending}: {answer}");
        assert_eq!(database::note_count(person.tenant_id).await, 1, "{ending}");
    }
}

#[tokio::test]
async fn a_body_that_arrives_after_a_demotion_has_the_rights_of_the_new_role() {
    let app = spawn_app().await;
    let first = Person::founder(&app).await;
    let second = second_owner(&app, &first).await;
    let owner = first.script(&app).await;
    let (script, browser) = (second.script(&app).await, second.browser(&app).await);
    let settings = [("name", "Renamed late"), ("join_policy", "open")];
    let invitation = json!({"role": "member"});
    let late = [
        (403, begin_form(&app, &browser, "POST /organization", &settings).await),
        (403, begin_json(&app, &script, "POST /api/invitations", &invitation).await),
        // A member writes notes, too.
        (303, begin_form(&app, &browser, "POST /notes", &[("content", "a late note")]).await),
    ];
    database::wait_for_session_cache_expiry().await;
    let path = format!("/api/members/{}", second.user_id);
    owner.patch(&path, &json!({"role": "member"})).await.expect(200);
    for (expected, request) in late {
        let answer = request.finish().await;
        assert_eq!(raw_http::status(&answer), expected, "{answer}");
    }
    let renamed = "SELECT count(*) FROM shared.tenants WHERE id = $1 AND name = 'Renamed late'";
    assert_eq!(database::number(renamed, &[&first.tenant_id]).await, 0);
    assert_eq!(database::note_count(first.tenant_id).await, 1);
}

/// Another process demoted the owner: this one may know the old role for another second.
#[tokio::test]
async fn a_role_that_another_process_took_away_changes_no_organization_from_then_on() {
    let app = spawn_app().await;
    let first = Person::founder(&app).await;
    let second = second_owner(&app, &first).await;
    let (script, browser) = (second.script(&app).await, second.browser(&app).await);
    let settings = [("name", first.tenant_name.as_str()), ("join_policy", "open")];
    let confirmed = [("confirmation", first.tenant_name.as_str())];
    let forms: [(&str, &[(&str, &str)]); 3] = [
        ("/organization", &settings),
        ("/organization/deletion", &confirmed),
        ("/organization/restoration", &[]),
    ];
    for (path, fields) in forms {
        set_role(first.tenant_id, second.user_id, "owner").await;
        eventually("the owner is one", async || browser.get("/organization").await.status == 200).await;
        if path == "/organization/restoration" {
            first.browser(&app).await.post("/organization/deletion", &confirmed).await.expect(303);
            browser.get("/organization").await.expect(200);
        }
        let before = database::tenant_checksum(first.tenant_id).await;
        set_role(first.tenant_id, second.user_id, "member").await;
        let answer = browser.post(path, fields).await.expect(403);
        assert!(answer.text().contains("This is for the owners of the organization."), "{path}");
        set_role(first.tenant_id, second.user_id, "owner").await;
        assert_eq!(database::tenant_checksum(first.tenant_id).await, before, "{path}");
    }
    eventually("the owner is one", async || browser.get("/organization").await.status == 200).await;
    script.get("/api/invitations").await.expect(200);
    set_role(first.tenant_id, second.user_id, "member").await;
    script.post("/api/invitations", &json!({"role": "owner"})).await.expect_problem(403);
    let open = "SELECT count(*) FROM invitations WHERE tenant_id = $1 AND revoked_at IS NULL";
    assert_eq!(database::number(open, &[&first.tenant_id]).await, 0);
    assert_eq!(role_of(first.tenant_id, second.user_id).await.as_deref(), Some("member"));
    app.answer(Call::new("GET", "/livez")).await.expect(200);
}
