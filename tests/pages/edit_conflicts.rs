//! Concurrent edits on the pages: merges and the conflict page.

use crate::support::{Page, Person, database, html, spawn_app};

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
