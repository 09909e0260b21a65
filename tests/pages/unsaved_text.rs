//! The text of a note that cannot be saved comes back on the page that answers, with a reason and a way on.

use serde_json::json;

use crate::support::html::{self, Fields};
use crate::support::{App, Browser, Page, Person, Script, spawn_app};

const TYPED: &str = "typed for an hour: <b>&amp; \"quoted\" </textarea> 🕊\n\n- [ ] and a list\n";

/// The edit form of the note with another text.
async fn edited(browser: &Browser, path: &str) -> Fields {
    let form = browser.page(&format!("{path}/edit")).await.form(path);
    html::with_value(&form, "content", &html::as_submitted(TYPED))
}

/// The page that answers the edit.
async fn refused(browser: &Browser, path: &str, form: &Fields, status: u16) -> Page {
    let answer = browser.post(path, &html::as_pairs(form)).await.expect(status);
    let page = Page::parse(&answer.text());
    assert_eq!(page.value("content"), TYPED);
    assert!(page.has(".flash-error[role='alert']"), "it says why");
    assert!(page.has("form[action='/logout']"), "in the frame of the user");
    page
}

async fn becomes_a_new_note(browser: &Browser, script: &Script, page: &Page) {
    let form = page.form("/notes");
    browser.post("/notes", &html::as_pairs(&form)).await.expect_see_other("/notes");
    let notes = script.get("/api/notes").await.expect(200).json();
    assert_eq!(notes[0]["content"], TYPED);
}

/// An author, and a colleague who may edit the author's note: the note and its path.
async fn shared_note(app: &App) -> (Person, Person, i64, String) {
    let author = Person::founder(app).await;
    let colleague = author.colleague(app).await;
    let id = author.script(app).await.note("first").await;
    crate::support::sharing::insert_delivery(&author, id, &colleague, "edit").await;
    (author, colleague, id, format!("/notes/{id}"))
}

/// An edit of a note that was moved to the bin meanwhile: its author, the note, and the page that answers.
async fn edit_of_a_binned_note() -> (Browser, Script, i64, Page) {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let (browser, script) = (person.browser(&app).await, person.script(&app).await);
    let id = script.note("first").await;
    let path = format!("/notes/{id}");
    let form = edited(&browser, &path).await;
    script.delete(&format!("/api/notes/{id}")).await.expect(204);
    let page = refused(&browser, &path, &form, 404).await;
    (browser, script, id, page)
}

#[tokio::test]
async fn a_note_in_the_bin_is_restored_with_the_text() {
    let (browser, script, id, page) = edit_of_a_binned_note().await;
    let path = format!("/notes/{id}");
    let restore = [page.form(&path), vec![("restore".to_owned(), "yes".to_owned())]].concat();
    assert!(page.has("button[name='restore'][value='yes']"));
    browser.post(&path, &html::as_pairs(&restore)).await.expect_see_other(&path);
    assert_eq!(script.read(id).await["content"], TYPED);
}

#[tokio::test]
async fn a_text_whose_note_is_in_the_bin_can_become_a_new_note() {
    let (browser, script, id, page) = edit_of_a_binned_note().await;
    let path = format!("/notes/{id}");
    let new = page.one("button[formaction]").value().attr("formaction").expect("an address").to_owned();
    browser.post(&new, &html::as_pairs(&page.form(&path))).await.expect_see_other("/notes");
    let notes = script.get("/api/notes").await.expect(200).json();
    assert_eq!((&notes[0]["content"], notes.as_array().map(Vec::len)), (&json!(TYPED), Some(1)));
}

#[tokio::test]
async fn a_text_for_a_note_that_is_no_longer_shared_becomes_a_new_note() {
    let app = spawn_app().await;
    let (author, colleague, id, path) = shared_note(&app).await;
    let (browser, script) = (colleague.browser(&app).await, colleague.script(&app).await);
    let form = edited(&browser, &path).await;
    let share = format!("/api/notes/{id}/shares/{}", colleague.user_id);
    author.script(&app).await.delete(&share).await.expect(204);
    let page = refused(&browser, &path, &form, 404).await;
    becomes_a_new_note(&browser, &script, &page).await;
    assert_eq!(author.script(&app).await.read(id).await["content"], "first");
}

#[tokio::test]
async fn a_text_for_a_note_that_may_only_be_read_now_becomes_a_new_note() {
    let app = spawn_app().await;
    let (author, colleague, id, path) = shared_note(&app).await;
    let (browser, script) = (colleague.browser(&app).await, colleague.script(&app).await);
    let form = edited(&browser, &path).await;
    let read = json!([colleague.user_id]);
    author.script(&app).await.share(author.tenant_id, id, read, "read").await;
    let page = refused(&browser, &path, &form, 403).await;
    becomes_a_new_note(&browser, &script, &page).await;
}

#[tokio::test]
async fn a_text_that_is_too_long_comes_back_whole() {
    let app = spawn_app().await;
    let browser = Person::founder(&app).await.browser(&app).await;
    let id = browser.note("first").await;
    let path = format!("/notes/{id}");
    // A form sends three bytes for each byte of these letters.
    for text in ["a".repeat(300 * 1024), "é".repeat(300 * 1024), "\n".repeat(280 * 1024) + "x"] {
        for (path, version) in [("/notes", ""), (path.as_str(), "1")] {
            let fields = [("content", html::as_submitted(&text)), ("version", version.to_owned())];
            let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = browser.post(path, &fields).await.expect(422);
            assert!(Page::parse(&answer.text()).value("content") == text, "{path}: another text came back");
        }
    }
}

#[tokio::test]
async fn a_form_that_cannot_be_taken_names_the_limit() {
    let app = spawn_app().await;
    let browser = Person::founder(&app).await.browser(&app).await;
    let text = "a".repeat(5 * 1024 * 1024);
    let answer = browser.post("/notes", &[("content", &text)]).await.expect(413);
    let page = Page::parse(&answer.text());
    assert!(page.text().contains("256 KiB") && page.has("form[action='/logout']"), "{}", page.text());
}

#[tokio::test]
async fn pages_name_the_form_whose_text_was_saved() {
    let app = spawn_app().await;
    let browser = Person::founder(&app).await.browser(&app).await;
    let page = browser.page("/notes/new").await;
    let (once, form) = (page.value("once"), html::with_value(&page.form("/notes"), "content", "first"));
    let saved = browser.post("/notes", &html::as_pairs(&form)).await.expect(303);
    let next = browser.follow(saved).await;
    assert_eq!(next.one("[data-saved]").value().attr("data-saved"), Some(once.as_str()));
    assert!(!browser.page("/notes").await.has("[data-saved]"));
    let path = format!("/notes/{}", next.note_ids()[0]);
    let form = browser.page(&format!("{path}/edit")).await.form(&path);
    let odd = html::with_value(&form, "once", "\"><script>");
    let saved = browser.post(&path, &html::as_pairs(&odd)).await.expect(303);
    assert!(!browser.follow(saved).await.has("[data-saved]"));
}
