//! What a note looks like: the same words on its page, on cards and in titles.

use serde_json::json;

use crate::support::{Browser, Page, Person, Script, spawn_app};

async fn writer() -> (Browser, Script) {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    (person.browser(&app).await, person.script(&app).await)
}

async fn page_of(browser: &Browser, script: &Script, content: &str) -> Page {
    let id = script.note(content).await;
    browser.page(&format!("/notes/{id}")).await
}

fn texts(page: &Page, selector: &str) -> Vec<String> {
    let trimmed = |text: String| text.trim().to_owned();
    page.all(selector).iter().map(|element| trimmed(element.text().collect())).collect()
}

#[tokio::test]
async fn a_page_has_one_heading_of_the_first_level_and_shows_it_once() {
    let (browser, script) = writer().await;
    for content in ["# Head\n\nBody\n\n# Another", "Head\n\n# Another", "## Head\n\n### Another"] {
        let page = page_of(&browser, &script, content).await;
        assert_eq!(texts(&page, "h1"), ["Head"], "{content:?}");
        assert_eq!(page.text().matches("Another").count(), 1, "{content:?}");
    }
    let body = json!({"title": "Given", "content": "# Given\n\ntext"});
    let id = script.post("/api/notes", &body).await.expect(201).json()["note_id"].clone();
    let page = browser.page(&format!("/notes/{id}")).await;
    assert_eq!((texts(&page, "h1"), page.all(".prose h2").len()), (vec!["Given".to_owned()], 0));
}

#[tokio::test]
async fn long_notes_have_a_table_of_contents_that_leads_to_their_sections() {
    let (browser, script) = writer().await;
    let page = page_of(&browser, &script, "Plan\n\n# One\n\n# Two\n\n## Two b\n\n# 会议").await;
    assert_eq!(texts(&page, ".contents li"), ["One", "Two", "Two b", "会议"]);
    for link in page.all(".contents a, .prose .anchor") {
        let id = link.value().attr("href").and_then(|href| href.strip_prefix('#')).expect("a section");
        assert!(page.has(&format!("[id='{id}']")), "{id}");
    }
    assert!(!page_of(&browser, &script, "# One\n\n# Two").await.has(".contents"));
}

#[tokio::test]
async fn cards_and_headings_show_the_words_of_the_page() {
    let (browser, script) = writer().await;
    for (content, heading, excerpt) in [
        ("Use Vec<T> here", "Use Vec<T> here", ""),
        ("one<br>two\n\nmore", "one<br>two", "more"),
        ("<div>x</div>", "<div>x</div>", ""),
        ("- a\n  - b\n- c", "a", "b c"),
        ("1. a\n   > b", "a", "b"),
        ("|A|\n|-|\n|1|", "A", "1"),
        ("- [ ] milk\n- [x] eggs", "☐ milk", "☑ eggs"),
    ] {
        let page = page_of(&browser, &script, content).await;
        assert_eq!(texts(&page, "h1"), [heading], "{content:?}");
        let list = browser.page("/notes").await;
        assert_eq!(texts(&list, ".note-card-title")[0], heading, "{content:?}");
        assert_eq!(texts(&list, ".note-card-text")[0], excerpt, "{content:?}");
    }
}

#[tokio::test]
async fn each_block_has_the_direction_of_its_text() {
    let (browser, script) = writer().await;
    let blocks = ["שלום", "שלום עולם, test 1.", "- מרחבا", "> ציטוט", "| א |\n|---|\n| ב |", "English"];
    let page = page_of(&browser, &script, &blocks.join("\n\n")).await;
    for selector in [
        "h1[dir=auto]",
        ".prose > p[dir=auto]",
        ".prose > ul[dir=auto]",
        ".prose > blockquote[dir=auto]",
        "td[dir=auto]",
    ] {
        assert!(page.has(selector), "{selector}");
    }
    let list = browser.page("/notes").await;
    for selector in [".note-card-title[dir=auto]", ".note-card-text[dir=auto]"] {
        assert!(list.has(selector), "{selector}");
    }
    let form = browser.page("/notes/new").await;
    assert!(form.has("textarea[dir=auto]") && form.has("input[name=title][dir=auto]"));
}

#[tokio::test]
async fn wide_tables_and_code_are_reached_by_the_keyboard() {
    let (browser, script) = writer().await;
    let page = page_of(&browser, &script, "x\n\n| a |\n|:-:|\n| b |\n\n```\ncode\n```\n\n    indented").await;
    assert_eq!(page.all(".prose .scroll-table[tabindex='0'][role][aria-label]").len(), 1);
    assert_eq!(page.all(".prose pre[tabindex='0'][role][aria-label]").len(), 2);
    assert!(page.has("td.align-center") && !page.has("[style]"));
}
