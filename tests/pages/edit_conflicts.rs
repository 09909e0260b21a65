//! Concurrent edits on the pages: merges and the conflict page.

use serde_json::json;

use crate::support::{Browser, Page, Person, database, html, spawn_app};

const POEM: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven";

#[tokio::test]
async fn edits_of_different_lines_are_merged() {
    let app = spawn_app().await;
    let browser = Person::founder(&app).await.browser(&app).await;
    let id = browser.note(POEM).await;
    let path = format!("/notes/{id}");
    let form = browser.page(&format!("{path}/edit")).await.form(&path);
    let first = html::as_submitted(&POEM.replace("one", "ONE"));
    let second = html::as_submitted(&POEM.replace("seven", "SEVEN"));
    for content in [first, second] {
        let fields = html::with_value(&form, "content", &content);
        browser.post(&path, &html::as_pairs(&fields)).await.expect_see_other(&path);
    }
    let merged = browser.page(&format!("{path}/edit")).await;
    let both = POEM.replace("one", "ONE").replace("seven", "SEVEN");
    assert_eq!(merged.value("content"), both);
    assert_eq!(merged.value("version"), "3");
}

#[tokio::test]
async fn edits_of_the_same_line_show_a_conflict_page_with_both_texts() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let id = browser.note(POEM).await;
    let path = format!("/notes/{id}");
    let form = browser.page(&format!("{path}/edit")).await.form(&path);
    let theirs = html::with_value(&form, "content", &POEM.replace("four", "theirs-four"));
    browser.post(&path, &html::as_pairs(&theirs)).await.expect(303);
    let before = database::tenant_checksum(person.tenant_id).await;

    let yours = html::with_value(&form, "content", &POEM.replace("four", "yours-four"));
    let answer = browser.post(&path, &html::as_pairs(&yours)).await.expect(409);
    assert_eq!(database::tenant_checksum(person.tenant_id).await, before);
    let page = Page::parse(&answer.text());
    let text = page.text();
    assert!(text.contains("theirs-four") && text.contains("yours-four"));
    let settled = page.form(&path);
    assert!(settled.contains(&("version".to_owned(), "2".to_owned())), "{settled:?}");
    let proposed = page.value("content");
    assert!(proposed.contains("one") && proposed.contains("seven"), "{proposed}");

    let settled = html::with_value(&settled, "content", "settled by hand");
    browser.post(&path, &html::as_pairs(&settled)).await.expect_see_other(&path);
    let note = browser.page(&format!("{path}/edit")).await;
    assert_eq!(note.value("content"), "settled by hand");
    assert_eq!(note.value("version"), "3");
}

/// The note has theirs; the answer is the page for both, and the form on it.
async fn conflict(person: &Person, browser: &Browser) -> (String, Page) {
    let id = browser.note(POEM).await;
    let path = format!("/notes/{id}");
    let form = browser.page(&format!("{path}/edit")).await.form(&path);
    let theirs = html::with_value(&form, "content", &POEM.replace("four", "their line is four"));
    browser.post(&path, &html::as_pairs(&theirs)).await.expect_see_other(&path);
    let yours = html::with_value(&form, "content", &POEM.replace("four", "my line is four"));
    let answer = browser.post(&path, &html::as_pairs(&yours)).await.expect(409);
    assert!(answer.text().contains(&person.username), "the page says who made the other edit");
    (path, Page::parse(&answer.text()))
}

#[tokio::test]
async fn the_conflict_page_marks_what_differs_by_lines_and_words() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let (_, page) = conflict(&person, &person.browser(&app).await).await;
    let texts = |selector: &str| -> Vec<String> {
        page.all(selector).iter().map(|element| element.text().collect::<String>()).collect()
    };
    assert_eq!(texts(".compared .removed"), ["Removed:their line is four"]);
    assert_eq!(texts(".compared .added"), ["Added:my line is four"]);
    assert_eq!((texts(".compared del"), texts(".compared ins")), (vec!["their".into()], vec!["my".into()]));
    assert_eq!(texts(".compared .same").len(), 4, "two lines before and two behind");
}

#[tokio::test]
async fn marker_lines_of_a_merge_are_not_saved_without_a_question() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let (path, page) = conflict(&person, &browser).await;
    let proposed = page.form(&path);
    let rest_of_a_marker = html::with_value(&proposed, "content", "one\r\n=======\r\ntwo");
    for form in [&proposed, &rest_of_a_marker] {
        let answer = browser.post(&path, &html::as_pairs(form)).await.expect(422);
        let asked = Page::parse(&answer.text());
        assert!(asked.field_error("content").contains("marker lines"));
        let sent = form.iter().find(|(name, _)| name == "content").expect("a text").1.clone();
        assert_eq!(asked.value("content"), sent.replace("\r\n", "\n"));
        assert_eq!(asked.value("version"), "2");
        assert!(asked.has("button[name='markers'][value='keep']"));
    }
    let kept = [proposed.clone(), vec![("markers".to_owned(), "keep".to_owned())]].concat();
    browser.post(&path, &html::as_pairs(&kept)).await.expect_see_other(&path);
    // A note that is about such lines is edited like any other.
    let form = browser.page(&format!("{path}/edit")).await.form(&path);
    let form = html::with_value(&form, "title", "On merging");
    browser.post(&path, &html::as_pairs(&form)).await.expect_see_other(&path);
    let (path, page) = conflict(&person, &browser).await;
    let cleaned = html::with_value(&page.form(&path), "content", "one, two, three, both fours");
    browser.post(&path, &html::as_pairs(&cleaned)).await.expect_see_other(&path);
}

#[tokio::test]
async fn a_note_with_other_line_breaks_is_merged() {
    let app = spawn_app().await;
    let script = Person::founder(&app).await.script(&app).await;
    let id = script.note("1\r\n2\r\n3\r\n4\r\n").await;
    for content in ["one\n2\n3\n4\n", "1\n2\n3\nfour\n"] {
        let edit = json!({"content": content, "version": 1});
        script.put(&format!("/api/notes/{id}"), &edit).await.expect(200);
    }
    assert_eq!(script.read(id).await["content"], "one\n2\n3\nfour\n");
}

#[tokio::test]
async fn an_edit_without_a_valid_version_is_refused() {
    let app = spawn_app().await;
    let browser = Person::founder(&app).await.browser(&app).await;
    let id = browser.note("first").await;
    let path = format!("/notes/{id}");
    for version in [None, Some(""), Some("x"), Some("-1"), Some("0"), Some("99"), Some("2147483648")] {
        let mut fields = vec![("content", "overwritten")];
        fields.extend(version.map(|version| ("version", version)));
        let answer = browser.post(&path, &fields).await;
        assert!(matches!(answer.status, 400 | 409 | 422), "{version:?}: {}", answer.status);
    }
    assert_eq!(browser.page(&format!("{path}/edit")).await.value("content"), "first");
}

#[tokio::test]
async fn the_history_shows_every_replaced_text() {
    let app = spawn_app().await;
    let browser = Person::founder(&app).await.browser(&app).await;
    let id = browser.note("first text").await;
    let path = format!("/notes/{id}");
    for (version, content) in [("1", "second text"), ("2", "third text")] {
        let fields = [("content", content), ("version", version)];
        browser.post(&path, &fields).await.expect(303);
    }
    let history = browser.page(&format!("{path}/revisions")).await.text();
    assert!(history.contains("first text") && history.contains("second text"));
}

#[tokio::test]
async fn a_note_in_the_bin_is_not_edited() {
    let app = spawn_app().await;
    let browser = Person::founder(&app).await.browser(&app).await;
    let id = browser.note("first").await;
    let path = format!("/notes/{id}");
    browser.post(&format!("{path}/deletion"), &[]).await.expect(303);
    let fields = [("content", "second"), ("version", "1")];
    browser.post(&path, &fields).await.expect(404);
    browser.get(&format!("{path}/edit")).await.expect(404);
    browser.post(&format!("{path}/deletion"), &[]).await.expect(404);
    browser.post(&format!("{path}/restoration"), &[]).await.expect(303);
    assert_eq!(browser.page(&format!("{path}/edit")).await.value("content"), "first");
}

#[tokio::test]
async fn saving_without_a_change_changes_nothing() {
    let app = spawn_app().await;
    let browser = Person::founder(&app).await.browser(&app).await;
    let id = browser.note("same\n").await;
    let path = format!("/notes/{id}");
    let form = browser.page(&format!("{path}/edit")).await.form(&path);
    browser.post(&path, &html::as_pairs(&form)).await.expect(303);
    assert_eq!(browser.page(&format!("{path}/edit")).await.value("content"), "same\n");
}
