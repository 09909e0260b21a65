//! Typed text survives an expired session.

use crate::support::{Answer, Browser, Page, Person, database, html, spawn_app};

const TYPED: &str = "\n\n  typed for an hour: <b>&amp; \"quoted\" </textarea> 🕊\n\n";

async fn expire(person: &Person) {
    let statement = "DELETE FROM sessions WHERE tenant_id = $1";
    let client = database::admin().await;
    client.execute(statement, &[&person.tenant_id]).await.expect("expired");
    database::wait_for_session_cache_expiry().await;
}

/// Submits the login form of this answer.
async fn submit_login(browser: &Browser, person: &Person, answer: &Answer) -> Answer {
    let form = Page::parse(&answer.text()).form("/login");
    let form = html::with_value(&form, "email", &person.email);
    let form = html::with_value(&form, "password", &person.password);
    browser.post_retrying("/login", &html::as_pairs(&form)).await
}

#[tokio::test]
async fn a_new_note_is_kept_through_the_login() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    expire(&person).await;
    let typed = html::as_submitted(TYPED);
    let fields = [("title", "A \"title\""), ("content", typed.as_str())];
    let asked = browser.post("/notes", &fields).await.expect(401);
    let returned = submit_login(&browser, &person, &asked).await.expect(200);
    let page = Page::parse(&returned.text());
    let form = page.form("/notes");
    assert_eq!(page.value("title"), "A \"title\"");
    assert_eq!(page.value("content"), TYPED);
    assert_eq!(database::note_count(person.tenant_id).await, 0);
    browser.post("/notes", &html::as_pairs(&form)).await.expect(303);
    let script = person.script(&app).await;
    let listed = script.get("/api/notes").await.expect(200).json();
    assert_eq!(listed[0]["content"], TYPED);
    assert_eq!(listed[0]["title"], "A \"title\"");
}

#[tokio::test]
async fn an_edit_is_kept_through_a_failed_and_a_successful_login() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let id = browser.note("first").await;
    let path = format!("/notes/{id}");
    expire(&person).await;
    let typed = html::as_submitted(TYPED);
    let fields = [("title", ""), ("content", typed.as_str()), ("version", "1")];
    let asked = browser.post(&path, &fields).await.expect(401);
    let mut mistaken = person.clone();
    mistaken.password = "mistyped".to_owned();
    let asked = submit_login(&browser, &mistaken, &asked).await.expect(401);
    let returned = submit_login(&browser, &person, &asked).await.expect(200);
    let page = Page::parse(&returned.text());
    assert_eq!(page.value("content"), TYPED);
    assert_eq!(page.value("version"), "1");
    let form = page.form(&path);
    browser.post(&path, &html::as_pairs(&form)).await.expect_see_other(&path);
    let note = person.script(&app).await.read(id).await;
    assert_eq!((&note["content"], &note["version"]), (&TYPED.into(), &2.into()));
}

#[tokio::test]
async fn a_draft_of_the_largest_size_survives_the_login() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = Browser::new(&app);
    let typed = "🕊".repeat(262_144 / 4);
    let asked = browser.post("/notes", &[("content", &typed)]).await.expect(401);
    let returned = submit_login(&browser, &person, &asked).await.expect(200);
    assert_eq!(Page::parse(&returned.text()).value("content"), typed);
}

#[tokio::test]
async fn a_draft_cannot_be_sent_elsewhere() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    for action in [
        "https://evil.test/",
        "//evil.test/notes",
        "/\\evil.test",
        "/account/password",
        "/logout",
        "javascript:alert(1)",
        "/notes/../logout",
        "/notes/1/deletion",
        "/notes/x\"><script>",
    ] {
        let browser = Browser::new(&app);
        let mut fields = person.credentials().to_vec();
        fields.push(("draft_action", action));
        fields.push(("draft_content", "text"));
        let answer = browser.post("/login", &fields).await;
        if answer.status == 303 {
            assert!(answer.location().starts_with("/dashboard"), "{action}");
            continue;
        }
        let page = Page::parse(&answer.text());
        for form in page.all("form[action]") {
            let target = form.value().attr("action").expect("an action");
            let target = target.split('?').next().unwrap_or_default();
            let foreign = target == action && !matches!(action, "/logout" | "/account/password");
            assert!(!foreign, "{action} is the target of a form");
            if form.html().contains("text</textarea>") {
                assert!(target == "/notes" || target.starts_with("/notes/"), "{target}");
                assert!(!target.ends_with("/deletion"), "{target}");
            }
        }
    }
}

#[tokio::test]
async fn another_users_login_cannot_save_the_draft_to_a_foreign_note() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let other = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let id = browser.note("first").await;
    let path = format!("/notes/{id}");
    expire(&person).await;
    let fields = [("content", "typed"), ("version", "1")];
    let asked = browser.post(&path, &fields).await.expect(401);
    let returned = submit_login(&browser, &other, &asked).await;
    assert!(matches!(returned.status, 200 | 303 | 404), "{}", returned.status);
    browser.post(&path, &fields).await.expect(404);
    assert_eq!(person.script(&app).await.read(id).await["content"], "first");
}
