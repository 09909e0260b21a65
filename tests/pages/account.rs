//! The account page: changing the password, listing and ending sessions.

use crate::support::{Answer, Browser, Page, Person, database, spawn_app};

async fn change_password(browser: &Browser, current: &str, new: &str) -> Answer {
    browser.post_retrying("/account/password", &[("current_password", current), ("password", new)]).await
}

#[tokio::test]
async fn changing_the_password_ends_all_other_sessions() {
    let app = spawn_app().await;
    let mut person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let copy = browser.copy();
    let elsewhere = person.browser(&app).await;
    let script = person.script(&app).await;
    change_password(&browser, &person.password, "a new password").await.expect_see_other("/account");
    assert!(browser.is_logged_in().await);
    assert!(!copy.is_logged_in().await, "the old cookie of this browser still works");
    assert!(!elsewhere.is_logged_in().await);
    script.get("/api/me").await.expect_problem(401);
    let old = Browser::new(&app);
    let answer = old.post("/login", &person.credentials()).await;
    assert!(matches!(answer.status, 401 | 503), "{}", answer.status);
    person.password = "a new password".to_owned();
    person.browser(&app).await;
}

#[tokio::test]
async fn changing_the_password_requires_the_current_and_a_strong_one() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let before = database::tenant_checksum(person.tenant_id).await;
    for (current, new, field) in [
        ("wrong password", "a new password", "current_password"),
        ("", "a new password", "current_password"),
        (person.password.as_str(), "short", "password"),
        (person.password.as_str(), "password", "password"),
    ] {
        let answer = change_password(&browser, current, new).await.expect(422);
        Page::parse(&answer.text()).field_error(field);
    }
    assert_eq!(database::tenant_checksum(person.tenant_id).await, before);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let elsewhere = person.browser(&app).await;
    let script = person.script(&app).await;
    let page = browser.page("/account").await;
    let revocations = |page: &Page| -> Vec<String> {
        page.all("form[action^='/account/sessions/']")
            .iter()
            .filter_map(|form| form.value().attr("action").map(str::to_owned))
            .filter(|action| action != "/account/sessions/revocation")
            .collect()
    };
    let listed = revocations(&page);
    assert!(listed.len() >= 2, "{listed:?}");
    let ended = id_of(&person, "script").await;
    browser.post(&format!("/account/sessions/{ended}/revocation"), &[]).await.expect_see_other("/account");
    script.get("/api/me").await.expect_problem(401);
    assert!(elsewhere.is_logged_in().await);
    browser.post("/account/sessions/revocation", &[]).await.expect_see_other("/account");
    assert!(!elsewhere.is_logged_in().await);
    assert!(browser.is_logged_in().await);
}

async fn id_of(person: &Person, kind: &str) -> i64 {
    let statement = "SELECT id FROM sessions WHERE tenant_id = $1 AND kind = $2 AND user_id = $3";
    let row =
        database::admin().await.query_one(statement, &[&person.tenant_id, &kind, &person.user_id]).await;
    row.expect("a session").get(0)
}

#[tokio::test]
async fn ending_another_users_session_is_404() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let colleague = person.colleague(&app).await;
    let stranger = Person::founder(&app).await;
    let script = person.script(&app).await;
    let id = id_of(&person, "script").await;
    for intruder in [&colleague, &stranger] {
        let browser = intruder.browser(&app).await;
        let path = format!("/account/sessions/{id}/revocation");
        let foreign = browser.post(&path, &[]).await.expect(404);
        let unused = browser.post("/account/sessions/39999999999/revocation", &[]).await.expect(404);
        assert_eq!(foreign.without_request_id(), unused.without_request_id());
        browser.post("/account/sessions/revocation", &[]).await.expect(303);
    }
    script.get("/api/me").await.expect(200);
}

#[tokio::test]
async fn the_account_page_shows_the_user_and_no_hash() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let answer = browser.get("/account").await.expect(200);
    let text = Page::parse(&answer.text()).text();
    for known in [&person.username, &person.email, &person.tenant_name] {
        assert!(text.contains(known.as_str()), "{known} is missing");
    }
    assert!(!answer.text().contains("$2b$"));
    assert!(!answer.text().contains("ph_"));
}
