//! The browser keeps the text of a note while it is typed.

use serde_json::json;

use super::user_journey::log_in;
use super::webdriver::Chromium;
use crate::support::{App, Person, Script, database, eventually, spawn_app};

const TITLE: &str = "form[data-note] [name=title]";
const CONTENT: &str = "form[data-note] [name=content]";
const SAVE: &str = "form[data-note] [type=submit]";
const OFFER: &str = ".kept-draft";
const USE: &str = ".kept-draft button:first-of-type";

/// The number of texts that the browser keeps for this site.
async fn kept(chromium: &Chromium) -> u64 {
    let count =
        "return Object.keys(localStorage).filter((key) => key.startsWith('pigeonhole.draft.')).length";
    chromium.run(count).await.as_u64().expect("a number")
}

async fn until_kept(chromium: &Chromium, count: u64) {
    eventually(&format!("{count} texts are kept"), async || kept(chromium).await == count).await;
}

/// Leaves as after a crash: no question, and no event in the page.
async fn crash_to(chromium: &Chromium, path: &str) {
    chromium
        .run("window.addEventListener('beforeunload', (event) => event.stopImmediatePropagation(), true)")
        .await;
    chromium.open(path).await;
}

async fn logged_in(app: &App) -> Option<(Chromium, Person, Script)> {
    let chromium = Chromium::start(&app.base, true).await?;
    let person = Person::founder(app).await;
    chromium.open("/login").await;
    log_in(&chromium, &person).await;
    let script = person.script(app).await;
    Some((chromium, person, script))
}

async fn assert_no_errors(chromium: &Chromium) {
    let errors = chromium.browser_errors().await;
    assert!(errors.is_empty(), "{errors:#?}");
}

#[tokio::test]
async fn a_text_survives_a_crash_and_is_forgotten_once_it_is_saved() {
    let app = spawn_app().await;
    let Some((chromium, _, script)) = logged_in(&app).await else { return };
    let id = script.note("stored").await;
    let (path, edit) = (format!("/notes/{id}"), format!("/notes/{id}/edit"));
    chromium.open(&edit).await;
    assert!(!chromium.has(OFFER).await);
    chromium.fill(TITLE, "Kept").await;
    chromium.fill(CONTENT, "typed for an hour").await;
    until_kept(&chromium, 1).await;
    crash_to(&chromium, "/notes").await;
    assert!(chromium.text(OFFER).await.contains("Kept"), "the list tells of it");
    chromium.click_and_expect(".kept-draft a", &edit).await;
    assert_eq!(chromium.value(CONTENT).await, "stored", "never over another text by itself");
    chromium.click(USE).await;
    assert_eq!(
        (chromium.value(TITLE).await, chromium.value(CONTENT).await),
        ("Kept".into(), "typed for an hour".into())
    );
    chromium.click_and_expect(SAVE, &path).await;
    assert_eq!(script.read(id).await["content"], "typed for an hour");
    assert_eq!(kept(&chromium).await, 0);
    assert_no_errors(&chromium).await;
}

#[tokio::test]
async fn a_kept_text_is_merged_with_what_was_saved_since() {
    let app = spawn_app().await;
    let Some((chromium, _, script)) = logged_in(&app).await else { return };
    let id = script.note("one\ntwo\nthree\n").await;
    let (path, edit) = (format!("/notes/{id}"), format!("/notes/{id}/edit"));
    chromium.open(&edit).await;
    chromium.fill(CONTENT, "ONE\ntwo\nthree\n").await;
    until_kept(&chromium, 1).await;
    script.put(&format!("/api{path}"), &json!({"content": "one\ntwo\nTHREE\n"})).await.expect(200);
    crash_to(&chromium, &edit).await;
    assert!(chromium.text(OFFER).await.contains("changed since"));
    chromium.click(USE).await;
    chromium.click_and_expect(SAVE, &path).await;
    assert_eq!(script.read(id).await["content"], "ONE\ntwo\nTHREE\n");
    assert_eq!(kept(&chromium).await, 0);
}

#[tokio::test]
async fn taking_a_kept_text_keeps_what_was_typed_meanwhile() {
    let app = spawn_app().await;
    let Some((chromium, ..)) = logged_in(&app).await else { return };
    chromium.open("/notes/new").await;
    chromium.fill(CONTENT, "first").await;
    until_kept(&chromium, 1).await;
    crash_to(&chromium, "/notes/new").await;
    chromium.fill(CONTENT, "second").await;
    until_kept(&chromium, 2).await;
    chromium.click(USE).await;
    assert_eq!(chromium.value(CONTENT).await, "first");
    assert_eq!(kept(&chromium).await, 2);
    chromium.click(USE).await;
    assert_eq!(chromium.value(CONTENT).await, "second");
    chromium.click(".kept-draft button:last-of-type").await;
    until_kept(&chromium, 1).await;
    assert!(!chromium.has(OFFER).await);
}

#[tokio::test]
async fn the_page_of_an_error_shows_the_text() {
    let app = spawn_app().await;
    let Some((chromium, _, script)) = logged_in(&app).await else { return };
    let id = script.note("stored").await;
    let edit = format!("/notes/{id}/edit");
    chromium.open(&edit).await;
    chromium.fill(CONTENT, "typed").await;
    until_kept(&chromium, 1).await;
    script.delete(&format!("/api/notes/{id}")).await.expect(204);
    crash_to(&chromium, &edit).await;
    assert!(chromium.text("h1").await.contains("Not found"));
    assert_eq!(chromium.value(CONTENT).await, "typed");
    chromium.click_and_expect("form[data-note] [formaction]", "/notes").await;
    assert_eq!(script.get("/api/notes").await.expect(200).json()[0]["content"], "typed");
    assert_eq!(kept(&chromium).await, 0);
}

#[tokio::test]
async fn without_a_connection_the_text_stays_on_the_page() {
    let app = spawn_app().await;
    let Some((chromium, ..)) = logged_in(&app).await else { return };
    chromium.open("/notes/new").await;
    chromium.fill(CONTENT, "typed in a train").await;
    chromium.set_offline(true).await;
    chromium.click(SAVE).await;
    eventually("the page says so", async || chromium.has(".not-connected[role=alert]").await).await;
    assert_eq!((chromium.value(CONTENT).await, kept(&chromium).await), ("typed in a train".into(), 1));
    chromium.set_offline(false).await;
    chromium.click_and_expect(SAVE, "/notes").await;
    assert!(chromium.text("main").await.contains("typed in a train"));
    assert_eq!(kept(&chromium).await, 0);
}

#[tokio::test]
async fn logging_out_forgets_kept_texts_after_a_question() {
    let app = spawn_app().await;
    let Some((chromium, person, _)) = logged_in(&app).await else { return };
    chromium.open("/notes/new").await;
    chromium.fill(CONTENT, "private").await;
    until_kept(&chromium, 1).await;
    crash_to(&chromium, "/account").await;
    chromium.click("form[action='/logout'] [type=submit]").await;
    assert!(chromium.text(".flash-error").await.contains("private"));
    assert_eq!(kept(&chromium).await, 1);
    chromium.click_and_expect("form[action='/logout'] [type=submit]", "/login").await;
    assert_eq!(kept(&chromium).await, 0);
    // Another person in the same browser finds nothing of it.
    log_in(&chromium, &person.colleague(&app).await).await;
    chromium.open("/notes/new").await;
    assert!(!chromium.has(OFFER).await);
}

#[tokio::test]
async fn another_person_in_the_browser_is_not_offered_a_kept_text() {
    let app = spawn_app().await;
    let Some((chromium, person, _)) = logged_in(&app).await else { return };
    chromium.open("/notes/new").await;
    chromium.fill(CONTENT, "private").await;
    until_kept(&chromium, 1).await;
    let client = database::admin().await;
    let ended = "DELETE FROM sessions WHERE tenant_id = $1";
    client.execute(ended, &[&person.tenant_id]).await.expect("ended");
    database::wait_for_session_cache_expiry().await;
    crash_to(&chromium, "/login").await;
    log_in(&chromium, &person.colleague(&app).await).await;
    chromium.open("/notes/new").await;
    assert!(!chromium.has(OFFER).await);
    assert!(!chromium.source().await.contains("private"));
    assert_eq!(kept(&chromium).await, 1);
}

#[tokio::test]
async fn a_text_that_is_too_long_is_not_sent() {
    let app = spawn_app().await;
    let Some((chromium, ..)) = logged_in(&app).await else { return };
    chromium.open("/notes/new").await;
    let fill = "const field = document.querySelector('form[data-note] [name=content]'); \
                field.value = 'é'.repeat(600 * 1024); \
                field.dispatchEvent(new Event('input', {bubbles: true}))";
    chromium.run(fill).await;
    chromium.click(SAVE).await;
    let message = chromium.run("return document.querySelector('[name=content]').validationMessage").await;
    assert!(message.as_str().expect("a text").contains("256 KiB"), "{message}");
    assert_eq!(chromium.value(CONTENT).await.chars().count(), 600 * 1024);
}
