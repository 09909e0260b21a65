//! Search on the pages.

use crate::support::{Page, Person, sharing::insert_delivery, spawn_app};

fn highlighted(page: &Page) -> Vec<String> {
    page.all(".note-card mark").iter().map(|mark| mark.text().collect()).collect()
}

fn encoded(path: &str, words: &str) -> String {
    format!("{path}?{}", form_urlencoded::Serializer::new(String::new()).append_pair("q", words).finish())
}

#[tokio::test]
async fn matches_are_highlighted_and_other_notes_are_left_out() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let kept =
        browser.note(&format!("# Shopping\n\n{} bread, **Butter** and milk", "word ".repeat(400))).await;
    browser.note("something else").await;
    let empty = browser.page("/notes").await;
    assert_eq!(empty.one("form[role='search'] input[name='q']").value().attr("value"), Some(""));

    let found = browser.page("/notes?q=butt+MILK").await;
    assert_eq!(found.note_ids(), [kept]);
    assert_eq!(highlighted(&found), ["Butter", "milk"]);
    assert_eq!(found.value("q"), "butt MILK");
    assert!(found.title().starts_with("“butt MILK” in Notes") && found.has("a[href='/notes']"));
    assert!(found.one(".note-card").text().collect::<String>().contains("Shopping"), "the heading stays");

    let nothing = browser.page("/notes?q=butter+cheese").await;
    assert!(nothing.note_ids().is_empty() && nothing.text().contains("No note has these words"));
    let everything = browser.page("/notes?q=++").await;
    assert_eq!(everything.note_ids().len(), 2);
}

#[tokio::test]
async fn an_edited_note_is_found_by_its_new_words_and_a_deleted_one_not_at_all() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let (browser, script) = (person.browser(&app).await, person.script(&app).await);
    let id = browser.note("an early draft").await;
    script
        .put(
            &format!("/api/notes/{id}"),
            &serde_json::json!({"title": "Overview", "content": "a later text"}),
        )
        .await
        .expect(200);
    assert!(browser.page("/notes?q=early").await.note_ids().is_empty());
    let by_title = browser.page("/notes?q=overview+later").await;
    assert_eq!(by_title.note_ids(), [id]);
    assert_eq!(highlighted(&by_title), ["Overview", "later"]);
    browser.post(&format!("/notes/{id}/deletion"), &[]).await.expect_see_other("/notes");
    assert!(browser.page("/notes?q=later").await.note_ids().is_empty());
}

#[tokio::test]
async fn search_results_are_paged_forward_and_back() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    crate::api::search::insert_notes(&person, 45, "needle & thread").await;
    crate::api::search::insert_notes(&person, 30, "hay").await;
    let browser = person.browser(&app).await;
    let (pages, path) = browser.pages("/notes?q=needle+%26").await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [20, 20, 5]);
    let last = browser.page(&path).await;
    assert_eq!(last.value("q"), "needle &", "the words travel with the pages");
    let back = browser.page(last.one("a[rel='prev']").value().attr("href").expect("an address")).await;
    assert_eq!(back.note_ids(), pages[1]);
    let first = browser.page(back.one("a[rel='prev']").value().attr("href").expect("an address")).await;
    assert_eq!(first.note_ids(), pages[0]);
    assert!(!first.has("a[rel='prev']"));
}

#[tokio::test]
async fn the_inbox_is_searched_apart_from_own_notes() {
    let app = spawn_app().await;
    let author = Person::founder(&app).await;
    let reader = author.colleague(&app).await;
    let theirs = author.script(&app).await;
    let (shared, _unshared) =
        (theirs.note("harvest in autumn").await, theirs.note("harvest in secret").await);
    insert_delivery(&author, shared, &reader, "read").await;
    let browser = reader.browser(&app).await;
    let own = browser.note("my own harvest").await;
    let inbox = browser.page("/inbox?q=harv").await;
    assert_eq!(inbox.note_ids(), [shared]);
    assert_eq!(highlighted(&inbox), ["harvest"]);
    let elsewhere =
        inbox.one("main a[href^='/notes?q=']").value().attr("href").expect("an address").to_owned();
    let notes = browser.page(&elsewhere).await;
    assert_eq!(notes.note_ids(), [own]);
    assert!(notes.has("a[href='/inbox?q=harv']"));
    assert_eq!(browser.page("/inbox").await.all(".unread-label").len(), 1, "finding a note does not open it");
    assert!(browser.page("/inbox?q=secret").await.note_ids().is_empty());
}

#[tokio::test]
async fn every_input_is_a_search_or_is_refused_beside_the_field() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    browser.note("it's a note \\ with \"quotes\" & <b>marks</b>").await;
    for words in [
        "'",
        "''",
        "\"",
        "%",
        "_",
        "\\",
        "\\'",
        "&",
        "|",
        "!",
        "<->",
        ":*",
        "' \" % _ \\ & | ! <-> :*",
        "a:*b",
        "(",
        "-",
        "or",
        "\"a",
        "\u{2}",
        "it's",
        "😀 é",
    ] {
        for path in ["/notes", "/inbox"] {
            let page = browser.get(&encoded(path, words)).await.expect(200);
            assert_eq!(Page::parse(&page.text()).value("q"), words.trim(), "{words}");
        }
    }
    assert_eq!(browser.page(&encoded("/notes", "it's <b>")).await.note_ids().len(), 1);
    for path in ["/notes", "/inbox"] {
        for words in ["x".repeat(10 * 1024), "y ".repeat(101)] {
            let page = Page::parse(&browser.get(&encoded(path, &words)).await.expect(422).text());
            assert_eq!(page.field_error("q"), "Search for at most 200 characters.");
            assert_eq!(page.value("q"), words.trim());
        }
        browser.get(&encoded(path, "\0")).await.expect(422);
    }
}
