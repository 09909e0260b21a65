//! Writing in Chromium: formatting, lists, keys and the preview.

use super::user_journey::log_in;
use super::webdriver::Chromium;
use crate::support::{Person, Script, eventually, spawn_app};

const CONTENT: &str = "form[data-editor] [name=content]";
const PREVIEW: &str = "form[data-editor] [formaction^='/notes/preview']";
const CTRL: &str = "\u{e009}";
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";
const SHIFT: &str = "\u{e008}";

async fn editor(javascript: bool) -> Option<(Chromium, Script)> {
    let app = spawn_app().await;
    let chromium = Chromium::start(&app.base, javascript).await?;
    let person = Person::founder(&app).await;
    chromium.open("/login").await;
    log_in(&chromium, &person).await;
    chromium.open("/notes/new").await;
    Some((chromium, person.script(&app).await))
}

async fn select_all(chromium: &Chromium) {
    chromium.run("document.querySelector('form[data-editor] [name=content]').select()").await;
}

async fn assert_no_errors(chromium: &Chromium) {
    let errors = chromium.browser_errors().await;
    assert!(errors.is_empty(), "{errors:#?}");
}

#[tokio::test]
async fn buttons_and_keys_format_the_selection() {
    let Some((chromium, _)) = editor(true).await else { return };
    for (button, typed, formatted) in [
        (".tool-bold", "word", "**word**"),
        (".tool-italic", "word", "*word*"),
        (".tool-code", "word", "`word`"),
        (".tool-code", "a\nb", "```\na\nb\n```\n"),
        (".tool-heading", "word", "## word"),
        (".tool-list", "a\nb", "- a\n- b"),
        (".tool-list", "- a\n- b", "a\nb"),
        (".tool-task", "- a\n1. b", "- [ ] a\n- [ ] b"),
        (".tool-link", "word", "[word](https://)"),
    ] {
        chromium.set_value(CONTENT, typed).await;
        select_all(&chromium).await;
        chromium.click(button).await;
        assert_eq!(chromium.value(CONTENT).await, formatted, "{button} of {typed:?}");
    }
    for (key, formatted) in [("b", "**word**"), ("i", "*word*"), ("k", "[word](https://)"), ("e", "`word`")] {
        chromium.set_value(CONTENT, "word").await;
        select_all(&chromium).await;
        chromium.press(CONTENT, &format!("{CTRL}{key}{CTRL}")).await;
        assert_eq!(chromium.value(CONTENT).await, formatted, "Ctrl+{key}");
    }
    chromium.set_value(CONTENT, "word").await;
    select_all(&chromium).await;
    chromium.press(CONTENT, &format!("{CTRL}b{CTRL}")).await;
    chromium.press(CONTENT, &format!("{CTRL}b{CTRL}")).await;
    assert_eq!(chromium.value(CONTENT).await, "word", "twice is nothing");
    assert_no_errors(&chromium).await;
}

#[tokio::test]
async fn lists_go_on_and_are_indented() {
    let Some((chromium, _)) = editor(true).await else { return };
    for (typed, keys, text) in [
        ("- a", format!("{ENTER}b"), "- a\n- b"),
        ("- [x] a", format!("{ENTER}b"), "- [x] a\n- [ ] b"),
        ("9. a", format!("{ENTER}b"), "9. a\n10. b"),
        ("- a", format!("{ENTER}{ENTER}b"), "- a\nb"),
        ("- a", format!("{ENTER}b{TAB}"), "- a\n  - b"),
        ("- a", format!("{ENTER}b{TAB}{SHIFT}{TAB}{SHIFT}"), "- a\n- b"),
        ("text", format!("{ENTER}b"), "text\nb"),
    ] {
        chromium.set_value(CONTENT, typed).await;
        chromium.press(CONTENT, &keys).await;
        assert_eq!(chromium.value(CONTENT).await, text, "{typed:?}");
    }
    // The keyboard leaves the field by Tab, inside a list after Escape.
    for (typed, keys) in [("text", TAB.to_owned()), ("- a", format!("{ESCAPE}{TAB}"))] {
        chromium.set_value(CONTENT, typed).await;
        chromium.press(CONTENT, &keys).await;
        assert_eq!(chromium.value(CONTENT).await, typed);
        let focused = chromium.run("return document.activeElement.name").await;
        assert_ne!(focused.as_str(), Some("content"), "{typed:?}");
    }
    assert_no_errors(&chromium).await;
}

#[tokio::test]
async fn ctrl_s_saves_and_words_are_counted() {
    let Some((chromium, script)) = editor(true).await else { return };
    chromium.set_value(CONTENT, "three words: don't").await;
    assert_eq!(chromium.text(".word-count").await, "3 words");
    let page = chromium.find("html").await;
    chromium.press(CONTENT, &format!("{CTRL}s{CTRL}")).await;
    chromium.until_replaced(&page, "Ctrl+S").await;
    assert_eq!(chromium.path().await, "/notes");
    assert_eq!(script.get("/api/notes").await.expect(200).json()[0]["content"], "three words: don't");
}

#[tokio::test]
async fn the_preview_is_beside_the_text() {
    let Some((chromium, _)) = editor(true).await else { return };
    chromium.set_value(CONTENT, "**bold** and\n\n- [ ] a task").await;
    chromium.click(PREVIEW).await;
    eventually("the preview", async || chromium.has(".preview strong").await).await;
    assert_eq!(chromium.text(".preview .task").await, "a task");
    chromium.set_value(CONTENT, "# Later").await;
    eventually("the preview follows", async || {
        chromium.has(".preview h2").await && !chromium.has(".preview strong").await
    })
    .await;
    assert_eq!(chromium.value(CONTENT).await, "# Later");
    chromium.click(PREVIEW).await;
    assert!(!chromium.has(".preview:not([hidden])").await);
    assert_no_errors(&chromium).await;
}

#[tokio::test]
async fn without_javascript_the_preview_is_a_page_with_the_form() {
    let Some((chromium, script)) = editor(false).await else { return };
    chromium.fill("form[data-editor] [name=title]", "A title").await;
    chromium.fill(CONTENT, "**bold**").await;
    chromium.click_and_wait(PREVIEW).await;
    assert!(chromium.path().await.starts_with("/notes/preview?"));
    assert_eq!(chromium.text("article strong").await, "bold");
    assert_eq!(chromium.value(CONTENT).await, "**bold**");
    chromium.click_and_expect("form[data-editor] [type=submit]", "/notes").await;
    let notes = script.get("/api/notes").await.expect(200).json();
    assert_eq!((&notes[0]["title"], &notes[0]["content"]), (&"A title".into(), &"**bold**".into()));
}
