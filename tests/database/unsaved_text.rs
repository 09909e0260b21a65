//! Text typed into a form is returned when the database cannot save it.

use serde_json::json;

use super::failures::{assert_unavailable, on, start};
use crate::support::database::{self, OwnDatabase};
use crate::support::html;
use crate::support::{Answer, Browser, Page, Person};

const TYPED: &str = "\n\n  typed for an hour: <b>&amp; \"quoted\" </textarea> 🕊\n\n";

/// Parses the page, after the checks that hold for each page of this kind.
#[track_caller]
fn parse_returned_form(answer: &Answer, shown: &str) -> Page {
    assert_unavailable(answer, shown);
    assert!(answer.header("content-type").starts_with("text/html"), "{shown}");
    assert_eq!(answer.header("cache-control"), "no-store", "{shown}");
    let page = Page::parse(&answer.text());
    assert!(page.has(".flash-error[role='alert']"), "{shown} says nothing: {}", page.text());
    page
}

#[tokio::test]
async fn a_note_that_cannot_be_saved_is_returned_in_the_form_and_saved_once() {
    let database = OwnDatabase::create().await;
    let (_server, app, person) = start(on(&database)).await;
    let (browser, script) = (person.browser(&app).await, person.script(&app).await);
    let form = browser.page("/notes/new").await.form("/notes");
    let form = html::with_value(
        &html::with_value(&form, "title", "A \"title\""),
        "content",
        &html::as_submitted(TYPED),
    );

    let mut client = database.client().await;
    // With the first lock the session cannot be looked up; with the second the note cannot be written.
    for table in ["sessions", "notes"] {
        let lock = client.transaction().await.expect("a transaction");
        lock.batch_execute(&format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")).await.expect("a lock");
        database::wait_for_session_cache_expiry().await;
        let page = parse_returned_form(&browser.post("/notes", &html::as_pairs(&form)).await, table);
        assert_eq!(
            (page.value("title").as_str(), page.value("content").as_str()),
            ("A \"title\"", TYPED),
            "{table}"
        );
        assert_eq!(page.form("/notes"), form, "{table}: a second sending would not be the same request");
        assert!(!page.text().contains(&person.username), "{table}: the page must not show a user");
        lock.rollback().await.expect("the lock is gone");
    }
    browser.post_retrying("/notes", &html::as_pairs(&form)).await.expect_see_other("/notes");
    // As a browser that repeats the request after a lost answer.
    browser.post_retrying("/notes", &html::as_pairs(&form)).await.expect_see_other("/notes");
    let notes = script.get("/api/notes").await.expect(200).json();
    assert_eq!(notes.as_array().map(Vec::len), Some(1), "{notes}");
    assert_eq!((&notes[0]["title"], &notes[0]["content"]), (&json!("A \"title\""), &json!(TYPED)));
}

#[tokio::test]
async fn an_edit_that_cannot_be_saved_is_returned_with_its_version() {
    let database = OwnDatabase::create().await;
    let (_server, app, person) = start(on(&database)).await;
    let (browser, script) = (person.browser(&app).await, person.script(&app).await);
    let id = script.note("first").await;
    let path = format!("/notes/{id}");
    let form = browser.page(&format!("{path}/edit")).await.form(&path);
    let form = html::with_value(&form, "content", &html::as_submitted(TYPED));

    let mut client = database.client().await;
    let lock = client.transaction().await.expect("a transaction");
    lock.batch_execute("LOCK TABLE notes IN ACCESS EXCLUSIVE MODE").await.expect("a lock");
    let page = parse_returned_form(&browser.post(&path, &html::as_pairs(&form)).await, "an edit");
    assert_eq!((page.value("content").as_str(), page.value("version").as_str()), (TYPED, "1"));
    lock.rollback().await.expect("the lock is gone");
    browser.post_retrying(&path, &html::as_pairs(&page.form(&path))).await.expect_see_other(&path);
    let note = script.read(id).await;
    assert_eq!((&note["content"], &note["version"]), (&json!(TYPED), &json!(2)));
}

#[tokio::test]
async fn a_failed_login_or_sign_up_returns_every_field_but_the_password() {
    let database = OwnDatabase::create().await;
    let (_server, app, person) = start(on(&database)).await;
    let browser = Browser::new(&app);
    let newcomer = Person {
        username: "someone-new".to_owned(),
        tenant_name: "Something new".to_owned(),
        ..person.clone()
    };
    let (typed, password) = (html::as_submitted(TYPED), person.password.as_str());
    let login = [
        ("email", person.email.as_str()),
        ("password", password),
        ("draft_action", "/notes"),
        ("draft_content", &typed),
    ];
    let sign_up = [
        ("username", newcomer.username.as_str()),
        ("password", password),
        ("tenant_name", &newcomer.tenant_name),
    ];

    let mut client = database.client().await;
    let lock = client.transaction().await.expect("a transaction");
    lock.batch_execute("LOCK TABLE shared.users, logins IN ACCESS EXCLUSIVE MODE").await.expect("a lock");
    let refused_login = browser.post("/login", &login).await;
    let refused_sign_up = browser.post("/register", &sign_up).await;
    lock.rollback().await.expect("the lock is gone");

    let page = parse_returned_form(&refused_login, "the login");
    assert_eq!((page.value("email"), page.value("draft_content").as_str()), (person.email.clone(), TYPED));
    let page = parse_returned_form(&refused_sign_up, "the sign-up");
    assert_eq!(
        (page.value("username"), page.value("tenant_name")),
        (newcomer.username.clone(), newcomer.tenant_name.clone())
    );
    for answer in [&refused_login, &refused_sign_up] {
        assert!(!answer.text().contains(password), "a page that repeats a password");
    }
    let returned = browser.post_retrying("/login", &login).await.expect(200);
    assert_eq!(Page::parse(&returned.text()).value("content"), TYPED);
    browser.post_retrying("/register", &sign_up).await.expect_see_other("/dashboard");
}
