//! Text is unchanged after a round trip through a form.

use crate::support::{Page, Person, html, spawn_app};

const TEXTS: [&str; 14] = [
    "\n\nx",
    "\nx",
    "a\nb",
    "x\n",
    "x\n\n\n",
    "trailing blanks  \n\t \nend  ",
    "</textarea><script>alert(1)</script>",
    "&amp; &lt; &#10; &copy;",
    "🕊️👩‍👩‍👧 e\u{301}",
    "\u{feff}x",
    "\u{202e}x\u{2028}y",
    "<!-- comment --> ]]>",
    "'single' \"double\" `back`",
    "   \u{200B}x",
];

#[tokio::test]
async fn saving_an_untouched_form_keeps_every_byte() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let (script, browser) = (person.script(&app).await, person.browser(&app).await);
    let long = "line of text 🕊\n".repeat(65_536 / 18);
    for text in TEXTS.iter().copied().chain([long.as_str()]) {
        let id = script.note(text).await;
        let path = format!("/notes/{id}");
        let page = browser.page(&format!("{path}/edit")).await;
        assert_eq!(page.value("content"), text);
        let form = page.form(&path);
        browser.post(&path, &html::as_pairs(&form)).await.expect(303);
        assert_eq!(script.read(id).await["content"], text);
    }
}

#[tokio::test]
async fn a_form_that_is_shown_again_keeps_every_byte() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let endless = "t".repeat(10_000);
    for text in TEXTS {
        let submitted = html::as_submitted(text);
        let fields = [("title", endless.as_str()), ("content", submitted.as_str())];
        let answer = browser.post("/notes", &fields).await.expect(422);
        assert_eq!(Page::parse(&answer.text()).value("content"), text);
    }
}

#[tokio::test]
async fn carriage_returns_survive_an_untouched_form() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let (script, browser) = (person.script(&app).await, person.browser(&app).await);
    let id = script.note("a\r\nb\rc").await;
    let first = script.read(id).await["content"].clone();
    let path = format!("/notes/{id}");
    let form = browser.page(&format!("{path}/edit")).await.form(&path);
    browser.post(&path, &html::as_pairs(&form)).await.expect(303);
    assert_eq!(script.read(id).await["content"], first);
}

#[tokio::test]
async fn a_note_of_256_kib_is_saved_by_the_form() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let largest = "🕊".repeat(262_144 / 4);
    let id = browser.note(&largest).await;
    let path = format!("/notes/{id}");
    let form = browser.page(&format!("{path}/edit")).await.form(&path);
    browser.post(&path, &html::as_pairs(&form)).await.expect(303);
    let note = person.script(&app).await.read(id).await;
    assert_eq!(note["content"], largest);
}

#[tokio::test]
async fn a_note_of_256_kib_may_be_all_line_ends() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let text = "x".to_owned() + &"\n".repeat(262_142) + "y";
    let submitted = html::as_submitted(&text);
    let added = browser.post("/notes", &[("content", &submitted)]).await;
    browser.follow(added).await;
    let listed = person.script(&app).await.get("/api/notes").await.expect(200).json();
    assert_eq!(listed[0]["content"], text);
}

#[tokio::test]
async fn a_form_one_byte_too_large_is_refused_and_keeps_the_text() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let script = person.script(&app).await;
    let text = "🕊".repeat(262_144 / 4) + "x";
    let answer = browser.post("/notes", &[("content", &text)]).await;
    assert!(matches!(answer.status, 413 | 422), "{}", answer.status);
    let page = Page::parse(&answer.text());
    assert_eq!(page.value("content"), text);
    page.field_error("content");
    let id = script.note("first").await;
    let fields = [("content", text.as_str()), ("version", "1")];
    let answer = browser.post(&format!("/notes/{id}"), &fields).await;
    assert!(matches!(answer.status, 413 | 422), "{}", answer.status);
    assert_eq!(Page::parse(&answer.text()).value("content"), text);
    assert_eq!(script.read(id).await["content"], "first");
}

#[tokio::test]
async fn a_form_of_8_mib_is_413() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let text = "x".repeat(8 << 20);
    let call = crate::support::Call::new("POST", "/notes")
        .form(&[("content", &text)])
        .header("cookie", browser.cookie_header());
    if let Ok(answer) = call.try_send(&app.http, &app.base).await {
        answer.expect(413);
    }
    assert!(browser.page("/notes").await.note_ids().is_empty());
}
