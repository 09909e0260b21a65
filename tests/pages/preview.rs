//! The preview of a text, above a form with it.

use crate::support::{Browser, Call, Page, Person, html, spawn_app};

#[tokio::test]
async fn a_preview_shows_what_the_page_will_show_and_saves_nothing() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let (browser, script) = (person.browser(&app).await, person.script(&app).await);
    let id = script.note("stored").await;
    let path = format!("/notes/{id}");
    let form = browser.page(&format!("{path}/edit")).await.form(&path);
    let typed = "# Head\n\n- [ ] a\n\n<b>typed</b> https://example.org";
    let form = html::with_value(&form, "content", &html::as_submitted(typed));
    let shown = browser.post("/notes/preview", &html::as_pairs(&form)).await.expect(200);
    let preview = Page::parse(&shown.text());
    assert_eq!(script.read(id).await["content"], "stored");
    browser.post(&path, &html::as_pairs(&preview.form(&path))).await.expect_see_other(&path);
    assert_eq!(script.read(id).await["content"], typed);
    let page = browser.page(&path).await;
    let prose = |page: &Page| page.one(".prose").text().collect::<String>().trim().to_owned();
    assert_eq!(prose(&preview), prose(&page));
    assert_eq!(preview.one("h1").text().collect::<String>(), "Head");
}

#[tokio::test]
async fn a_preview_of_a_new_note_is_saved_as_one() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let (browser, script) = (person.browser(&app).await, person.script(&app).await);
    let form = browser.page("/notes/new").await.form("/notes");
    let form = html::with_value(&form, "content", "typed");
    let shown = browser.post("/notes/preview", &html::as_pairs(&form)).await.expect(200);
    let preview = Page::parse(&shown.text());
    for _ in 0..2 {
        browser.post("/notes", &html::as_pairs(&preview.form("/notes"))).await.expect_see_other("/notes");
    }
    assert_eq!(script.get("/api/notes").await.expect(200).json().as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_script_of_the_page_gets_the_text_alone() {
    let app = spawn_app().await;
    let browser = Person::founder(&app).await.browser(&app).await;
    let call = Call::new("POST", "/notes/preview").form(&[("content", "**a** <script>")]);
    let answer = browser.answer(call.header("accept", "text/x-fragment")).await.expect(200);
    assert_eq!(answer.text().trim(), "<p dir=\"auto\"><strong>a</strong> &lt;script&gt;</p>");
}

#[tokio::test]
async fn a_preview_keeps_the_text_when_it_cannot_be_shown() {
    let app = spawn_app().await;
    let browser = Person::founder(&app).await.browser(&app).await;
    let long = "é".repeat(300 * 1024);
    for text in [long.as_str(), " ", "a\0b"] {
        let shown = browser.post("/notes/preview", &[("content", text)]).await.expect(200);
        let page = Page::parse(&shown.text());
        assert!(
            page.value("content") == text.replace('\0', "\u{fffd}"),
            "another text of {} bytes",
            text.len()
        );
        assert!(!page.field_error("content").is_empty());
    }
    let stranger = Browser::new(&app);
    let asked = stranger.post("/notes/preview", &[("content", "typed"), ("title", "t")]).await.expect(401);
    assert_eq!(Page::parse(&asked.text()).value("draft_content"), "typed");
}
