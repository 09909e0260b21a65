//! The pages of errors: in the frame of the user, with what the user had entered.

use crate::support::html;
use crate::support::{Answer, Browser, Page, Person, database, spawn_app};

#[track_caller]
fn assert_frame_of(answer: &Answer, person: &Person, shown: &str) {
    let page = Page::parse(&answer.text());
    assert!(page.has("form[action='/logout']"), "{shown}: {}", page.text());
    assert!(page.text().contains(&person.username), "{shown}");
    assert!(!page.has("a[href='/register']"), "{shown} has the header of a stranger");
    assert!(page.has("main a[href='/notes']"), "{shown} has a way on");
}

#[tokio::test]
async fn errors_have_the_frame_of_who_is_logged_in() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let member = owner.colleague(&app).await;
    let browser = member.browser(&app).await;
    for (path, status) in
        [("/nothing", 404), ("/notes/1", 404), ("/notes/x", 404), ("/organization", 403), ("/logout", 405)]
    {
        let answer = browser.get(path).await;
        if answer.status == 200 {
            panic!("{path} is no error");
        }
        assert_eq!(answer.status, status, "{path}");
        assert_frame_of(&answer, &member, path);
    }
    for (path, status) in [("/nothing", 404), ("/notes/1/deletion", 404), ("/dashboard", 405)] {
        let answer = browser.post(path, &[]).await.expect(status);
        assert_frame_of(&answer, &member, path);
    }
}

#[tokio::test]
async fn strangers_and_ended_sessions_get_pages_without_a_user() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let ended = person.browser(&app).await;
    let client = database::admin().await;
    let statement = "DELETE FROM sessions WHERE tenant_id = $1";
    client.execute(statement, &[&person.tenant_id]).await.expect("ended");
    database::wait_for_session_cache_expiry().await;
    for browser in [Browser::new(&app), ended] {
        let answer = browser.get("/nothing").await.expect(404);
        let page = Page::parse(&answer.text());
        assert!(page.has("a[href='/register']") && !page.has("form[action='/logout']"), "{}", page.text());
        assert!(!page.text().contains(&person.username));
    }
}

#[tokio::test]
async fn what_was_entered_is_sent_again_after_the_session_ended() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let browser = owner.browser(&app).await;
    let form = browser.page("/organization").await.form("/organization");
    let renamed = crate::support::unique("Bird & <co> ");
    let form = html::with_value(&form, "name", &renamed);
    let client = database::admin().await;
    let statement = "DELETE FROM sessions WHERE tenant_id = $1";
    client.execute(statement, &[&owner.tenant_id]).await.expect("ended");
    database::wait_for_session_cache_expiry().await;
    let answer = browser.post("/organization", &html::as_pairs(&form)).await.expect(401);
    let page = Page::parse(&answer.text());
    assert_eq!(page.value("name"), renamed);
    assert!(page.has("a[href='/login'][target='_blank']"));
    let kept = page.form("/organization");
    owner.log_in(&browser).await;
    browser.post("/organization", &html::as_pairs(&kept)).await.expect_see_other("/organization");
    assert!(database::tenant_named(&renamed).await.is_some());
}

#[tokio::test]
async fn what_was_entered_is_shown_with_the_error() {
    let app = spawn_app().await;
    let owner = Person::founder(&app).await;
    let member = owner.colleague(&app).await;
    let browser = member.browser(&app).await;
    let fields = [("name", "typed name"), ("join_policy", "open"), ("password", "hidden secret")];
    let answer = browser.post("/organization", &fields).await.expect(403);
    let page = Page::parse(&answer.text());
    let kept = page.form("/organization");
    assert!(kept.contains(&("name".to_owned(), "typed name".to_owned())), "{kept:?}");
    assert!(kept.contains(&("join_policy".to_owned(), "open".to_owned())), "{kept:?}");
    assert!(!answer.text().contains("hidden secret"), "a password comes back");
    // A form of which nothing was typed leads to the login as before.
    let stranger = Browser::new(&app);
    stranger.post("/notes/1/deletion", &[]).await.expect_see_other("/login");
}
