//! Texts that are built to be slow to render do not block other requests.

use crate::support::{App, Call, Person, server::ServerBuilder, spawn_app, within_timeout};

async fn assert_rendered_in_time(content: String) {
    spawn_app().await;
    // A separate server, as a regression would keep it busy for minutes.
    let server = ServerBuilder::new().start();
    let app = App::of(&server);
    let person = Person::founder(&app).await;
    let (script, browser) = (person.script(&app).await, person.browser(&app).await);
    let id = script.note(&content).await;
    for path in [format!("/notes/{id}"), "/notes".to_owned(), "/dashboard".to_owned()] {
        let call = Call::new("GET", &path).header("cookie", browser.cookie_header());
        // Milliseconds if the cost is linear, minutes otherwise.
        within_timeout(&path, app.answer(call)).await.expect(200);
    }
    for _ in 0..8 {
        within_timeout("others are held up", app.get("/livez")).await.expect(200);
    }
}

#[tokio::test]
async fn nested_quotes_are_rendered_in_time() {
    assert_rendered_in_time(">".repeat(262_000)).await;
}

#[tokio::test]
async fn lines_that_go_on_in_nested_quotes_are_rendered_in_time() {
    assert_rendered_in_time(">".repeat(100_000) + "a\n" + &"a\n".repeat(60_000)).await;
    assert_rendered_in_time("- ".repeat(50_000) + "a\n" + &"a\n".repeat(60_000)).await;
}

#[tokio::test]
async fn nested_html_elements_are_rendered_in_time() {
    assert_rendered_in_time("<div>".repeat(52_000)).await;
}

#[tokio::test]
async fn nested_lists_are_rendered_in_time() {
    let lines: Vec<String> = (0..700).map(|depth| " ".repeat(depth) + "- x").collect();
    assert_rendered_in_time(lines.join("\n")).await;
}

#[tokio::test]
async fn unfinished_emphasis_and_links_are_rendered_in_time() {
    assert_rendered_in_time("*a _b ".repeat(20_000) + &"[a](".repeat(30_000)).await;
}
