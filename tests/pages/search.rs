//! Search on the pages.

use crate::support::{Call, Page, Person, sharing::insert_delivery, spawn_app};

fn highlighted(page: &Page) -> Vec<String> {
    page.all(".result mark").iter().map(|mark| mark.text().collect()).collect()
}

fn encoded(path: &str, words: &str) -> String {
    format!("{path}?{}", form_urlencoded::Serializer::new(String::new()).append_pair("q", words).finish())
}

/// What the page says of the number of results.
fn total(page: &Page) -> String {
    page.one("#results [data-status]").text().collect::<String>().trim().to_owned()
}

#[tokio::test]
async fn matches_are_highlighted_and_other_notes_are_left_out() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    let browser = person.browser(&app).await;
    let kept =
        browser.note(&format!("# Shopping\n\n{} bread, **Butter** and milk", "word ".repeat(400))).await;
    browser.note("something else").await;
    let list = browser.page("/notes").await;
    assert_eq!(
        list.one("form[role='search'][action='/search'] input[name='q']").value().attr("value"),
        Some("")
    );

    let found = browser.page("/search?q=butt+MILK").await;
    assert_eq!(found.note_ids(), [kept]);
    assert_eq!(highlighted(&found), ["Butter", "milk"]);
    assert_eq!(found.value("q"), "butt MILK");
    assert_eq!(total(&found), "1 note with “butt MILK”");
    assert!(found.title().starts_with("“butt MILK” in your notes"));
    let text = found.one(".result").text().collect::<String>();
    assert!(
        text.contains("Shopping") && !text.contains("**"),
        "the heading stays, the markup does not: {text}"
    );

    let nothing = browser.page("/search?q=butter+cheese").await;
    assert!(nothing.note_ids().is_empty() && nothing.text().contains("No matches for “butter cheese”"));
    let empty = browser.page("/search?q=++").await;
    assert!(empty.note_ids().is_empty() && empty.value("q").is_empty());
}

#[tokio::test]
async fn an_address_of_a_list_with_words_leads_to_the_search() {
    let app = spawn_app().await;
    let browser = Person::founder(&app).await.browser(&app).await;
    for list in ["/notes", "/inbox"] {
        browser.get(&encoded(list, "a b&c")).await.expect_see_other("/search?q=a+b%26c");
        browser.get(&format!("{list}?q=+")).await.expect(200);
    }
}

#[tokio::test]
async fn an_edited_note_is_found_by_its_new_words_and_a_deleted_one_only_with_the_bin() {
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
    assert!(browser.page("/search?q=early").await.note_ids().is_empty());
    let by_title = browser.page("/search?q=overview+later").await;
    assert_eq!(by_title.note_ids(), [id]);
    assert_eq!(highlighted(&by_title), ["Overview", "later"]);
    browser.post(&format!("/notes/{id}/deletion"), &[]).await.expect_see_other("/notes");
    assert!(browser.page("/search?q=later").await.note_ids().is_empty());
    let in_bin = browser.page("/search?q=later&bin=on").await;
    assert!(in_bin.one(".result").text().collect::<String>().contains("in the bin"));
    assert!(in_bin.has("input[name='bin'][checked]") && in_bin.has(".result a[href='/bin']"));
    browser.post(&format!("/notes/{id}/restoration"), &[]).await.expect(303);
    assert_eq!(browser.page("/search?q=later").await.note_ids(), [id]);
}

#[tokio::test]
async fn search_results_are_paged_and_counted_on_the_first_page() {
    let app = spawn_app().await;
    let person = Person::founder(&app).await;
    crate::api::search::insert_notes(&person, 45, "needle & thread").await;
    crate::api::search::insert_notes(&person, 30, "hay").await;
    let browser = person.browser(&app).await;
    let (pages, path) = browser.pages("/search?q=needle+%26").await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [20, 20, 5]);
    let last = browser.page(&path).await;
    assert_eq!(last.value("q"), "needle &", "the words travel with the pages");
    assert_eq!(total(&last), "More notes with “needle &”");
    assert_eq!(total(&browser.page("/search?q=needle").await), "45 notes with “needle”");
    assert_eq!(browser.page("/search?q=needle&after=nonsense").await.note_ids(), pages[0]);
}

#[tokio::test]
async fn shared_notes_are_found_beside_own_ones_with_who_shared_them() {
    let app = spawn_app().await;
    let author = Person::founder(&app).await;
    let reader = author.colleague(&app).await;
    let theirs = author.script(&app).await;
    let (shared, _unshared) =
        (theirs.note("harvest in autumn").await, theirs.note("harvest in secret").await);
    insert_delivery(&author, shared, &reader, "read").await;
    let browser = reader.browser(&app).await;
    let own = browser.note("my own harvest").await;
    let found = browser.page("/search?q=harv").await;
    assert_eq!(found.note_ids(), [own, shared]);
    assert_eq!(highlighted(&found), ["harvest", "harvest"], "their only lines are their titles");
    let from = found.one(&format!(".result[data-note='{shared}'] .meta")).text().collect::<String>();
    assert!(from.contains(&format!("from {}", author.username)), "{from}");
    assert_eq!(browser.page("/inbox").await.all(".unread-label").len(), 1, "finding a note does not open it");
    assert!(browser.page("/search?q=secret").await.note_ids().is_empty());
}

#[tokio::test]
async fn a_script_gets_the_results_alone() {
    let app = spawn_app().await;
    let browser = Person::founder(&app).await.browser(&app).await;
    let id = browser.note("a lighthouse").await;
    let call = Call::new("GET", "/search?q=lighth").header("accept", "text/x-fragment");
    let fragment = browser.answer(call).await.expect(200).text();
    assert!(!fragment.contains("<html") && fragment.contains("1 note with"), "{fragment}");
    assert_eq!(Page::parse(&fragment).note_ids(), [id]);
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
        for path in ["/search"] {
            let page = browser.get(&encoded(path, words)).await.expect(200);
            assert_eq!(Page::parse(&page.text()).value("q"), words.trim(), "{words}");
        }
    }
    assert_eq!(browser.page(&encoded("/search", "it's <b>")).await.note_ids().len(), 1);
    for path in ["/search"] {
        for words in ["x".repeat(10 * 1024), "y ".repeat(101)] {
            let page = Page::parse(&browser.get(&encoded(path, &words)).await.expect(422).text());
            assert_eq!(page.field_error("q"), "Search for at most 200 characters.");
            assert_eq!(page.value("q"), words.trim());
        }
        browser.get(&encoded(path, "\0")).await.expect(422);
    }
}
